"""Fixtures and helpers that every test may use."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Engine, create_engine

from carenotes import cli, designs, open_database
from carenotes.aggregators import NEEDS
from carenotes.backends import BACKENDS, create_database
from carenotes.backends.upkeep import upkeep_of
from carenotes.design import NONE
from carenotes.seeding import SeedSpec, load
from tests.somebody import somebody as somebody

ROOT = Path(__file__).parents[1]
ON_ANY_DESIGN = [name for name, needs in NEEDS.items() if needs.design == NONE]  # aggregators


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a database that is not there yet."""
    return f"sqlite:///{tmp_path / 'notes.db'}"


@pytest.fixture(params=BACKENDS)
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that is not there yet, of each engine in turn."""
    place = BACKENDS[request.param].place(tmp_path, "notes")
    if place is None:
        pytest.skip("no server of this engine")
    yield place.render_as_string(hide_password=False)
    BACKENDS[request.param].drop(place)


@pytest.fixture
def hearing(any_url: str) -> Iterator[Engine]:
    """A database without notes, of each engine that hears of changes; of others none is made."""
    if not upkeep_of(create_engine(any_url)).HEARS:
        pytest.skip("nothing there tells of changes")
    engine = create_database(any_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of 3,000 seeded notes with the covering index; to be read only."""
    address = f"sqlite:///{tmp_path_factory.mktemp('seeded') / 'notes.db'}"
    engine = create_database(address)
    load(engine, SeedSpec(3_000, tenants=4, facilities=3, patients=5, days=10))
    designs.prepare(engine, "covering")
    engine.dispose()
    open_database(address, read_only=True).dispose()
    return address


@pytest.fixture(scope="session")
def seeded_for(seeded: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The URL of the same notes by the name of an aggregator: on the design that it needs; to be read only."""

    @cache
    def url(name: str) -> str:
        if name in ON_ANY_DESIGN:
            return seeded
        if not NEEDS[name].design.possible_on("sqlite"):
            pytest.skip(f"sqlite cannot have the design {NEEDS[name].design.name}")
        file = tmp_path_factory.mktemp("seeded") / "notes.db"
        shutil.copyfile(seeded.removeprefix("sqlite:///"), file)
        engine = open_database(f"sqlite:///{file}")
        designs.prepare(engine, NEEDS[name].design)
        engine.dispose()
        return f"sqlite:///{file}"

    return url


def run_in(folder: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as a user does, in a folder."""
    full = [sys.executable, "-m", "carenotes", *arguments]
    settings = {"capture_output": True, "text": True, "cwd": folder, "timeout": 240, "env": dict(os.environ)}
    return subprocess.run(full, check=False, **(settings | options))  # type: ignore[call-overload]


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def carenotes(tmp_path: Path) -> Command:
    """Run the command line in a process of its own, as a user does; in a folder of its own."""
    return partial(run_in, tmp_path)


@pytest.fixture
def carenotes_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process: a process of its own takes seconds to import what a report needs."""

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as ended:
            cli.run(list(arguments))
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, cast("int", ended.value.code), said.out, said.err)

    return command


@contextmanager
def started(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process with pipes and a group of its own, none of which outlives the test, however that ends."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **(pipes | options)) as began:
        try:
            yield began
        finally:
            with suppress(ProcessLookupError):
                os.killpg(began.pid, signal.SIGKILL)


def wait_until(reached: Callable[[], object], began: subprocess.Popen[str], seconds: float = 60) -> None:
    """Wait until a process that was started has come so far; fail when it ends before, or never comes there."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert began.poll() is None, f"it ended before it could be met (status {began.returncode})"
        assert time.monotonic() < deadline, f"it has not come so far in {seconds:g} s"
        time.sleep(0.005)


def one_line_refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a refusal: exit status 2, nothing on standard output, one line on standard error."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]
