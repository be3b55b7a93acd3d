"""Somebody's PostgreSQL server: databases, roles and schemas as they like them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from subprocess import CompletedProcess

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import URL

from carenotes import Refused
from carenotes.backends import create_database
from carenotes.seeding import SeedSpec, load
from carenotes.servers.postgresql import postgresql
from tests.conftest import Command

SPEC = SeedSpec(1_000, tenants=3, facilities=2, patients=4, days=5)
DAY = SPEC.last_day.isoformat()
PASSWORD = "s3cret of theirs"


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


@pytest.fixture(scope="session")
def somebody() -> Iterator[Somebody]:
    server = postgresql()
    try:
        started = server.__enter__()
    except Refused as none:
        pytest.skip(str(none))
    yield Somebody(started.url)
    server.__exit__(None, None, None)


@pytest.fixture(scope="session")
def their_notes(somebody: Somebody) -> URL:
    """Notes of ours in a database; to be read only."""
    return somebody.notes()


def text_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


Arguments = Callable[[str, Path], list[str]]
READING: dict[str, Arguments] = {
    "stats": lambda url, _: ["stats", "--database", url, "--tenant", "1", "--day", DAY],
    "report": lambda url, _: ["report", "--profile", "smoke", "--only", "02", "--database", url, "--out", "run"],
}
WRITING: dict[str, Arguments] = {
    "seed": lambda url, _: ["seed", "--database", url, "--notes", "100", "--append"],
    "ingest": lambda url, file: ["ingest", str(file), "--database", url],
    "index": lambda url, _: ["index", "--database", url, "--plan", "covering"],
}
EVERY = READING | WRITING


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A note of somebody's own."""
    there = tmp_path / "own.csv"
    there.write_text(
        f"tenant_id,facility_id,patient_id,category,priority,created_at\n1,1,p,treatment,1,{DAY} 08:00:00\n"
    )
    return there


Say = Callable[[str, URL | str], "CompletedProcess[str]"]


@pytest.fixture
def say(carenotes_here: Command, file: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a command, by its name, on a database. Nothing that is said is a secret of the URL."""
    monkeypatch.setenv("CARENOTES_DATABASE", "")  # a report puts its own there

    def command(name: str, url: URL | str) -> CompletedProcess[str]:
        given = url if isinstance(url, str) else text_of(url)
        done = carenotes_here(*EVERY[name](given, file))
        for secret in (PASSWORD, PASSWORD.replace(" ", "%20"), PASSWORD.replace(" ", "+")):
            assert secret not in done.stdout + done.stderr
        assert not (file.parent / "run").exists()
        return done

    return command


def one_line(done: "CompletedProcess[str]", status: int = 2) -> str:
    """What is said of a failure: one line, and nothing on standard output."""
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert done.stderr.startswith("carenotes: ")
    [line] = done.stderr.splitlines()
    return line
