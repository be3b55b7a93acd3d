"""Arrow tables handed to SQLite as they are."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import adbc_driver_manager
import adbc_driver_sqlite
import numpy as np
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcStatement
from sqlalchemy import Engine
from typing_extensions import override

from carenotes.backends import told_plainly
from carenotes.backends.bulk.arrow import column, strings
from carenotes.backends.bulk.writing import AT_WORK, Batch, Step, Writer, nothing
from carenotes.errors import Failed


class AdbcWriter(Writer):
    """Hands whole Arrow batches to SQLite through ADBC; no Python object is made for any value.

    ADBC's own low-level interface, since its DBAPI one loads half of pandas and swallows Ctrl-C.
    """

    def __init__(self, engine: Engine, file: Path, patience: float, before: Sequence[str]) -> None:
        self._engine = engine
        with told_plainly(engine, adbc_driver_manager.Error):
            self._database = adbc_driver_sqlite.connect(f"file:{quote(str(file))}")
            self._connection = AdbcConnection(self._database)
            self._rows(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            for said in before:
                self._rows(said)

    @override
    def write(self, batch: Batch, step: Step | None = None, last: Callable[[], None] = nothing) -> None:
        # The driver's own transactions begin too late for the ledger. An error ends the load: the connection is closed,
        # and what was not committed is gone.
        with told_plainly(self._engine, adbc_driver_manager.Error):
            self._do("BEGIN IMMEDIATE")
            if step is not None:
                self._move(step)
            for name, rows in batch.items():
                self._insert(name, rows)
            last()
            self._do("COMMIT")

    def _move(self, step: Step) -> None:
        there = self._rows(f"SELECT {step.counter} FROM {step.ledger} WHERE {step.key_name} = ?", step.key)  # noqa: S608
        if there != [{step.counter: step.before}]:
            raise Failed(AT_WORK)
        changes = ", ".join(f"{name} = ?" for name in step.after)
        self._do(f"UPDATE {step.ledger} SET {changes} WHERE {step.key_name} = ?", *step.after.values(), step.key)  # noqa: S608

    def _insert(self, table: str, rows: pa.Table) -> None:
        with AdbcStatement(self._connection) as statement:
            statement.set_options(**{"adbc.ingest.target_table": table, "adbc.ingest.mode": "adbc.ingest.mode.append"})
            statement.bind_stream(_with_text_times(rows).__arrow_c_stream__())
            statement.execute_update()

    def _do(self, sql: str, *values: int | str) -> None:
        with self._prepared(sql, values) as statement:
            statement.execute_update()

    def _rows(self, sql: str, *values: int | str) -> list[dict[str, Any]]:
        with self._prepared(sql, values) as statement:
            stream, _ = statement.execute_query()
            rows: list[dict[str, Any]] = pa.RecordBatchReader.from_stream(stream).read_all().to_pylist()
            return rows

    def _prepared(self, sql: str, values: Sequence[int | str]) -> AdbcStatement:
        statement = AdbcStatement(self._connection)
        statement.set_sql_query(sql)
        if values:
            row = [strings([v]) if isinstance(v, str) else column(np.array([v]), pa.int64()) for v in values]
            names = [str(place) for place in range(len(row))]
            statement.prepare()
            statement.bind(*pa.RecordBatch.from_arrays(row, names=names).__arrow_c_array__()[::-1])
        return statement

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._database.close()


def _with_text_times(rows: pa.Table) -> pa.Table:
    """Times as SQLite keeps them; ADBC by itself would write a `T` between day and time."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(place, field.name, rows[field.name].cast(pa.string()))
    return rows
