"""One room a notebook: what it runs goes to workers, what it shows does not; the laboratory knows no notebook."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "carenotes"
ROOMS = sorted(file.parent for file in (PACKAGE / "studies").glob("*/__init__.py"))
SHOWS = ("figures", "tables", "findings")
# What a worker needs nothing of: it would be in its memory, and in the time that its start takes.
NOT_IN_A_WORKER = ("matplotlib", "papermill", "nbconvert", "IPython", "carenotes.report")


def is_run(module: Path) -> bool:
    """Whether workers may import a module of a room: by its name, it shows nothing."""
    return not module.stem.endswith(SHOWS)


RUN = [
    module
    for room in ROOMS
    if room.name != "performance_report"  # it reads results, and runs nothing
    for module in sorted(room.glob("*.py"))
    if is_run(module)
]


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


NEEDED_BY_MOST = ("carenotes.lab.comparison", "carenotes.lab.configurations.writers", "carenotes.seeding")
# Each in a fork, so that none finds there what another has imported: a process of its own takes over a second.
IMPORTS = """
import importlib, os, sys
def told(name):
    importlib.import_module(name)
    print(name, [one for one in sys.modules if one.startswith({strangers!r})], flush=True)
for name in {needed!r}:
    told(name)
for name in {names!r}:
    if os.fork() == 0:
        told(name)
        os._exit(0)
    os.wait()
"""


def test_what_a_room_runs_can_be_imported_by_a_worker_without_what_it_shows() -> None:
    names = [".".join(module.relative_to(ROOT).with_suffix("").parts) for module in RUN]
    code = IMPORTS.format(needed=NEEDED_BY_MOST, names=names, strangers=NOT_IN_A_WORKER)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout.splitlines() == [f"{name} []" for name in (*NEEDED_BY_MOST, *names)]


@pytest.mark.parametrize(
    ("folder", "strangers"),
    [
        ("lab", ("studies", "original", "report", "cli")),
        ("aggregators", ("lab", "studies", "original", "report", "cache", "seeding", "cli")),
        ("cache", ("lab", "studies", "original", "report", "backends", "aggregators", "seeding", "cli")),
        ("backends", ("lab", "studies", "original", "report", "cache", "aggregators", "cli")),
        ("seeding", ("lab", "studies", "original", "report", "cache", "aggregators", "cli")),
        ("original", ("report", "cli")),
    ],
)
def test_data_runs_one_way(folder: str, strangers: tuple[str, ...]) -> None:
    met = {
        f"{module.relative_to(PACKAGE)} imports {name}"
        for module in (PACKAGE / folder).rglob("*.py")
        for name in imported(module)
        if name.startswith(tuple(f"carenotes.{stranger}." for stranger in strangers))
    }
    assert met == set()


def test_no_folder_holds_more_than_fifteen_modules() -> None:
    for folder in {module.parent for module in PACKAGE.rglob("*.py")}:
        assert len([one for one in folder.glob("*.py") if one.stem != "__init__"]) <= 15, folder
