"""Databases on a server: where ours go, how they are copied, readied and removed, and who writes to them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from carenotes.backends.postgresql.connections import absolute, connect_arguments, maintenance, quoted
from carenotes.models import Base

if TYPE_CHECKING:
    from carenotes.backends.bulk.writing import Writer

_FILE_COPY_FROM = 64 << 20  # bytes of a database


def place(folder: Path, name: str) -> URL | None:
    """On the server of ours, or on the one that is named for it."""
    from carenotes.servers.postgresql import shared

    server = shared()
    return server and absolute(server).set(database=_named(folder, name))


def _prefix(folder: Path) -> str:
    return f"carenotes_{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:10]}_"


def _named(folder: Path, name: str) -> str:
    """A name of a database has at most 63 bytes; a longer one would be cut, and two of them one."""
    full = f"{_prefix(folder)}{name}"
    return full if len(full) <= 63 else f"{full[:50]}_{hashlib.sha256(full.encode()).hexdigest()[:12]}"


def clear(folder: Path) -> None:
    from carenotes.servers.postgresql import running

    server = running()
    if server is None:
        return
    with maintenance(server) as connection:
        of_folder = text("SELECT datname FROM pg_database WHERE starts_with(datname, :prefix)")
        names = connection.execute(of_folder, {"prefix": _prefix(folder)}).scalars().all()
    for name in names:
        drop(absolute(server).set(database=name))


def file(url: URL) -> Path | None:  # noqa: ARG001
    """A server has many."""
    return None


def create_tables(connection: Connection) -> None:
    Base.metadata.create_all(connection)


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """An advisory lock, held by a connection of its own: whoever else begins a load waits."""
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(hashtext('carenotes'))"))
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(hashtext('carenotes'))"))


def writer(engine: Engine) -> "Writer":
    from carenotes.backends.bulk.adbc_postgresql import AdbcPostgresWriter

    return AdbcPostgresWriter(engine, connect_arguments(engine.url, read_only=False))


def copy(source: URL, target: URL) -> None:
    """Nobody may be connected to the source.

    The server copies files, which takes two checkpoints, or for a small database pages, through its log.
    """
    with maintenance(target) as connection:
        held = connection.execute(text("SELECT pg_database_size(:name)"), {"name": source.database}).scalar_one()
        names = (quoted(connection, one) for one in (target, source))
        strategy = "FILE_COPY" if held > _FILE_COPY_FROM else "WAL_LOG"
        connection.exec_driver_sql("CREATE DATABASE {} TEMPLATE {} STRATEGY {}".format(*names, strategy))


def move(source: URL, target: URL) -> None:
    with maintenance(target) as connection:
        names = (quoted(connection, one) for one in (source, target))
        connection.exec_driver_sql("ALTER DATABASE {} RENAME TO {}".format(*names))


def drop(url: URL) -> None:
    with maintenance(url) as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {quoted(connection, url)} WITH (FORCE)")


def settle(engine: Engine) -> None:
    """Statistics are there, all rows are known to be visible, and nothing is done to them in the background.

    The server's own tables are left as they are: to vacuum them takes ten times as long as a few thousand notes.
    """
    tables = (
        "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
        "AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg@_%%' ESCAPE '@' "
        "OR nspname = 'information_schema')"
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"VACUUM (FREEZE, ANALYZE) {connection.exec_driver_sql(tables).scalar_one()}")
        with suppress(DBAPIError):  # it needs a role of its own on somebody's server
            connection.exec_driver_sql("CHECKPOINT")


def size(connection: Connection) -> int:
    found: int = connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
    return found
