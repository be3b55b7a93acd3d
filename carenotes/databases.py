"""An engine for a URL: made for writing, or opened with every doubt about it settled first."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from carenotes.errors import Failed, Refused
from carenotes.models import Base, CareNote

BUSY_TIMEOUT = 5.0  # seconds that SQLite waits for another process's lock before it gives up
Mode = Literal["ro", "rw", "rwc"]


def open_database(url: str, *, read_only: bool = False) -> Engine:
    """An engine on a database that is there and holds a `care_notes` of ours; it is never created by asking.

    Raises Refused, in one line that names the database, when it is absent, unreadable, locked, no database at
    all, or of another schema.
    """
    file = _sqlite_file(url)
    if not file.exists():
        raise Refused(f"{file}: no such database; 'carenotes seed --database {url} --notes N' makes one")
    engine = _sqlite_engine(file, "ro" if read_only else "rw")
    with told_plainly(file), engine.connect() as connection:
        _check_schema(connection, file)
    return engine


def create_database(url: str) -> Engine:
    """An engine on a database to write notes to: made if absent, refused if it is somebody else's."""
    file = _sqlite_file(url)
    if not file.parent.is_dir():
        raise Refused(f"{file}: its folder does not exist")
    if file.exists() and not os.access(file, os.W_OK):
        raise Refused(f"{file}: the database is read-only")
    engine = _sqlite_engine(file, "rwc")
    with told_plainly(file), engine.connect() as connection:
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
    """The one-line error for what SQLite said, whichever driver carried it."""
    said = str(error).lower()
    for words, plain in _SQLITE_SAYS.items():
        if words in said:
            return plain[0](f"{file}: {plain[1]}")
    return Failed(f"{file}: {str(error).splitlines()[0]}")


_SQLITE_SAYS: dict[str, tuple[type[Refused | Failed], str]] = {
    "not a database": (Refused, "not an SQLite database"),
    "malformed": (Refused, "the database file is damaged"),
    "locked": (Refused, "the database is locked by another process; try again when it is done"),
    "unable to open": (Refused, "cannot be opened; it must be a readable file in a folder that exists"),
    "readonly": (Refused, "the database is read-only"),
    "disk is full": (Failed, "the disk is full"),
    "disk i/o error": (Failed, "the disk cannot be written to (is it full?)"),
}


def sqlite_path(engine: Engine) -> Path:
    """The file behind an engine of ours."""
    return Path(unquote(_file_of(engine.url)))


def _file_of(url: URL) -> str:
    return (url.database or "").removeprefix("file:").split("?")[0]


def _sqlite_file(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Refused(f"{url}: not a database URL; one looks like sqlite:///notes.db") from None
    if parsed.get_backend_name() != "sqlite":
        raise Refused(f"{parsed.get_backend_name()}: not a supported engine; allowed: sqlite")
    name = _file_of(parsed)
    if not name or name == ":memory:":
        raise Refused(f"{url}: names no file; a database looks like sqlite:///notes.db")
    if Path(name).is_dir():
        raise Refused(f"{name}: is a folder, not a database")
    return Path(name)


def _sqlite_engine(file: Path, mode: Mode) -> Engine:
    address = f"file:{quote(str(file.absolute()))}"
    url = URL.create("sqlite", database=address, query={"mode": mode, "uri": "true"})
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT})
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin)
    return engine


def _leave_transactions_to_us(connection: Any, _record: object) -> None:
    # The driver's own handling begins only before a write, so two SELECTs could see two states, and DDL none.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    # Past SQLAlchemy's own counting: it is no statement of whoever asks.
    cursor = connection.connection.cursor()
    cursor.execute("BEGIN")
    cursor.close()


def _check_schema(connection: Connection, file: Path) -> None:
    """Refuse a table that lacks a column of ours, or whose times are not text in the one format."""
    inspector = inspect(connection)
    if not inspector.has_table(CareNote.__tablename__):
        raise Refused(f"{file}: not a carenotes database; it has no table care_notes")
    there = {column["name"] for column in inspector.get_columns(CareNote.__tablename__)}
    missing = [column.name for column in CareNote.__table__.columns if column.name not in there]
    if missing:
        raise Refused(f"{file}: of another schema; care_notes lacks {', '.join(missing)}")
    digits = "[0-9][0-9]"
    shape = f"{digits}{digits}-{digits}-{digits} {digits}:{digits}:{digits}.{digits * 3}"
    probe = text(
        "SELECT created_at FROM care_notes WHERE NOT (typeof(created_at) = 'text' AND created_at GLOB :shape) "
        "AND id IN (SELECT id FROM care_notes LIMIT 1)"
    )
    odd = connection.execute(probe, {"shape": shape}).scalar()
    if odd is not None:
        raise Refused(f"{file}: of another schema; created_at is {odd!r}, not text YYYY-MM-DD HH:MM:SS.ffffff")
