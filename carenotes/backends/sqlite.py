"""SQLite: one file, one writer, a lock for the whole of it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from carenotes.errors import Failed, Refused

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

NAME = "SQLite"
# What whoever writes notes says first, by whichever driver: in 64 MiB a batch stays in memory until it is committed.
BEFORE_WRITING = ("PRAGMA cache_size = -65536",)
BUSY_TIMEOUT = 5.0  # seconds that SQLite waits for another process's lock before it gives up
SAYS: dict[str, tuple[type[Refused | Failed], str]] = {
    "not a database": (Refused, "not an SQLite database"),
    "malformed": (Refused, "the database file is damaged"),
    "database is locked": (Refused, "the database is locked by another process; try again when it is done"),
    "unable to open": (Refused, "cannot be opened; it must be a readable file in a folder that exists"),
    "readonly": (Refused, "the database is read-only"),
    "disk is full": (Failed, "the disk is full"),
    "disk i/o error": (Failed, "the disk cannot be written to (is it full?)"),
}


def file_of(url: URL) -> str:
    """The file that a URL names, empty for none; the URLs of our own engines are such of SQLite's as well."""
    name = url.database or ""
    if name.startswith("file:"):
        return unquote(name.removeprefix("file:").split("?")[0])
    return "" if name == ":memory:" else name


def address(file: Path) -> URL:
    """The URL of a file, whatever folder one stands in."""
    return URL.create("sqlite", database=str(file.absolute()))


def engine(file: Path, *, read_only: bool, create: bool) -> Engine:
    """An engine whose transactions are real ones; the file is made only when it is written to."""
    mode = "ro" if read_only else "rwc" if create else "rw"
    return _with_real_transactions(create_engine(_in_mode("sqlite", file, mode), connect_args=_patience()))


def pooled(file: Path, size: int) -> Engine:
    """An engine for reading, with a pool of exactly `size` connections."""
    made = create_engine(_in_mode("sqlite", file, "ro"), connect_args=_patience(), pool_size=size, max_overflow=0)
    return _with_real_transactions(made)


def pooled_async(file: Path, size: int) -> "AsyncEngine":
    """The same through aiosqlite: each connection has a thread of its own, which the event loop waits for."""
    try:
        from sqlalchemy.ext.asyncio import create_async_engine

        address = _in_mode("sqlite+aiosqlite", file, "ro")
        made = create_async_engine(address, connect_args=_patience(), pool_size=size, max_overflow=0)
    except ModuleNotFoundError as error:
        raise Refused(f"async: {error.name} is not installed; pip install 'carenotes[async]'") from None
    _with_real_transactions(made.sync_engine)
    return made


def _patience() -> dict[str, float]:
    return {"timeout": BUSY_TIMEOUT}


def _in_mode(driver: str, file: Path, mode: str) -> URL:
    return URL.create(driver, database=f"file:{quote(str(file.absolute()))}", query={"mode": mode, "uri": "true"})


def _with_real_transactions(engine: Engine) -> Engine:
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


def odd_time(connection: Connection) -> str | None:
    """The time of the first note if it is not text in the one format: such would compare wrongly."""
    digits = "[0-9][0-9]"
    shape = f"{digits}{digits}-{digits}-{digits} {digits}:{digits}:{digits}.{digits * 3}"
    probe = text(
        "SELECT created_at FROM care_notes WHERE NOT (typeof(created_at) = 'text' AND created_at GLOB :shape) "
        "AND id IN (SELECT id FROM care_notes LIMIT 1)"
    )
    odd = connection.execute(probe, {"shape": shape}).scalar()
    return None if odd is None else f"created_at is {odd!r}, not text YYYY-MM-DD HH:MM:SS.ffffff"


def index_names(connection: Connection) -> set[str]:
    """The indexes of `care_notes`. SQLAlchemy's inspector leaves out those on expressions, and the original's are such."""
    query = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'care_notes'"
    return set(connection.exec_driver_sql(query).scalars())


def settings(connection: Connection) -> dict[str, str]:
    """What this connection has of what matters for speed, whoever set it."""
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


def explained(connection: Connection, sql: str, values: Any) -> list[str]:
    """The plan of a statement: one line a step, indented by depth."""
    depth = {0: -1}
    lines = []
    for node, parent, _, detail in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values):
        depth[node] = depth.get(parent, -1) + 1
        lines.append("  " * depth[node] + detail)
    return lines
