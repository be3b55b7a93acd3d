"""One whole run, small enough for a test."""

import os
from pathlib import Path

import pytest

from carenotes.report.runs import profiles
from carenotes.report.runs.run import Outcome, report

SIZES = {"rounds": 2, "random_seed": 1, "notes": 1_000}
ASKED = {"rounds": 2, "random_seed": 1, "database": ""}
TINY = {
    "01_seed_data": {**SIZES, "load_notes": 500, "batches": [100, 500]},
    "02_one_query": {
        **SIZES,
        "database": "",
        "short_days": 1,
        "long_days": 3,
        "original_notes": 2_000,
        "original_rounds": 2,
    },
    "03_dataset_size": {**ASKED, "sizes": [200, 600], "width_notes": 300, "widths": [1, 50], "days": 1},
    "04_cache": {
        **ASKED,
        "notes": 1_000,
        "original_notes": 2_000,
        "callers": [5],
        "ttls": [30],
        "gaps": [10],
        "writes_an_hour": 60,
        "requests": 100,
    },
    "05_concurrency": {
        **ASKED,
        "notes": 1_000,
        "original_notes": 2_000,
        "days": 1,
        "levels": [1, 2],
        "pools": [1, 2],
        "pool_clients": 2,
        "units": 4,
        "requests": [3, 5],
        "load_notes": 1_000,
        "loads": [10],
        "arrivals": 20,
        "load_rounds": 2,
    },
}


PLANTED = f"from carenotes.report.runs import profiles\nprofiles.PROFILES['tiny'] = {TINY!r}\n"


@pytest.fixture(scope="session", autouse=True)
def tiny() -> None:
    """A profile of the tests' own."""
    profiles.PROFILES["tiny"] = TINY  # type: ignore[index]


@pytest.fixture
def with_tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose interpreters know that profile too, by their own start-up hook."""
    folder = tmp_path_factory.mktemp("start-up")
    (folder / "sitecustomize.py").write_text(PLANTED)
    path = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path)}


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, tiny: None) -> Outcome:
    """A run of every notebook; to be read only."""
    out: Path = tmp_path_factory.mktemp("run") / "out"
    return report("tiny", out=out)
