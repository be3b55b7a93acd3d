"""Somebody's PostgreSQL server: databases, roles and schemas as they like them."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import URL

from carenotes import Refused
from carenotes.backends import create_database
from carenotes.seeding import SeedSpec, load
from carenotes.servers.postgresql import Server, postgresql, programs
from carenotes.servers.process import user_of_servers

SPEC = SeedSpec(1_000, tenants=3, facilities=2, patients=4, days=5)
PASSWORD = "s3cret of theirs"


def text_of(url: URL) -> str:
    """A URL with its password."""
    return url.render_as_string(hide_password=False)


@dataclass(frozen=True)
class Somebody:
    """A server of which one may do everything."""

    url: URL
    numbers: Iterator[int] = field(default_factory=count)

    def sql(self, url: URL, *statements: str) -> list[tuple[object, ...]]:
        """Say something; what the last statement answers."""
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def database(self) -> URL:
        """A new one."""
        name = f"their_{next(self.numbers)}"
        self.sql(self.url, f"CREATE DATABASE {name}")
        return self.url.set(database=name)

    def notes(self, spec: SeedSpec = SPEC) -> URL:
        """A new one with notes of ours."""
        url = self.database()
        engine = create_database(url)
        load(engine, spec)
        engine.dispose()
        return url

    def role(self, url: URL, password: str = PASSWORD) -> URL:
        """A database as a new role would open it."""
        name = f"role_{next(self.numbers)}"
        with psycopg.connect(self.url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
            said = SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal(password))
            connection.execute(said)
        return url.set(username=name, password=password)


@contextmanager
def own_server() -> Iterator[Server]:
    """A server of the test's own, that may be killed."""
    try:
        programs()
    except Refused as none:
        pytest.skip(str(none))
    with postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def somebody() -> Iterator[Somebody]:
    with own_server() as server:
        yield Somebody(server.url)


def killed(server: Server, number: int) -> list[str]:
    """Kill a server; the command that starts it again on what it has left."""
    pid = int((server.process.folder / "data" / "postmaster.pid").read_text().split()[0])
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    os.kill(pid, number)
    return command


@contextmanager
def started_again(command: list[str], url: URL) -> Iterator[None]:
    """The server that was killed, while the block runs; what it was may take a moment to be gone."""
    user = {"user": user_of_servers()} if user_of_servers() else {}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", "start_new_session": True}
    deadline, server = time.monotonic() + 30, subprocess.Popen(command, **quiet, **user)  # type: ignore[call-overload]
    try:
        while True:
            try:
                psycopg.connect(text_of(url.set(drivername="postgresql"))).close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                if server.poll() is not None:
                    server = subprocess.Popen(command, **quiet, **user)  # type: ignore[call-overload]
                time.sleep(0.05)
        yield
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(30)
