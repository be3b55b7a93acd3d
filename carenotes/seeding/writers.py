"""Ways to put a batch of notes into a database: each batch and the ledger's row in one transaction, or not at all."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType, TracebackType
from typing import Protocol, Self

import pyarrow as pa
from adbc_driver_sqlite import dbapi
from sqlalchemy import Connection, Engine, insert, update
from sqlalchemy.orm import Session

from carenotes.databases import BUSY_TIMEOUT, sqlite_path
from carenotes.errors import Failed
from carenotes.models import CareNote, SeedLoad


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
    """Hands whole Arrow batches to SQLite through ADBC; no Python object is made for any value."""

    def __init__(self, engine: Engine) -> None:
        # The driver's own transactions begin too late for the ledger; ours are spelled out.
        self._connection = dbapi.connect(f"file:{sqlite_path(engine)}", autocommit=True)
        self._cursor = self._connection.cursor()
        self._pragma(f"busy_timeout = {round(BUSY_TIMEOUT * 1000)}")
        self._pragma("cache_size = -65536")  # 64 MB: a batch stays in memory until it is committed

    def write(self, notes: pa.Table, load_id: str, before: int) -> None:
        """See `Writer`."""
        self._cursor.execute("BEGIN IMMEDIATE")
        try:
            self._cursor.execute("SELECT notes_loaded FROM seed_loads WHERE load_id = ?", (load_id,))
            if self._cursor.fetchone() != (before,):
                raise Failed("another load of the same notes is at work; wait for it, then run again")
            self._cursor.adbc_ingest(CareNote.__tablename__, _with_text_times(notes), mode="append")
            advance = "UPDATE seed_loads SET notes_loaded = ? WHERE load_id = ?"
            self._cursor.execute(advance, (before + len(notes), load_id))
            self._cursor.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _pragma(self, setting: str) -> None:
        self._cursor.execute(f"PRAGMA {setting}")
        self._cursor.fetchall()

    def _roll_back(self) -> None:
        try:
            self._cursor.execute("ROLLBACK")
        except dbapi.Error:  # SQLite has rolled back already, as it does when the disk is full
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cursor.close()
        self._connection.close()


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
