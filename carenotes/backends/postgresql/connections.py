"""Connections to a server: whom a URL names, what each begins with, and what becomes of it on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from carenotes.errors import Refused

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

EXAMPLE = "postgresql://user:password@host/notes"
OLDEST = 140_000  # as the server says its version
CONNECT_TIMEOUT = 10  # seconds, where the URL names none
STATEMENT_TIMEOUT = 300  # seconds that reading may take; who writes is not held to it
LOCK_TIMEOUT = 5  # seconds of waiting for somebody's lock: whoever queues for one holds up all that come after


def check(url: URL) -> None:
    """Refuse a URL without a database, or of another driver."""
    if url.drivername not in ("postgresql", "postgresql+psycopg"):
        raise Refused(f"{url.drivername}: another driver; allowed: postgresql, which is psycopg 3")
    if not url.database:
        raise Refused(f"the URL names no database; one looks like {EXAMPLE}")


def absolute(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg")


def shown(url: URL) -> str:
    host = url.query.get("host") or url.host or "localhost"
    port = f":{url.port}" if url.port else ""
    return f"{host if isinstance(host, str) else ','.join(host)}{port}/{url.database}"


def exists(url: URL) -> bool:
    """Whether the server has it. Refused for a server that is too old."""
    try:
        with _short(url).connect() as connection:
            version = connection.connection.driver_connection.info.server_version  # type: ignore[union-attr]
    except DBAPIError as error:
        if f'database "{url.database}" does not exist' in str(error.orig):
            return False
        raise
    if version < OLDEST:
        raise Refused(f"{shown(url)}: PostgreSQL {version // 10_000} is too old; allowed: {OLDEST // 10_000} or newer")
    return True


def engine(url: URL, *, read_only: bool, create: bool) -> Engine:
    """Its transactions are repeatable reads in UTC; for reading, read-only ones that end in time."""
    if create and not exists(url):
        with maintenance(url) as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {quoted(connection, url)} TEMPLATE template0")
    return _made(url, read_only=read_only)


def pool(url: URL, size: int) -> Engine:
    return _made(url, read_only=True, pool_size=size, max_overflow=0)


def async_pool(url: URL, size: int) -> "AsyncEngine":
    """The driver waits on the event loop; there is no thread."""
    from sqlalchemy.ext.asyncio import create_async_engine

    return create_async_engine(absolute(url), **_options(url, read_only=True), pool_size=size, max_overflow=0)


def _made(url: URL, *, read_only: bool, **options: Any) -> Engine:
    try:
        return create_engine(absolute(url), **_options(url, read_only=read_only), **options)
    except (NoSuchModuleError, ModuleNotFoundError):
        raise Refused("postgresql: not installed; pip install 'carenotes[postgresql]'") from None


def _options(url: URL, *, read_only: bool) -> dict[str, Any]:
    return {"connect_args": connect_arguments(url, read_only=read_only), "use_native_hstore": False}


def connect_arguments(url: URL, *, read_only: bool) -> dict[str, Any]:
    """What each connection begins with. It travels with the connection's start, and costs no statement."""
    settings = {"TimeZone": "UTC", "default_transaction_isolation": "repeatable\\ read"}
    settings |= {"lock_timeout": _milliseconds(LOCK_TIMEOUT)}
    if read_only:
        settings |= {"default_transaction_read_only": "on", "statement_timeout": _milliseconds(STATEMENT_TIMEOUT)}
    own = url.query.get("options", "")
    ours = [f"-c {name}={one}" for name, one in settings.items()]
    said = " ".join([own, *ours] if isinstance(own, str) else [*own, *ours])
    begun: dict[str, Any] = {"options": said.strip(), "application_name": "carenotes"}
    if "connect_timeout" not in url.query:
        begun["connect_timeout"] = CONNECT_TIMEOUT
    return begun


def _milliseconds(seconds: float) -> str:
    return f"{round(1_000 * seconds)}ms"


def _short(url: URL) -> Engine:
    """For a statement or two: each connection is closed when it is given back."""
    return _made(url, read_only=False, poolclass=NullPool)


@contextmanager
def maintenance(url: URL) -> Iterator[Connection]:
    """A connection to the server's maintenance database, on which each statement is permanent at once."""
    engine = _short(url.set(database="postgres")).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def quoted(connection: Connection, url: URL) -> str:
    """The name of a database, as a statement holds it."""
    return connection.dialect.identifier_preparer.quote_identifier(str(url.database))


def lost_settings(connection: Connection) -> bool:
    """Whether a pooler between us has dropped what a connection begins with."""
    begun = "SELECT name, setting FROM pg_settings WHERE name IN ('TimeZone', 'lock_timeout')"
    ours = {"TimeZone": "UTC", "lock_timeout": f"{1_000 * LOCK_TIMEOUT:.0f}"}
    return dict(connection.exec_driver_sql(begun).all()) != ours


def driver(connection: Connection) -> Any:
    """Each statement by itself, so that BEGIN and COMMIT are those of whoever sends them."""
    own: Any = connection.connection.driver_connection
    own.autocommit = True
    return own


def process(connection: Connection) -> int | None:
    """The server's process for this connection, if the server runs on this machine."""
    url = connection.engine.url
    if url.host not in ("127.0.0.1", "localhost", "::1"):
        return None
    found: int = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
    return found
