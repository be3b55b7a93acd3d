"""A database by its URL: made for writing, or opened with every doubt about it settled first.

An engine is one module of this folder, or a package, named as in a URL, in which `IS_ENGINE` is true: see `Backend`.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, quote_plus

from sqlalchemy import URL, Connection, Engine, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError

from carenotes.backends.backend import Backend
from carenotes.errors import CarenotesError, Failed, Refused
from carenotes.models import CareNote

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from carenotes.backends import duckdb, postgresql, sqlite

    _SQLITE: Backend = sqlite  # all are held to the Protocol
    _DUCKDB: Backend = duckdb
    _POSTGRESQL: Backend = postgresql


def _engines() -> Iterator[tuple[str, Backend]]:
    for found in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{found.name}")
        if getattr(module, "IS_ENGINE", False):
            yield found.name, cast(Backend, module)


BACKENDS: Mapping[str, Backend] = MappingProxyType(dict(_engines()))
DEFAULT = "sqlite"  # the engine of notes that we make ourselves, where no other is asked for


def parsed(url: str | URL) -> URL:
    """The URL of a database that one of our engines may have.

    Raises Refused, and never shows what was given where it may hold a password.
    """
    if isinstance(url, URL):
        found = url
    else:
        try:
            found = make_url(url)
        except (ArgumentError, ValueError):
            given = "what was given as a database is" if "@" in url or "=" in url else f"{url}:"
            raise Refused(f"{given} not a database URL; one looks like {BACKENDS[DEFAULT].EXAMPLE}") from None
    name = found.get_backend_name()
    if name not in BACKENDS:
        shown = name if name.isidentifier() else "this"
        raise Refused(f"{shown}: not a supported engine; allowed: {', '.join(BACKENDS)}")
    if found.password == "***":  # noqa: S105
        raise Refused("the password in the URL is a mask (***), not a password")
    if "@" in (found.host or ""):
        raise Refused("a password with an @ must be written with %40 in a URL")
    BACKENDS[name].check(found)
    return found


def backend_of(what: str | URL | Engine | Connection) -> Backend:
    """The engine of a URL, or of what was made of one."""
    return BACKENDS[_url(what).get_backend_name()]


def _url(what: str | URL | Engine | Connection) -> URL:
    if isinstance(what, Engine | Connection):
        return what.engine.url
    return parsed(what)


def shown(what: str | URL | Engine | Connection) -> str:
    """What to call a database in a message: nothing of it is secret."""
    return backend_of(what).shown(_url(what))


def absolute_url(url: str | URL) -> URL:
    """The same database by a URL that holds in any folder."""
    return backend_of(url).absolute(parsed(url))


def open_database(url: str | URL, *, read_only: bool = False) -> Engine:
    """An engine on a database that is there and holds a `care_notes` of ours; it is never created by asking.

    Raises Refused, in one line that names the database, when it is absent, unreadable, locked, no database at
    all, or of another schema.
    """
    address, backend = parsed(url), backend_of(url)
    with told_plainly(address):
        if not backend.exists(address):
            raise Refused(f"{shown(address)}: no such database; 'carenotes seed --database URL --notes N' makes one")
        engine = backend.engine(address, read_only=read_only, create=False)
        with _let_go_of(engine), engine.connect() as connection:
            _check_schema(connection)
    return engine


def open_pool(url: str | URL, size: int) -> Engine:
    """As `open_database` for reading, with a pool of exactly `size` connections (1 or more)."""
    open_database(url, read_only=True).dispose()
    return backend_of(url).pool(parsed(url), _at_least_one(size))


def open_async_pool(url: str | URL, size: int) -> "AsyncEngine":
    """As `open_pool`, for an event loop; ask through `AsyncConnection.run_sync(aggregator, query)`.

    Raises Refused where the engine has no async driver.
    """
    open_database(url, read_only=True).dispose()
    backend = backend_of(url)
    if not backend.HAS_ASYNC:
        allowed = ", ".join(name for name, one in BACKENDS.items() if one.HAS_ASYNC)
        raise Refused(f"{shown(url)}: {backend.NAME} has no async driver; allowed: {allowed}")
    return backend.async_pool(parsed(url), _at_least_one(size))


def _at_least_one(size: int) -> int:
    if size < 1:
        raise Refused(f"pool size is {size}; allowed: 1 or more")
    return size


def create_database(url: str | URL) -> Engine:
    """An engine on a database to write notes to: made if absent, refused if it is somebody else's."""
    address, backend = parsed(url), backend_of(url)
    with told_plainly(address):
        engine = backend.engine(address, read_only=False, create=True)
        with _let_go_of(engine):
            with engine.connect() as connection:
                ours = inspect(connection).has_table(CareNote.__tablename__)
                others = [] if ours or backend.HAS_OTHERS else inspect(connection).get_table_names()
                if others:
                    held = ", ".join(sorted(others)[:3])
                    raise Refused(f"{shown(address)}: not a carenotes database; it holds {held}")
                if ours:
                    _check_schema(connection)
                    refuse_view(connection)
            if not ours:  # somebody's own gets our ledger only when it is written to
                with engine.begin() as connection:
                    backend.create_tables(connection)
    return engine


def engine_name(backend: str) -> str:
    """What to call the engine of a backend; the name of the backend itself where it is none of ours."""
    return BACKENDS[backend].NAME if backend in BACKENDS else backend


def new_place(folder: Path, name: str, backend: str = DEFAULT) -> URL:
    """Where a database of ours called `name` goes, that belongs to `folder`: see `Backend.place`. May raise Refused."""
    place = BACKENDS[backend].place(folder, name)
    if place is None:
        raise Refused(f"{BACKENDS[backend].NAME}: there is no server for databases of ours")
    return place


@contextmanager
def told_plainly(what: str | URL | Engine | Connection, *own: type[Exception]) -> Iterator[None]:
    """Turn what a driver says, through SQLAlchemy or by errors of its `own`, into one line about a database.

    Raises Failed for a full disk, else Refused.
    """
    try:
        yield
    except DBAPIError as error:
        raise plain_error(what, error.orig or error) from error
    except own as error:
        raise plain_error(what, error) from error


def plain_error(what: str | URL | Engine | Connection, error: BaseException) -> Refused | Failed:
    """The one-line error for what the engine of a database said, whichever of its drivers carried it."""
    name, said = shown(what), str(error)
    for words, (kind, plain) in backend_of(what).SAYS.items():
        if words in said.lower():
            return kind(f"{name}: {plain}")
    first = next(iter(said.splitlines()), "") or type(error).__name__
    return Failed(f"{name}: {_without_secrets(first, _url(what))}")


def _without_secrets(said: str, url: URL) -> str:
    """What a driver said, wherever in a URL a password stood, and whichever way it is written there."""
    held = [url.password, *(value for name, value in url.query.items() if "password" in name)]
    for secret in [one for one in held if isinstance(one, str) and one]:
        for way in (secret, quote(secret, safe=""), quote(secret, safe=" "), quote_plus(secret)):
            said = said.replace(way, "***")
    return said


def nameless(said: str, url: URL) -> str:
    """What was said, without what names a database, where it is, or who asks; servers put such names into quotes."""
    said = _without_secrets(said, url).replace(shown(url), "<database>")
    names = [url.database, url.username, url.host, *url.query.values()]
    for name in [one for one in names if isinstance(one, str) and one]:
        said = said.replace(f'"{name}"', '"..."')
    return said.replace(f"port {url.port}", "port ...") if url.port else said


def lost(url: URL) -> str | None:
    """Why one cannot get to a database any more, without its name; None where one can, be it there or not."""
    try:
        with told_plainly(url):
            backend_of(url).exists(url)
    except CarenotesError as error:
        return nameless(str(error), url).replace("<database>", "the database")
    return None


@contextmanager
def _let_go_of(engine: Engine) -> Iterator[None]:
    """Close what was opened of a database that is then refused: DuckDB would keep its lock."""
    try:
        yield
    except BaseException:
        engine.dispose()
        raise


def _check_schema(connection: Connection) -> None:
    """Refuse a table that lacks a column of ours, whose values cannot be compared, or that we may not read."""
    name, inspector = shown(connection), inspect(connection)
    if not inspector.has_table(CareNote.__tablename__):
        raise Refused(f"{name}: not a carenotes database; it has no table care_notes")
    there = {column["name"] for column in inspector.get_columns(CareNote.__tablename__)}
    missing = [column.name for column in CareNote.__table__.columns if column.name not in there]
    if missing:
        raise Refused(f"{name}: of another schema; care_notes lacks {', '.join(missing)}")
    odd = backend_of(connection).mismatch(connection)
    if odd is not None:
        raise Refused(f"{name}: of another schema; {odd}")
    connection.execute(select(*CareNote.__table__.columns).limit(0))  # whether we may read it


def refuse_view(connection: Connection) -> None:
    """Raise Refused where `care_notes` is no table, but a view of somebody's: that is read, and never written to."""
    if CareNote.__tablename__ not in inspect(connection).get_table_names():
        raise Refused(f"{shown(connection)}: care_notes is a view; allowed: to read it; to write, a table of that name")
