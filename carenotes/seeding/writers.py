"""Ways to put a batch of notes into a database: each batch and the ledger's row in one transaction, or not at all."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, Protocol, Self
from urllib.parse import quote

import adbc_driver_sqlite
import numpy as np
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcStatement
from sqlalchemy import Connection, Engine, insert, update
from sqlalchemy.orm import Session

from carenotes.databases import BUSY_TIMEOUT, sqlite_path
from carenotes.errors import Failed
from carenotes.models import CareNote, SeedLoad
from carenotes.seeding.arrow import column, strings


class Writer(AbstractContextManager["Writer"], Protocol):
    """Writes batches in order; `before` is the number of notes of the load that must be there already."""

    def write(self, notes: pa.Table, load_id: str, before: int) -> None:
        """Insert the notes (columns of `care_notes`, ids included) and move the ledger, in one transaction."""


class RowWriter:
    """Writes through a SQLAlchemy connection with one of the row-wise ways to insert."""

    def __init__(self, engine: Engine, insert_rows: Callable[[Connection, pa.Table], None]) -> None:
        self._connection = engine.connect()
        self._insert = insert_rows

    def write(self, notes: pa.Table, load_id: str, before: int) -> None:
        """See `Writer`. The ledger moves first: a write lock is taken, and two loads at once are found out."""
        moved = (
            update(SeedLoad)
            .where(SeedLoad.load_id == load_id, SeedLoad.notes_loaded == before)
            .values(notes_loaded=before + len(notes))
        )
        with self._connection.begin():
            if self._connection.execute(moved).rowcount != 1:
                raise Failed("another load of the same notes is at work; wait for it, then run again")
            self._insert(self._connection, notes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def add_all(connection: Connection, notes: pa.Table) -> None:
    """ORM objects through the unit of work: what a first version does."""
    with Session(connection) as session:
        session.add_all(CareNote(**row) for row in notes.to_pylist())
        session.flush()


def executemany(connection: Connection, notes: pa.Table) -> None:
    """One Core insert with a list of dictionaries, which becomes the driver's executemany."""
    connection.execute(insert(CareNote), notes.to_pylist())


class ArrowWriter:
    """Hands whole Arrow batches to SQLite through ADBC; no Python object is made for any value.

    ADBC's own low-level interface, since its DBAPI one loads half of pandas and swallows Ctrl-C.
    """

    def __init__(self, engine: Engine) -> None:
        self._database = adbc_driver_sqlite.connect(f"file:{quote(str(sqlite_path(engine)))}")
        self._connection = AdbcConnection(self._database)
        self._rows(f"PRAGMA busy_timeout = {round(BUSY_TIMEOUT * 1000)}")
        self._rows("PRAGMA cache_size = -65536")  # 64 MB: a batch stays in memory until it is committed

    def write(self, notes: pa.Table, load_id: str, before: int) -> None:
        """See `Writer`."""
        # The driver's own transactions begin too late for the ledger. An error ends the load: the connection is closed,
        # and what was not committed is gone.
        self._do("BEGIN IMMEDIATE")
        there = self._rows("SELECT notes_loaded FROM seed_loads WHERE load_id = ?", load_id)
        if there != [{"notes_loaded": before}]:
            raise Failed("another load of the same notes is at work; wait for it, then run again")
        self._insert(_with_text_times(notes))
        self._do("UPDATE seed_loads SET notes_loaded = ? WHERE load_id = ?", before + len(notes), load_id)
        self._do("COMMIT")

    def _insert(self, notes: pa.Table) -> None:
        with AdbcStatement(self._connection) as statement:
            table = {"adbc.ingest.target_table": CareNote.__tablename__, "adbc.ingest.mode": "adbc.ingest.mode.append"}
            statement.set_options(**table)
            statement.bind_stream(notes.__arrow_c_stream__())
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


def _with_text_times(notes: pa.Table) -> pa.Table:
    """Times as SQLite keeps them; ADBC by itself would write a `T` between day and time."""
    place = notes.schema.get_field_index("created_at")
    return notes.set_column(place, "created_at", notes["created_at"].cast(pa.string()))


WRITERS: Mapping[str, Callable[[Engine], Writer]] = MappingProxyType(
    {
        "add_all": lambda engine: RowWriter(engine, add_all),
        "executemany": lambda engine: RowWriter(engine, executemany),
        "arrow": ArrowWriter,
    }
)
