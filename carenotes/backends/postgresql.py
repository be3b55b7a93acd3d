"""PostgreSQL, from version 14 on: a server, in which somebody's schema may stand beside ours."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import NullPool
from sqlalchemy.types import Integer, String

from carenotes.backends.backend import Says
from carenotes.backends.expressions import Among, DayNumber, Numbers, OnDay, Padded, Pairs, Spans, TextOfTime, arguments
from carenotes.errors import Failed, Refused
from carenotes.models import Base

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from carenotes.backends.bulk.writing import Writer

IS_ENGINE = True
NAME = "PostgreSQL"
EXAMPLE = "postgresql://user:password@host/notes"
BEST_DESIGN = "covering"
HAS_ASYNC = True
HAS_OTHERS = True
LOADS_LATE: tuple[str, ...] = ("psycopg",)
BEFORE_WRITING: tuple[str, ...] = ()
_FILE_COPY_FROM = 64 << 20  # bytes of a database
OLDEST = 140_000  # as the server says its version
CONNECT_TIMEOUT = 10  # seconds, where the URL names none
STATEMENT_TIMEOUT = 300  # seconds that reading may take; who writes is not held to it
LOCK_TIMEOUT = 5  # seconds of waiting for somebody's lock: whoever queues for one holds up all that come after
_LOST = "the connection was lost (was the server stopped, or out of disk?)"
JOURNALS: Mapping[str, tuple[str, ...]] = {"write-ahead log": ()}  # it has no other
BUSY: tuple[str, ...] = ("could not serialize access", "deadlock detected", "lock timeout")
SAYS: Says = {
    "password authentication failed": (Refused, "the user or the password is wrong"),
    "no password supplied": (Refused, "the server asks for a password; it goes into the URL, or into PGPASSWORD"),
    "no pg_hba.conf entry": (Refused, "the server does not let this user in from here"),
    "connection refused": (Refused, "no server answers there"),
    "connection timeout expired": (Refused, "no server answers there in time"),
    "failed to resolve host": (Refused, "there is no such host"),
    "name or service not known": (Refused, "there is no such host"),
    "server does not support ssl": (Refused, "the server has no SSL, which sslmode asks for"),
    "invalid sslmode": (Refused, "the URL's sslmode is none; allowed: disable, prefer, require, verify-full ..."),
    "certificate": (Refused, "the certificates of server and client do not fit (sslmode, sslrootcert)"),
    "invalid port": (Refused, "the URL's port is none; allowed: 1 to 65535"),
    "invalid connection option": (Refused, "the URL has an option after the ? that PostgreSQL does not know"),
    "unrecognized configuration parameter": (Refused, "the URL's options set what the server does not know"),
    "unsupported startup parameter": (Refused, "a pooler drops settings of the session; connect to the server itself"),
    "too many clients": (Refused, "the server takes no further connection"),
    "remaining connection slots": (Refused, "the server takes no further connection"),
    "too many connections": (Refused, "the server takes no further connection"),
    "permission denied to create database": (Refused, "is not there, and no permission to create it"),
    "permission denied for schema": (Refused, "no permission for the schema (USAGE; to write, CREATE too)"),
    "permission denied for database": (Refused, "no permission to connect to it (CONNECT)"),
    "permission denied": (Refused, "no permission; to read, SELECT on care_notes suffices; to write, own its tables"),
    "must be owner": (Refused, "no permission; only the owner of care_notes can do that"),
    "is not permitted to log in": (Refused, "the user may not log in"),
    "read-only transaction": (Refused, "the database is read-only"),
    "lock timeout": (Refused, f"somebody has held a lock on care_notes for {LOCK_TIMEOUT} s; try again later"),
    "statement timeout": (Failed, "a statement has taken longer than it may (statement_timeout)"),
    "conflict with recovery": (Failed, "a standby has cancelled the query; ask the primary, or try again"),
    "is not accepting connections": (Refused, "the server takes no connection now (it starts, ends or recovers)"),
    "the database system is": (Refused, "the server takes no connection now (it starts, ends or recovers)"),
    "terminating connection": (Failed, _LOST),
    "server closed the connection": (Failed, _LOST),
    "connection is lost": (Failed, _LOST),
    "the connection is closed": (Failed, _LOST),
    "connection not open": (Failed, _LOST),
    "no connection to the server": (Failed, _LOST),
    "could not receive data": (Failed, _LOST),
    "no space left": (Failed, "the disk of the server is full"),
    "could not extend file": (Failed, "the disk of the server is full"),
    "disk quota exceeded": (Failed, "the disk of the server is full"),
    "out of range": (Refused, "a number is too large for its column"),
    "connection failed": (Refused, "the server refuses the connection (--debug shows its words)"),
    "connection is bad": (Refused, "cannot be connected to (--debug shows why)"),
}


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
    with _maintenance(server) as connection:
        of_folder = text("SELECT datname FROM pg_database WHERE starts_with(datname, :prefix)")
        names = connection.execute(of_folder, {"prefix": _prefix(folder)}).scalars().all()
    for name in names:
        drop(absolute(server).set(database=name))


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


def file(url: URL) -> Path | None:  # noqa: ARG001
    """A server has many."""
    return None


def engine(url: URL, *, read_only: bool, create: bool) -> Engine:
    """Its transactions are repeatable reads in UTC; for reading, read-only ones that end in time."""
    if create and not exists(url):
        with _maintenance(url) as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {_quoted(connection, url)} TEMPLATE template0")
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
    return {"connect_args": _begun(url, read_only=read_only), "use_native_hstore": False}


def _begun(url: URL, *, read_only: bool) -> dict[str, Any]:
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
def _maintenance(url: URL) -> Iterator[Connection]:
    """A connection to the server's maintenance database, on which each statement is permanent at once."""
    engine = _short(url.set(database="postgres")).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def _quoted(connection: Connection, url: URL) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(str(url.database))


def create_tables(connection: Connection) -> None:
    Base.metadata.create_all(connection)


def mismatch(connection: Connection) -> str | None:
    """By the types of the columns, and whether a pooler between us has dropped what a connection begins with."""
    begun = "SELECT name, setting FROM pg_settings WHERE name IN ('TimeZone', 'lock_timeout')"
    if dict(connection.exec_driver_sql(begun).all()) != {
        "TimeZone": "UTC",
        "lock_timeout": f"{1_000 * LOCK_TIMEOUT:.0f}",
    }:
        return "settings of the session are lost on the way (a pooler drops them); connect to the server itself"
    wanted: dict[str, type] = dict.fromkeys(("id", "tenant_id", "facility_id", "priority"), Integer)
    wanted |= dict.fromkeys(("patient_id", "category", "created_by", "note_text"), String)
    for column in inspect(connection).get_columns("care_notes"):
        name, kind = column["name"], column["type"]
        if name == "created_at" and not str(kind).startswith("TIMESTAMP"):
            return f"created_at is {kind}, not timestamp"
        if not isinstance(kind, wanted.get(name, object)):
            return f"{name} is {kind}, not {'an integer' if wanted[name] is Integer else 'text'}"
    return None


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

    return AdbcPostgresWriter(engine, _begun(engine.url, read_only=False))


def driver(connection: Connection) -> Any:
    """Each statement by itself, so that BEGIN and COMMIT are those of whoever sends them."""
    own: Any = connection.connection.driver_connection
    own.autocommit = True
    return own


def copy(source: URL, target: URL) -> None:
    """Nobody may be connected to the source.

    The server copies files, which takes two checkpoints, or for a small database pages, through its log.
    """
    with _maintenance(target) as connection:
        held = connection.execute(text("SELECT pg_database_size(:name)"), {"name": source.database}).scalar_one()
        names = (_quoted(connection, one) for one in (target, source))
        strategy = "FILE_COPY" if held > _FILE_COPY_FROM else "WAL_LOG"
        connection.exec_driver_sql("CREATE DATABASE {} TEMPLATE {} STRATEGY {}".format(*names, strategy))


def move(source: URL, target: URL) -> None:
    with _maintenance(target) as connection:
        names = (_quoted(connection, one) for one in (source, target))
        connection.exec_driver_sql("ALTER DATABASE {} RENAME TO {}".format(*names))


def drop(url: URL) -> None:
    with _maintenance(url) as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_quoted(connection, url)} WITH (FORCE)")


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


def index_names(connection: Connection) -> set[str]:
    found = (
        "SELECT indexrelid::regclass::text FROM pg_index "
        "WHERE indrelid = to_regclass('care_notes') AND NOT indisprimary"
    )
    return {name.strip('"').rpartition(".")[2] for name in connection.exec_driver_sql(found).scalars()}


_TOLD = (
    "server_version", "shared_buffers", "synchronous_commit", "fsync", "max_connections", "work_mem",
    "random_page_cost", "max_parallel_workers_per_gather", "jit", "lc_collate", "default_transaction_isolation",
)  # fmt: skip


def settings(connection: Connection) -> dict[str, str]:
    asked = text("SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(:names)")
    found: dict[str, str] = dict(connection.execute(asked, {"names": list(_TOLD)}).all())
    return {name: found[name] for name in _TOLD if name in found}


def version() -> str:
    """Of the driver; each connection has the server's among its settings."""
    return metadata.version("psycopg")


def process(connection: Connection) -> int | None:
    """The server's process for this connection, if the server runs on this machine."""
    url = connection.engine.url
    if url.host not in ("127.0.0.1", "localhost", "::1"):
        return None
    found: int = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
    return found


def explained(connection: Connection, sql: str, values: Any) -> list[str]:
    found = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", values).scalar()
    plan: Any = json.loads(found) if isinstance(found, str) else found
    return list(_steps(plan[0]["Plan"], 0))


def _steps(node: dict[str, Any], depth: int) -> Iterator[str]:
    on = [f"on {node['Relation Name']}"] if "Relation Name" in node else []
    using = [f"using {node['Index Name']}"] if "Index Name" in node else []
    conditions = [f"{name}: {node[name]}" for name in ("Index Cond", "Recheck Cond", "Filter") if name in node]
    yield "  " * depth + " ".join([node["Node Type"], *on, *using, *conditions])
    for child in node.get("Plans", ()):
        yield from _steps(child, depth + 1)


@compiles(TextOfTime, "postgresql")
def _time(element: TextOfTime, compiler: Any, **options: Any) -> str:
    return f"to_char({arguments(element, compiler, options)[0]}, 'YYYY-MM-DD HH24:MI:SS.US')"


@compiles(OnDay, "postgresql")
def _on_day(element: OnDay, compiler: Any, **options: Any) -> str:
    moment, day = arguments(element, compiler, options)
    return f"date({moment}) = CAST({day} AS DATE)"


@compiles(Padded, "postgresql")
def _padded(element: Padded, compiler: Any, **options: Any) -> str:
    number, length = arguments(element, compiler, options)
    return f"right(lpad(CAST({number} AS TEXT), greatest({length}, 20), '0'), {length})"


@compiles(Numbers, "postgresql")
def _numbers(element: Numbers, compiler: Any, **options: Any) -> str:
    listed = arguments(element, compiler, options)[0]
    return f"(SELECT CAST(json_array_elements_text(CAST({listed} AS JSON)) AS BIGINT) AS value)"


@compiles(DayNumber, "postgresql")
def _day_number(element: DayNumber, compiler: Any, **options: Any) -> str:
    return f"(CAST({arguments(element, compiler, options)[0]} AS DATE) - DATE '0001-01-01') + 1"


@compiles(Among, "postgresql")
def _among(element: Among, compiler: Any, **options: Any) -> str:
    number, listed = arguments(element, compiler, options)
    return f"{number} = ANY(CAST(translate({listed}, '[]', '{{}}') AS BIGINT[]))"


@compiles(Spans, "postgresql")
def _spans(element: Spans, compiler: Any, **options: Any) -> str:
    pairs = f"json_array_elements(CAST({arguments(element, compiler, options)[0]} AS JSON)) AS pair"
    ends = "CAST(pair ->> 0 AS TIMESTAMP) AS first, CAST(pair ->> 1 AS TIMESTAMP) AS last"
    return f"(SELECT {ends} FROM {pairs})"  # noqa: S608 - no value: its place


@compiles(Pairs, "postgresql")
def _pairs(element: Pairs, compiler: Any, **options: Any) -> str:
    pairs = f"json_array_elements(CAST({arguments(element, compiler, options)[0]} AS JSON)) AS pair"
    ends = "CAST(pair ->> 0 AS BIGINT) AS first, CAST(pair ->> 1 AS BIGINT) AS second"
    return f"(SELECT {ends} FROM {pairs})"  # noqa: S608 - no value: its place
