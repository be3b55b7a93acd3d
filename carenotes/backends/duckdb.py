"""DuckDB: columns in one file, which one process at a time may open, be it only to read.

Its `care_notes` has no primary key, whose index would halve the rate of a load. What keeps ids apart is the ledger,
which gives them out: loads begin one after the other (`alone`), none while another is unfinished, and each batch is
refused if one of its ids is there. A note without an id is refused by DuckDB.
"""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Column, Connection, Engine, MetaData, Table, create_engine, event, inspect
from sqlalchemy.exc import NoSuchModuleError
from sqlalchemy.ext.compiler import compiles

from carenotes.backends import files
from carenotes.backends.backend import Says
from carenotes.backends.expressions import Among, DayNumber, Numbers, OnDay, Padded, Pairs, Spans, TextOfTime, arguments
from carenotes.backends.files import absolute as absolute
from carenotes.backends.files import check as check
from carenotes.backends.files import clear as clear
from carenotes.backends.files import drop as drop
from carenotes.backends.files import exists as exists
from carenotes.backends.files import file as file
from carenotes.backends.files import process as process
from carenotes.backends.files import settle as settle
from carenotes.backends.files import shown as shown
from carenotes.backends.files import size as size
from carenotes.design import Design
from carenotes.errors import Failed, Refused
from carenotes.models import Base, CareNote

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from carenotes.backends.bulk.writing import Writer

IS_ENGINE = True
OWN_DESIGNS: tuple[Design, ...] = ()
NAME = "DuckDB"
EXAMPLE = "duckdb:///notes.duckdb"
BEST_DESIGN = "none"  # it keeps columns and their ranges: its scan needs no index
HAS_ASYNC = False
HAS_OTHERS = False
LOADS_LATE: tuple[str, ...] = ("duckdb_sqlalchemy", "pandas")
# Its log is put into the file when there is much of it: for each batch anew it takes longer than the batch.
BEFORE_WRITING: tuple[str, ...] = ("SET wal_autocheckpoint = '256MB'",)
JOURNALS: Mapping[str, tuple[str, ...]] = {}  # while one process writes, no other has the database open
BUSY: tuple[str, ...] = ()
SAYS: Says = {
    "not a valid duckdb database": (Refused, "not a DuckDB database"),
    "could not set lock": (Refused, "the database is open in another process; DuckDB allows one at a time"),
    "different configuration": (Refused, "the database is open already in this process, otherwise than asked for now"),
    "database does not exist": (Refused, "no such database"),
    "read-only mode": (Refused, "the database is read-only"),
    "no space left": (Failed, "the disk is full"),
    "could not write": (Failed, "the disk cannot be written to (is it full?)"),
    "cannot open file": (Refused, "cannot be opened; it must be a readable file in a folder that exists"),
}
_BEGINNING: dict[Path, Lock] = {}  # by file: there is no other process


def place(folder: Path, name: str) -> URL:
    """A file."""
    return URL.create("duckdb", database=str(folder.absolute() / f"{name}.duckdb"))


def engine(url: URL, *, read_only: bool, create: bool) -> Engine:
    """DuckDB itself makes a file that is absent, whenever it may write."""
    if create:
        files.check_writable(url)
    elif not exists(url):
        raise Refused(f"{shown(url)}: no such database")
    try:
        return _quiet(create_engine(absolute(url), connect_args={"read_only": read_only}))
    except (NoSuchModuleError, ModuleNotFoundError):
        raise Refused("duckdb: not installed; pip install 'carenotes[duckdb]'") from None


def pool(url: URL, size: int) -> Engine:
    """Connections to the one database of this process."""
    return _quiet(create_engine(absolute(url), connect_args={"read_only": True}, pool_size=size, max_overflow=0))


def _quiet(made: Engine) -> Engine:
    """Without the bar that DuckDB draws where nothing says that it runs a script: in notebooks and in workers."""

    @event.listens_for(made, "connect")
    def no_bar(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA disable_progress_bar")

    return made


def async_pool(url: URL, size: int) -> "AsyncEngine":  # noqa: ARG001
    """There is none."""
    raise Refused(f"{shown(url)}: {NAME} has no async driver")


def create_tables(connection: Connection) -> None:
    """Notes without the index of a key."""
    columns = [Column(one.name, one.type, nullable=one.nullable) for one in CareNote.__table__.columns]
    Table(CareNote.__tablename__, MetaData(), *columns).create(connection, checkfirst=True)
    Base.metadata.create_all(connection)


def mismatch(connection: Connection) -> str | None:
    """By the type of the column."""
    kinds = {column["name"]: str(column["type"]) for column in inspect(connection).get_columns("care_notes")}
    return None if kinds["created_at"] == "TIMESTAMP" else f"created_at is {kinds['created_at']}, not TIMESTAMP"


def alone(engine: Engine) -> AbstractContextManager[object]:
    """A lock of this process, for no other can have the database."""
    return _BEGINNING.setdefault(file(engine.url).resolve(), Lock())


def writer(engine: Engine) -> "Writer":
    from carenotes.backends.bulk.writing import RowWriter

    return RowWriter(engine, _from_memory, BEFORE_WRITING)


def _from_memory(connection: Connection, table: str, rows: Any) -> None:
    """DuckDB reads an Arrow table where it lies in memory."""
    own: Any = driver(connection)
    own.register("carenotes_batch", rows)
    names = ", ".join(rows.column_names)
    if table == CareNote.__tablename__:
        _refuse_doubled(own)
    own.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM carenotes_batch")  # noqa: S608 - names of the model
    own.unregister("carenotes_batch")


def _refuse_doubled(own: Any) -> None:
    """There are no ids between the lowest and the highest of a batch; to look takes a fiftieth of the insert."""
    lowest, highest = own.execute("SELECT min(id), max(id) FROM carenotes_batch").fetchone()
    [there] = own.execute("SELECT count(*) FROM care_notes WHERE id BETWEEN ? AND ?", (lowest, highest)).fetchone()
    if there:
        raise Failed(f"ids from {lowest} to {highest} were given out, and {there} notes have some of them already")


def driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def copy(source: URL, target: URL) -> None:
    """The file, when all of the log is in it."""
    _put_log_into_file(source)
    files.copy(source, target)


def move(source: URL, target: URL) -> None:
    _put_log_into_file(source)
    files.move(source, target)


def _put_log_into_file(url: URL) -> None:
    """There is a log where a process was killed, or where something of this one still holds the database."""
    if file(url).with_name(f"{file(url).name}.wal").exists():
        writing = engine(url, read_only=False, create=False)
        with writing.connect() as connection:
            connection.exec_driver_sql("CHECKPOINT")
        writing.dispose()


def index_names(connection: Connection) -> set[str]:
    query = "SELECT index_name FROM duckdb_indexes() WHERE table_name = 'care_notes'"
    return set(connection.exec_driver_sql(query).scalars())


def settings(connection: Connection) -> dict[str, str]:
    names = ("threads", "memory_limit")
    return {name: str(connection.exec_driver_sql(f"SELECT current_setting('{name}')").scalar()) for name in names}


def version() -> str:
    return metadata.version("duckdb")


def explained(connection: Connection, sql: str, values: Any) -> list[str]:
    [(_, plan)] = connection.exec_driver_sql(f"EXPLAIN (FORMAT json) {sql}", values)
    return [line for root in json.loads(plan) for line in _operator(root, 0)]


def _operator(node: dict[str, Any], depth: int) -> list[str]:
    shown = [node.get("extra_info", {}).get(key) for key in ("Table", "Filters")]
    text = " ".join([node["name"], *(one if isinstance(one, str) else ", ".join(one) for one in shown if one)])
    return ["  " * depth + text] + [line for child in node["children"] for line in _operator(child, depth + 1)]


@compiles(TextOfTime, "duckdb")
def _time(element: TextOfTime, compiler: Any, **options: Any) -> str:
    return f"strftime({arguments(element, compiler, options)[0]}, '%Y-%m-%d %H:%M:%S.%f')"


@compiles(OnDay, "duckdb")
def _on_day(element: OnDay, compiler: Any, **options: Any) -> str:
    moment, day = arguments(element, compiler, options)
    return f"strftime({moment}, '%Y-%m-%d') = {day}"


@compiles(Padded, "duckdb")
def _padded(element: Padded, compiler: Any, **options: Any) -> str:
    number, length = arguments(element, compiler, options)
    return f"right(lpad(CAST({number} AS VARCHAR), greatest({length}, 20), '0'), {length})"


@compiles(Numbers, "duckdb")
def _numbers(element: Numbers, compiler: Any, **options: Any) -> str:
    return f"(SELECT unnest(CAST({arguments(element, compiler, options)[0]} AS BIGINT[])) AS value)"


@compiles(DayNumber, "duckdb")
def _day_number(element: DayNumber, compiler: Any, **options: Any) -> str:
    return f"date_diff('day', DATE '0001-01-01', CAST({arguments(element, compiler, options)[0]} AS DATE)) + 1"


@compiles(Among, "duckdb")
def _among(element: Among, compiler: Any, **options: Any) -> str:
    number, listed = arguments(element, compiler, options)
    return f"{number} IN (SELECT unnest(CAST({listed} AS BIGINT[])))"


@compiles(Spans, "duckdb")
def _spans(element: Spans, compiler: Any, **options: Any) -> str:
    pairs = f"(SELECT unnest(CAST({arguments(element, compiler, options)[0]} AS TIMESTAMP[][])) AS pair)"
    return f"(SELECT pair[1] AS first, pair[2] AS last FROM {pairs})"  # noqa: S608 - no value: its place


@compiles(Pairs, "duckdb")
def _pairs(element: Pairs, compiler: Any, **options: Any) -> str:
    pairs = f"(SELECT unnest(CAST({arguments(element, compiler, options)[0]} AS BIGINT[][])) AS pair)"
    return f"(SELECT pair[1] AS first, pair[2] AS second FROM {pairs})"  # noqa: S608 - no value: its place
