"""An engine for a URL: made for writing, or opened with every doubt about it settled first. One module an engine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from carenotes.backends import duckdb, sqlite
from carenotes.errors import Failed, Refused
from carenotes.models import Base, CareNote

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_ENGINES: dict[str, ModuleType] = {"sqlite": sqlite, "duckdb": duckdb}


def open_database(url: str, *, read_only: bool = False) -> Engine:
    """An engine on a database that is there and holds a `care_notes` of ours; it is never created by asking.

    Raises Refused, in one line that names the database, when it is absent, unreadable, locked, no database at
    all, or of another schema.
    """
    kind, file = _named(url)
    if not file.exists():
        raise Refused(f"{file}: no such database; 'carenotes seed --database {url} --notes N' makes one")
    engine: Engine = kind.engine(file, read_only=read_only, create=False)
    with _let_go_of(engine), told_plainly(file), engine.connect() as connection:
        _check_schema(connection, file)
    return engine


def open_pool(url: str, size: int) -> Engine:
    """As `open_database` for reading, with a pool of exactly `size` connections (1 or more)."""
    open_database(url, read_only=True).dispose()
    kind, file = _named(url)
    pool: Engine = kind.pooled(file, _at_least_one(size))
    return pool


def open_async_pool(url: str, size: int) -> "AsyncEngine":
    """As `open_pool`, for an event loop (SQLite only); ask through `AsyncConnection.run_sync(aggregator, query)`."""
    open_database(url, read_only=True).dispose()
    kind, file = _named(url)
    if kind is not sqlite:
        raise Refused(f"{url}: {kind.NAME} has no async driver; allowed: sqlite")
    return sqlite.pooled_async(file, _at_least_one(size))


def _at_least_one(size: int) -> int:
    if size < 1:
        raise Refused(f"pool size is {size}; allowed: 1 or more")
    return size


def create_database(url: str) -> Engine:
    """An engine on a database to write notes to: made if absent, refused if it is somebody else's."""
    kind, file = _named(url)
    if not file.parent.is_dir():
        raise Refused(f"{file}: its folder does not exist")
    if file.exists() and not os.access(file, os.W_OK):
        raise Refused(f"{file}: the database is read-only")
    engine: Engine = kind.engine(file, read_only=False, create=True)
    with _let_go_of(engine), told_plainly(file), engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        if tables and CareNote.__tablename__ not in tables:
            raise Refused(f"{file}: not a carenotes database; it holds {', '.join(sorted(tables)[:3])}")
        if tables:
            _check_schema(connection, file)
    if not tables:  # somebody's own gets our ledger only when it is written to
        with told_plainly(file), engine.begin() as connection:
            Base.metadata.create_all(connection)
    return engine


@contextmanager
def told_plainly(file: object) -> Iterator[None]:
    """Turn what a driver says into one line about `file`: Failed for a full disk, else Refused."""
    try:
        yield
    except DBAPIError as error:
        raise plain_error(file, error.orig or error) from error


def plain_error(file: object, error: BaseException) -> Refused | Failed:
    """The one-line error for what an engine said, whichever driver carried it."""
    said = str(error).lower()
    for kind in _ENGINES.values():
        for words, plain in kind.SAYS.items():
            if words in said:
                told: Refused | Failed = plain[0](f"{file}: {plain[1]}")
                return told
    return Failed(f"{file}: {str(error).splitlines()[0]}")


def dialect_of(engine: Engine | Connection) -> ModuleType:
    """What is particular to the engine behind a connection: `NAME`, `index_names`, `settings` and more."""
    return _ENGINES[engine.dialect.name]


def engine_name(backend: str) -> str:
    """What to call the engine of a backend; the name of the backend itself where it is none of ours."""
    return str(_ENGINES[backend].NAME) if backend in _ENGINES else backend


def database_file(engine: Engine) -> Path:
    """The file behind an engine of ours."""
    return Path(dialect_of(engine).file_of(engine.url))


def absolute_url(url: str) -> str:
    """The same database by a URL that holds in any folder."""
    kind, file = _named(url)
    return str(kind.address(file))


def url_of(backend: str, file: Path) -> str:
    """The URL of a file as a database of `backend`: `sqlite` or `duckdb`."""
    return str(_ENGINES[backend].address(file))


@contextmanager
def _let_go_of(engine: Engine) -> Iterator[None]:
    """Close what was opened of a database that is then refused: DuckDB would keep its lock."""
    try:
        yield
    except BaseException:
        engine.dispose()
        raise


def _named(url: str) -> tuple[ModuleType, Path]:
    """The kind of engine, and the file, that a URL names."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Refused(f"{url}: not a database URL; one looks like sqlite:///notes.db") from None
    backend = parsed.get_backend_name()
    if backend not in _ENGINES:
        raise Refused(f"{backend}: not a supported engine; allowed: {', '.join(_ENGINES)}")
    name = _ENGINES[backend].file_of(parsed)
    if not name:
        raise Refused(f"{url}: names no file; a database looks like {backend}:///notes.db")
    if Path(name).is_dir():
        raise Refused(f"{name}: is a folder, not a database")
    return _ENGINES[backend], Path(name)


def _check_schema(connection: Connection, file: Path) -> None:
    """Refuse a table that lacks a column of ours, or whose times cannot be compared."""
    inspector = inspect(connection)
    if not inspector.has_table(CareNote.__tablename__):
        raise Refused(f"{file}: not a carenotes database; it has no table care_notes")
    there = {column["name"] for column in inspector.get_columns(CareNote.__tablename__)}
    missing = [column.name for column in CareNote.__table__.columns if column.name not in there]
    if missing:
        raise Refused(f"{file}: of another schema; care_notes lacks {', '.join(missing)}")
    odd = dialect_of(connection).odd_time(connection)
    if odd is not None:
        raise Refused(f"{file}: of another schema; {odd}")
