"""Runs that are small enough for a test."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from carenotes.report.runs import profiles
from carenotes.report.runs.kernels import forked
from carenotes.report.runs.run import Outcome, report
from carenotes.servers.postgresql import handed_on

SIZES = {"rounds": 1, "random_seed": 1, "notes": 1_000}
ASKED = {"rounds": 1, "random_seed": 1, "database": ""}
TWICE = {"rounds": 2}  # for tests that stop a run between two
TINY = {
    "01_seed_data": {**SIZES, **TWICE, "bulk_load_notes": 5_000, "batch_sizes": [100, 500, 5_000]},
    "02_one_query": {
        **SIZES,
        "database": "",
        "short_days": 1,
        "long_days": 3,
        "original_notes": 2_000,
        "original_rounds": 1,
    },
    "03_dataset_size": {**ASKED, "sizes": [200, 600], "row_size_notes": 300, "text_characters": [1, 50], "days": 1},
    "04_cache": {
        **ASKED,
        "notes": 1_000,
        "original_notes": 2_000,
        "callers": [5],
        "ttl_seconds": [30],
        "interarrival_seconds": [10],
        "writes_an_hour": 60,
        "requests": 100,
    },
    "05_concurrency": {
        **ASKED,
        "notes": 1_000,
        "original_notes": 2_000,
        "days": 1,
        "clients": [1, 2],
        "pool_sizes": [1, 2, 3],
        "pool_clients": 2,
        "queries_per_sample": 4,
        "heavy_notes": 1_000,
        "heavy_queries": 4,
        "reader_queries": 8,
        "reader_milliseconds": 10,
        "writers": [1],
        "requests": [3, 20],  # so many as a claim is about
        "open_loop_notes": 1_000,
        "utilisation_percent": [10],
        "arrivals": 20,
        "open_loop_rounds": 1,
    },
    "06_rollups": {
        **SIZES,
        "days": [30],
        "longest_milliseconds": 100,
        "growth_days": 30,
        "growth_notes": [300, 1_000],
        "entity_notes": 300,
        "patients": [8, 80],
        "facilities": [1, 12],
        "tenants": [2, 20],
    },
    "07_server": {**SIZES, "days": 1},
    "08_upkeep": {
        **SIZES,
        "notes": 400,
        "tenants": 2,
        "facilities": 2,
        "days": 31,
        "queries": 4,
        "written": 10,
        "waiting": 4,
        "looked_for": 1,
        "interval_milliseconds": 10,
        "reader_queries": 8,
        "reader_milliseconds": 10,
        "stack_queries": 4,
    },
}


# For runs that are looked at for something else than what they measured.
ONE_ROUND = {
    notebook: {name: 1 if name.endswith("rounds") else value for name, value in parameters.items()}
    for notebook, parameters in TINY.items()
}
OURS = {"tiny": TINY, "one round": ONE_ROUND, "two rounds": {"02_one_query": TINY["02_one_query"] | TWICE}}

PLANTED = f"from carenotes.report.runs import profiles\nprofiles.PROFILES.update({OURS!r})\n"


@pytest.fixture(scope="session", autouse=True)
def tiny() -> None:
    """Profiles of the tests' own."""
    profiles.PROFILES.update(OURS)  # type: ignore[attr-defined]


@pytest.fixture(scope="session", autouse=True)
def one_server() -> Iterator[None]:
    """A server for all runs of a session, whichever processes they are in: to start one takes over a second."""
    with handed_on():
        yield


@pytest.fixture(scope="session")
def start_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The start-up hook of interpreters that know those profiles too; to be read only."""
    file = tmp_path_factory.mktemp("start-up") / "sitecustomize.py"
    file.write_text(PLANTED)
    return file


def started_by(hook: Path) -> dict[str, str]:
    """The environment of interpreters with that start-up hook."""
    path = [str(hook.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path)}


@pytest.fixture
def with_tiny(start_up: Path) -> dict[str, str]:
    """The environment of interpreters that know those profiles too."""
    return started_by(start_up)


@pytest.fixture(scope="session")
def one_nursery() -> Iterator[None]:
    """A nursery of kernels for all runs that this process makes or makes anew: to start one takes two seconds."""
    with forked():
        yield


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, tiny: None, one_nursery: None) -> Outcome:
    """A run of every notebook, made once for all workers of the session; to be read only."""
    return _made_once(tmp_path_factory.getbasetemp(), "run", "tiny")


@pytest.fixture(scope="session")
def short_run(tmp_path_factory: pytest.TempPathFactory, tiny: None, one_nursery: None) -> Outcome:
    """A run of the two notebooks that take the least time, for what is the same in every run; to be read only."""
    return _made_once(tmp_path_factory.getbasetemp(), "short", "one round", ["01", "03"])


def _made_once(base: Path, name: str, profile: str, only: list[str] | None = None) -> Outcome:
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    failed = shared / f"{name}.json"  # written last
    with FileLock(shared / f"{name}.lock"):
        if not failed.is_file():
            failed.write_text(json.dumps(report(profile, only=only, out=shared / name).failed))
    return Outcome(shared / name / "index.html", json.loads(failed.read_text()))
