"""Arrow tables handed to a database as they are, through ADBC; no Python object is made for any value.

ADBC's own low-level interface, since its DBAPI one loads half of pandas and swallows Ctrl-C. The driver's own
transactions begin too late for the ledger: here they are statements like others.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Self

import adbc_driver_manager
import numpy as np
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement
from sqlalchemy import Boolean, Engine
from typing_extensions import override

from carenotes.backends import told_plainly
from carenotes.backends.bulk.arrow import column, strings
from carenotes.backends.bulk.writing import AT_WORK, Batch, Step, Writer, nothing
from carenotes.errors import Failed


class AdbcWriter(Writer):
    """Writes whole batches; each engine has one of its own.

    Places for values are spelled `$1`, `$2`, ... in the order in which they stand, which every driver understands.
    """

    BEGIN = "BEGIN"
    LOCKING = ""  # at the end of a SELECT: nobody else reads the row so until this transaction has ended

    def __init__(self, engine: Engine, before: Sequence[str]) -> None:
        """`before`: what is said on the connection first."""
        self._engine = engine
        with told_plainly(engine, adbc_driver_manager.Error):
            self._database = self._opened()
            self._connection = AdbcConnection(self._database)
            for said in before:
                self._rows(said)

    @abstractmethod
    def _opened(self) -> AdbcDatabase:
        """The database, through the driver of the engine."""

    @abstractmethod
    def _as_kept(self, table: str, rows: pa.Table) -> pa.Table:
        """Rows with values of the types that the columns of the table have."""

    @override
    def write(self, batch: Batch, step: Step | None = None, last: Callable[[], None] = nothing) -> None:
        # An error ends the load: the connection is closed, and what was not committed is gone.
        with told_plainly(self._engine, adbc_driver_manager.Error):
            self._do(self.BEGIN)
            if step is not None:
                self._move(step)
            for name, rows in batch.items():
                self._insert(name, rows)
            last()
            self._do("COMMIT")

    def _move(self, step: Step) -> None:
        asked = f"SELECT {step.counter} FROM {step.ledger} WHERE {step.key_name} = $1{self.LOCKING}"  # noqa: S608
        if self._rows(asked, step.key) != [{step.counter: step.before}]:
            raise Failed(AT_WORK)
        changes = ", ".join(
            f"{name} = (${place} <> 0)" if isinstance(step.table.c[name].type, Boolean) else f"{name} = ${place}"
            for place, name in enumerate(step.after, 1)
        )
        where = f"{step.key_name} = ${len(step.after) + 1}"
        self._do(f"UPDATE {step.ledger} SET {changes} WHERE {where}", *step.after.values(), step.key)  # noqa: S608

    def _insert(self, table: str, rows: pa.Table) -> None:
        with AdbcStatement(self._connection) as statement:
            statement.set_options(**{"adbc.ingest.target_table": table, "adbc.ingest.mode": "adbc.ingest.mode.append"})
            statement.bind_stream(self._as_kept(table, rows).__arrow_c_stream__())
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
