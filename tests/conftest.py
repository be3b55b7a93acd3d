"""Fixtures that every test may use, and what nbval needs to be strict about output only."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from carenotes import designs, open_database
from carenotes.aggregators import NEEDS
from carenotes.backends import create_database
from carenotes.design import NONE
from carenotes.seeding import SeedSpec, load

ROOT = Path(__file__).parents[1]
ON_ANY_DESIGN = [name for name, needs in NEEDS.items() if needs.design == NONE]  # aggregators

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


@pytest.fixture(params=["sqlite", "duckdb"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is not there yet, of each engine in turn."""
    return f"{request.param}:///{tmp_path / 'notes.db'}"


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
