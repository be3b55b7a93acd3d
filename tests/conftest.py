"""Fixtures that every test may use, and what nbval needs to be strict about output only."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from carenotes import designs as index_plans
from carenotes import open_database
from carenotes.backends import BACKENDS, create_database
from carenotes.seeding import SeedSpec, load

ROOT = Path(__file__).parents[1]

# A shell starts what runs beside others deaf to Ctrl-C, and what we start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _a_lock_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The lock of a machine lies in its folder for temporary files; tests must not meet somebody's run there."""
    os.environ["TMPDIR"] = tempfile.tempdir = str(tmp_path_factory.mktemp("tmp"))


def pytest_collectstart(collector: pytest.Collector) -> None:
    """A kernel may say things on stderr (that it listens on TCP); nbval compares everything else."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare = (*collector.skip_compare, "stderr")


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


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of 3,000 seeded notes with the covering index; to be read only."""
    address = f"sqlite:///{tmp_path_factory.mktemp('seeded') / 'notes.db'}"
    engine = create_database(address)
    load(engine, SeedSpec(3_000, tenants=4, facilities=3, patients=5, days=10))
    index_plans.apply_index_plan(engine, "covering")
    engine.dispose()
    open_database(address, read_only=True).dispose()
    return address


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def carenotes(tmp_path: Path) -> Command:
    """Run the command line in a process of its own, as a user does; in a folder of its own."""

    def command(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        full = [sys.executable, "-m", "carenotes", *arguments]
        settings = {"capture_output": True, "text": True, "cwd": tmp_path, "timeout": 120, "env": dict(os.environ)}
        return subprocess.run(full, check=False, **(settings | options))  # type: ignore[call-overload]

    return command


def one_line_refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a refusal: exit status 2, nothing on standard output, one line on standard error."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]
