"""Ways to put a batch into a database: its rows and the ledger's row in one transaction, or not at all."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, Self
from urllib.parse import quote

import adbc_driver_sqlite
import numpy as np
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcStatement
from sqlalchemy import Connection, Engine, Table, insert, update
from sqlalchemy.orm import Session

from carenotes.backends import database_file, dialect_of
from carenotes.backends.sqlite import BEFORE_WRITING, BUSY_TIMEOUT
from carenotes.errors import Failed
from carenotes.models import Base, CareNote
from carenotes.seeding.arrow import column, strings

Batch = Mapping[str, pa.Table]  # rows to add, by the name of their table


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


def _nothing() -> None: ...


@dataclass(frozen=True)
class Work:
    """One transaction: rows, the step of the ledger, and what is done last of all before it becomes permanent."""

    batch: Batch
    step: Step
    last: Callable[[], None] = _nothing


_AT_WORK = "another load of the same notes is at work; wait for it, then run again"


class Writer(AbstractContextManager["Writer"], Protocol):
    """Writes batches in order."""

    def write(self, batch: Batch, step: Step | None = None, last: Callable[[], None] = _nothing) -> None:
        """Insert the rows (columns of their tables, ids included) and move the ledger, if any, in one transaction.

        `last` is called before the commit, when the ledger has moved: nobody else is at the same place then.
        """


class RowWriter:
    """Writes through a SQLAlchemy connection with one of the row-wise ways to insert."""

    def __init__(self, engine: Engine, insert_rows: Callable[[Connection, str, pa.Table], None]) -> None:
        self._connection = engine.connect()
        driver: Any = self._connection.connection.driver_connection
        for said in dialect_of(engine).BEFORE_WRITING:
            driver.execute(said)
        self._insert = insert_rows

    def write(self, batch: Batch, step: Step | None = None, last: Callable[[], None] = _nothing) -> None:
        """See `Writer`. The ledger moves first: a write lock is taken, and two loads at once are found out."""
        with self._connection.begin():
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
        raise Failed(_AT_WORK)


def add_all(connection: Connection, table: str, rows: pa.Table) -> None:
    """ORM objects through the unit of work: what a first version does."""
    [model] = [one.class_ for one in Base.registry.mappers if one.class_.__tablename__ == table]
    with Session(connection) as session:
        session.add_all(model(**row) for row in rows.to_pylist())
        session.flush()


def executemany(connection: Connection, table: str, rows: pa.Table) -> None:
    """One Core insert with a list of dictionaries, which becomes the driver's executemany."""
    connection.execute(insert(Base.metadata.tables[table]), rows.to_pylist())


def from_memory(connection: Connection, table: str, rows: pa.Table) -> None:
    """DuckDB reads an Arrow table where it lies in memory."""
    driver: Any = connection.connection.driver_connection
    driver.register("carenotes_batch", rows)
    names = ", ".join(rows.column_names)
    driver.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM carenotes_batch")  # noqa: S608 - names of the model
    driver.unregister("carenotes_batch")


class AdbcWriter:
    """Hands whole Arrow batches to SQLite through ADBC; no Python object is made for any value.

    ADBC's own low-level interface, since its DBAPI one loads half of pandas and swallows Ctrl-C.
    """

    def __init__(self, engine: Engine) -> None:
        self._database = adbc_driver_sqlite.connect(f"file:{quote(str(database_file(engine)))}")
        self._connection = AdbcConnection(self._database)
        self._rows(f"PRAGMA busy_timeout = {round(BUSY_TIMEOUT * 1000)}")
        for said in BEFORE_WRITING:
            self._rows(said)

    def write(self, batch: Batch, step: Step | None = None, last: Callable[[], None] = _nothing) -> None:
        """See `Writer`."""
        # The driver's own transactions begin too late for the ledger. An error ends the load: the connection is closed,
        # and what was not committed is gone.
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
            raise Failed(_AT_WORK)
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


def arrow(engine: Engine) -> Writer:
    """Whole Arrow tables by the shortest way that the engine has."""
    return AdbcWriter(engine) if engine.dialect.name == "sqlite" else RowWriter(engine, from_memory)


WRITERS: Mapping[str, Callable[[Engine], Writer]] = MappingProxyType(
    {
        "add_all": lambda engine: RowWriter(engine, add_all),
        "executemany": lambda engine: RowWriter(engine, executemany),
        "arrow": arrow,
    }
)


def notes_batch(notes: pa.Table, first_id: int) -> Batch:
    """Notes as a batch, numbered from `first_id`."""
    ids = column(np.arange(first_id, first_id + len(notes), dtype=np.int64), pa.int64())
    return {CareNote.__tablename__: notes.add_column(0, "id", ids)}


def written(sink: Writer, works: Iterable[Work]) -> Generator[Step, None, None]:
    """Write in a thread, the next work being made meanwhile; give each step when it has become permanent."""
    with ThreadPoolExecutor(1) as background:
        writing: Future[Step] | None = None
        try:
            for work in works:
                if writing is not None:
                    yield writing.result()
                writing = background.submit(_write_one, sink, work)
        except Exception:  # what is being written all the same is told
            if writing is not None:
                yield writing.result()
            raise
        if writing is not None:
            yield writing.result()


def _write_one(sink: Writer, work: Work) -> Step:
    sink.write(work.batch, work.step, work.last)
    return work.step
