"""A batch put into a database: its rows and the ledger's row in one transaction, or not at all."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, Self

import pyarrow as pa
from sqlalchemy import Connection, Engine, Table, insert, update
from typing_extensions import override

from carenotes.backends import told_plainly
from carenotes.errors import Failed
from carenotes.models import Base

Batch = Mapping[str, pa.Table]  # rows to add, by the name of their table
AT_WORK = "another load of the same notes is at work; wait for it, then run again"


@dataclass(frozen=True)
class Step:
    """How a row of a ledger moves with a batch; its counter must stand at `before`, or another load is at work."""

    ledger: str  # a table whose key is one text
    key: str
    counter: str
    before: int
    after: Mapping[str, int]

    @property
    def table(self) -> Table:
        """The ledger."""
        return Base.metadata.tables[self.ledger]

    @property
    def key_name(self) -> str:
        """The column of its key."""
        [only] = self.table.primary_key.columns
        return only.name


def nothing() -> None:
    """What is done last where there is nothing to do."""


class Writer(AbstractContextManager["Writer"], Protocol):
    """Writes batches in order."""

    def write(self, batch: Batch, step: Step | None = None, last: Callable[[], None] = nothing) -> None:
        """Insert the rows (columns of their tables, ids included) and move the ledger, if any, in one transaction.

        `last` is called before the commit, when the ledger has moved: nobody else is at the same place then. What a
        driver says is raised in plain words, as Refused or Failed.
        """


def executemany(connection: Connection, table: str, rows: pa.Table) -> None:
    """One Core insert with a list of dictionaries, which becomes the driver's executemany."""
    connection.execute(insert(Base.metadata.tables[table]), rows.to_pylist())


class RowWriter(Writer):
    """Writes through a SQLAlchemy connection, rows in whichever way they are inserted."""

    def __init__(
        self, engine: Engine, insert_rows: Callable[[Connection, str, pa.Table], None], before: Sequence[str]
    ) -> None:
        self._connection = engine.connect()
        for said in before:
            self._connection.exec_driver_sql(said)
        self._connection.commit()
        self._insert = insert_rows

    @override
    def write(self, batch: Batch, step: Step | None = None, last: Callable[[], None] = nothing) -> None:
        """The ledger moves first: a write lock is taken, and two loads at once are found out."""
        with told_plainly(self._connection, self._connection.dialect.loaded_dbapi.Error), self._connection.begin():
            if step is not None:
                _move(self._connection, step)
            for name, rows in batch.items():
                self._insert(self._connection, name, rows)
            last()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _move(connection: Connection, step: Step) -> None:
    ledger = step.table.c
    there = (ledger[step.key_name] == step.key) & (ledger[step.counter] == step.before)
    moved = update(step.table).where(there).values(**step.after).returning(ledger[step.key_name])
    if connection.execute(moved).first() is None:
        raise Failed(AT_WORK)
