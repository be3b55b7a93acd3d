"""SQLite: one file, one writer, a lock for the whole of it."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
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
from carenotes.models import Base, BigKey

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from carenotes.backends.bulk.writing import Writer

IS_ENGINE = True
OWN_DESIGNS: tuple[Design, ...] = ()
NAME = "SQLite"
EXAMPLE = "sqlite:///notes.db"
BEST_DESIGN = "covering"
HAS_ASYNC = True
HAS_OTHERS = False
LOADS_LATE: tuple[str, ...] = ()
# In 64 MiB a batch stays in memory until it is committed.
BEFORE_WRITING: tuple[str, ...] = ("PRAGMA cache_size = -65536",)
BUSY_TIMEOUT = 5.0  # seconds that SQLite waits for another process's lock before it gives up
# The switch stays with the file. Who finds a lock waits for `BUSY_TIMEOUT`, and is told after that.
JOURNALS: Mapping[str, tuple[str, ...]] = {
    "rollback journal": ("PRAGMA journal_mode = DELETE",),
    "write-ahead log": ("PRAGMA journal_mode = WAL",),
}
BUSY: tuple[str, ...] = ("database is locked",)
SAYS: Says = {
    "not a database": (Refused, "not an SQLite database"),
    "malformed": (Refused, "the database file is damaged"),
    "database is locked": (Refused, "the database is locked by another process; try again when it is done"),
    "unable to open": (Refused, "cannot be opened; it must be a readable file in a folder that exists"),
    "readonly": (Refused, "the database is read-only"),
    "disk is full": (Failed, "the disk is full"),
    "disk i/o error": (Failed, "the disk cannot be written to (is it full?)"),
}


def place(folder: Path, name: str) -> URL:
    """A file."""
    return URL.create("sqlite", database=str(folder.absolute() / f"{name}.sqlite"))


def engine(url: URL, *, read_only: bool, create: bool) -> Engine:
    """The file is made only when it is written to."""
    if create:
        files.check_writable(url)
    mode = "ro" if read_only else "rwc" if create else "rw"
    return with_real_transactions(create_engine(in_mode(url, mode), connect_args=_patience()))


def pool(url: URL, size: int) -> Engine:
    made = create_engine(in_mode(url, "ro"), connect_args=_patience(), pool_size=size, max_overflow=0)
    return with_real_transactions(made)


def async_pool(url: URL, size: int) -> "AsyncEngine":
    """Through aiosqlite, where each connection has a thread of its own that the event loop waits for."""
    try:
        from sqlalchemy.ext.asyncio import create_async_engine

        address = in_mode(url, "ro").set(drivername=f"{url.get_backend_name()}+aiosqlite")
        made = create_async_engine(address, connect_args=_patience(), pool_size=size, max_overflow=0)
    except ModuleNotFoundError as error:
        raise Refused(f"async: {error.name} is not installed; pip install 'carenotes[async]'") from None
    with_real_transactions(made.sync_engine)
    return made


def _patience() -> dict[str, float]:
    return {"timeout": BUSY_TIMEOUT}


def in_mode(url: URL, mode: str) -> URL:
    """The URL by which SQLite opens a file for reading (`ro`), for writing (`rw`), or making it too (`rwc`)."""
    name = f"file:{quote(str(file(url).absolute()))}"
    return URL.create(url.drivername, database=name, query={"mode": mode, "uri": "true"})


def with_real_transactions(engine: Engine) -> Engine:
    """The engine, whose transactions begin when SQLAlchemy says so."""
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin)
    return engine


def _leave_transactions_to_us(connection: Any, _record: object) -> None:
    # The driver's own handling begins only before a write, so two SELECTs could see two states, and DDL none.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    # Past SQLAlchemy's own counting: it is no statement of whoever asks.
    cursor = connection.connection.cursor()
    cursor.execute(connection.get_execution_options().get("carenotes_begin", "BEGIN"))
    cursor.close()


def create_tables(connection: Connection) -> None:
    Base.metadata.create_all(connection)


def mismatch(connection: Connection) -> str | None:
    """The time of the first note if it is not text in the one format; such would compare wrongly."""
    digits = "[0-9][0-9]"
    shape = f"{digits}{digits}-{digits}-{digits} {digits}:{digits}:{digits}.{digits * 3}"
    probe = text(
        "SELECT created_at FROM care_notes WHERE NOT (typeof(created_at) = 'text' AND created_at GLOB :shape) "
        "AND id IN (SELECT id FROM care_notes LIMIT 1)"
    )
    odd = connection.execute(probe, {"shape": shape}).scalar()
    return None if odd is None else f"created_at is {odd!r}, not text YYYY-MM-DD HH:MM:SS.ffffff"


def alone(engine: Engine) -> AbstractContextManager[object]:  # noqa: ARG001
    """Of two transactions that have read and then write, SQLite refuses one."""
    return nullcontext()


def writer(engine: Engine) -> "Writer":
    """ADBC, but where there is a write-ahead log.

    ADBC brings an SQLite of its own, and in one process two of them do not see each other's locks. With a log, which
    connections hold for as long as they are open, the one would delete what the other still writes to.
    """
    with engine.connect() as connection:
        has_log = connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    if has_log:
        from carenotes.backends.bulk.writing import RowWriter, executemany

        return RowWriter(engine, executemany, BEFORE_WRITING)
    from carenotes.backends.bulk.adbc_sqlite import AdbcSqliteWriter

    return AdbcSqliteWriter(engine, file(engine.url), BUSY_TIMEOUT, BEFORE_WRITING)


def driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def copy(source: URL, target: URL) -> None:
    """The file, when all that belongs to it is in it."""
    _put_journal_into_file(source)
    files.copy(source, target)


def move(source: URL, target: URL) -> None:
    _put_journal_into_file(source)
    files.move(source, target)


def _put_journal_into_file(url: URL) -> None:
    """Where a process was killed, SQLite undoes what was not committed, or finishes what was, at the next look."""
    if files.beside(url):
        with closing(sqlite3.connect(file(url), timeout=BUSY_TIMEOUT, isolation_level=None)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def index_names(connection: Connection) -> set[str]:
    """SQLAlchemy's inspector leaves out those on expressions, and the original's are such."""
    query = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'care_notes'"
    return set(connection.exec_driver_sql(query).scalars())


def settings(connection: Connection) -> dict[str, str]:
    return settings_told(lambda sql: connection.exec_driver_sql(sql).scalar())


def settings_told(ask: Callable[[str], Any]) -> dict[str, str]:
    """The same, of a connection of any driver: `ask` gives the one value that a PRAGMA answers, None for none."""
    found = {name: ask(f"PRAGMA {name}") for name in ("journal_mode", "page_size", "cache_size", "mmap_size")}
    cache, page, mapped = int(found["cache_size"]), int(found["page_size"]), found["mmap_size"]
    return {
        "journal_mode": str(found["journal_mode"]),
        "synchronous": ("off", "normal", "full", "extra")[int(ask("PRAGMA synchronous"))],
        "page_size": f"{page:,} bytes",
        "cache_size": f"{-cache if cache < 0 else cache * page // 1024:,} KiB",  # below 0 it is in KiB, else in pages
        "mmap_size": "none" if mapped is None else f"{int(mapped):,} bytes",  # None: built without it
        "temp_store": ("default", "file", "memory")[int(ask("PRAGMA temp_store"))],
    }


def version() -> str:
    return sqlite3.sqlite_version


def explained(connection: Connection, sql: str, values: Any) -> list[str]:
    depth = {0: -1}
    lines = []
    for node, parent, _, detail in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values):
        depth[node] = depth.get(parent, -1) + 1
        lines.append("  " * depth[node] + detail)
    return lines


@compiles(BigKey, "sqlite")
def _key(_type: BigKey, _compiler: Any, **_: Any) -> str:
    return "INTEGER"  # it counts up only a key that is declared so


@compiles(TextOfTime, "sqlite")
def _time(element: TextOfTime, compiler: Any, **options: Any) -> str:
    return arguments(element, compiler, options)[0]  # as it is kept


@compiles(OnDay, "sqlite")
def _on_day(element: OnDay, compiler: Any, **options: Any) -> str:
    moment, day = arguments(element, compiler, options)
    return f"date({moment}) = {day}"


@compiles(Padded, "sqlite")
def _padded(element: Padded, compiler: Any, **options: Any) -> str:
    number, length = arguments(element, compiler, options)
    return f"substr(printf('%0*d', {length}, {number}), -{length})"


@compiles(Numbers, "sqlite")
def _numbers(element: Numbers, compiler: Any, **options: Any) -> str:
    return f"json_each({arguments(element, compiler, options)[0]})"


@compiles(DayNumber, "sqlite")
def _day_number(element: DayNumber, compiler: Any, **options: Any) -> str:
    # Of the day alone: julianday rounds the last microseconds of a day up. What is no time is of day 0, not an error.
    day = f"substr({arguments(element, compiler, options)[0]}, 1, 10)"
    return f"coalesce(CAST(julianday({day}) - 1721424.5 AS INTEGER), 0)"


@compiles(Among, "sqlite")
def _among(element: Among, compiler: Any, **options: Any) -> str:
    # Not a join with the list: for that, all that is left of the key would be scanned.
    number, listed = arguments(element, compiler, options)
    return f"{number} IN (SELECT value FROM json_each({listed}))"  # noqa: S608 - no value: its place


@compiles(Spans, "sqlite")
def _spans(element: Spans, compiler: Any, **options: Any) -> str:
    listed = arguments(element, compiler, options)[0]
    ends = "json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS last"
    return f"(SELECT {ends} FROM json_each({listed}))"  # noqa: S608 - no value: its place


@compiles(Pairs, "sqlite")
def _pairs(element: Pairs, compiler: Any, **options: Any) -> str:
    listed = arguments(element, compiler, options)[0]
    ends = "json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS second"
    return f"(SELECT {ends} FROM json_each({listed}))"  # noqa: S608 - no value: its place
