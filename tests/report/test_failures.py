"""A run in which something fails, or that is stopped, says so, shows the rest, and can be finished."""

import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest

from carenotes import Refused
from carenotes.lab.results.store import Results
from carenotes.report.runs import manifest
from carenotes.report.runs import notebooks as executing
from carenotes.report.runs.run import remake, report
from tests.conftest import Command, started, wait_until
from tests.report.conftest import PLANTED, started_by

pytestmark = pytest.mark.slow


def broken_notebooks(folder: Path, broken: dict[str, tuple[str, str]]) -> Path:
    """The notebooks, some of them with code in their middle, in the place before a heading."""
    shutil.copytree(executing.notebook_folder(), folder)
    for name, (heading, code) in broken.items():
        notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
        place = next(number for number, cell in enumerate(notebook.cells) if cell.source.startswith(heading))
        notebook.cells.insert(place, nbformat.v4.new_code_cell(code))
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


FAILURES = {  # behind what the notebook measures: where, the code, and what is said of it
    "01_seed_data": (
        "## Progress",
        "import os\nos.write(2, b'Assertion failed in a socket')\nraise RuntimeError('the disk is on fire')",
        "RuntimeError: the disk is on fire",
    ),
    "03_dataset_size": ("## The size of a row", "import os\nos.kill(os.getpid(), 9)", "DeadKernelError: Kernel died"),
}


@pytest.mark.usefixtures("one_nursery")
def test_a_notebook_that_fails_says_so_in_its_section_and_the_rest_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = broken_notebooks(
        tmp_path / "notebooks", {name: (place, code) for name, (place, code, _) in FAILURES.items()}
    )
    monkeypatch.setattr(executing, "notebook_folder", lambda: folder)
    outcome = report("one round", only=["01", "03", "04"], out=tmp_path / "out")
    assert capfd.readouterr().err == ""  # what a kernel itself says reaches nobody
    assert len(outcome.failed) == len(FAILURES)
    text = outcome.page.read_text()
    for failed, (name, (_, _, said)) in zip(outcome.failed, FAILURES.items(), strict=True):
        assert failed.startswith(f"{name} ({said}")
        assert f"Notebook {name} stopped before its end" in text
        shown = section(text, name)
        assert said in shown
        assert "<svg" in shown  # what came before the failure
        assert "Limits of this notebook" not in shown  # what would have come after it
    assert "Limits of this notebook" in section(text, "04_cache")  # the other notebook
    assert "Not measured in this run." in text  # what the opening would have said of the others
    assert remake(outcome.page.parent, ["01"]).failed == outcome.failed


def section(text: str, name: str) -> str:
    """A notebook's part of the page."""
    return text[text.index(f'id="section-{name}"') :].partition("</section>")[0]


def test_a_wrong_aggregator_has_no_time_is_shown_as_failed_and_the_status_is_one(
    carenotes: Command, tmp_path: Path
) -> None:
    """Every kernel finds a wrong `pushdown`, planted through the interpreter's own start-up hook."""
    hook = tmp_path / "start-up" / "sitecustomize.py"
    hook.parent.mkdir()
    hook.write_text(PLANTED + WRONG)
    done = carenotes("report", "--profile", "one round", "--only", "03", "--out", "out", env=started_by(hook))
    assert done.returncode == 1
    assert done.stdout.strip() == "out/index.html"
    assert done.stderr.startswith("carenotes: failed: growth/pushdown, covering index, ")
    assert ", row size/pushdown, 1 character, covering index, " in done.stderr
    assert "naive" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    text = (tmp_path / "out" / "index.html").read_text()
    assert "✗ FAILED" in text
    assert "Limits of this notebook" in section(text, "03_dataset_size")  # it went on to its end
    results = Results.read(tmp_path / "out" / "results.sqlite")
    growth = results.samples("03_dataset_size", "growth")
    assert results.took()["03_dataset_size"]["disk"] > 200_000  # of a folder that was named relative to ours
    timed = set(growth["condition"])
    assert timed >= {
        f"{one}, covering index, SQLite, {notes} notes" for one in ("naive", "single_pass") for notes in (200, 600)
    }
    assert [label for label in timed if label.startswith("pushdown")] == []
    twice = set(growth[growth["replicate"] == 2]["condition"])
    assert "naive, covering index, SQLite, 600 notes" in twice <= timed  # and the fastest, whichever that was


WRONG = """
import carenotes.aggregators as rooms
from carenotes.queries import CareStats
right = rooms.pushdown
def wrong(connection, query):
    answer = right(connection, query)
    return CareStats(answer.total_notes, answer.unique_patients + 1, answer.by_category, answer.by_priority, {})
rooms.pushdown = wrong
rooms.AGGREGATORS = dict(rooms.AGGREGATORS, pushdown=wrong)
"""
# The notebook with the shortest rounds, of which there are two: a stop after the first is one in the middle.
STOPPED = [sys.executable, "-m", "carenotes", "report", "--profile", "tiny", "--only", "01", "--out", "out"]


def measured(file: Path) -> list[tuple[object, ...]]:
    """The raw samples of the first experiment of that notebook."""
    try:
        samples = Results.read(file).samples("01_seed_data", "loading")
    except Refused:
        return []
    return [tuple(row) for row in samples.itertuples(index=False)]


def test_an_interrupted_run_says_so_in_one_line_and_leaves_no_kernel_behind(
    with_tiny: dict[str, str], tmp_path: Path
) -> None:
    with started(STOPPED, cwd=tmp_path, env=with_tiny) as began:
        wait_until(lambda: measured(tmp_path / "out" / "results.sqlite"), began)
        os.killpg(began.pid, signal.SIGINT)
        out, said = began.communicate(timeout=60)  # ends only when no kernel holds the pipes any more
    assert (began.returncode, out) == (130, "")
    [line] = said.strip().splitlines()
    assert line == "carenotes: interrupted; what was finished is kept, the same command goes on"


def test_a_run_that_was_killed_is_finished_by_the_same_command_whose_rounds_a_terminal_shows(
    with_tiny: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "out" / "results.sqlite"
    with started(STOPPED, cwd=tmp_path, env=with_tiny) as began:
        wait_until(lambda: measured(file), began)
        os.killpg(began.pid, signal.SIGKILL)
        began.communicate(timeout=60)
    before = measured(file)
    said = at_terminal(STOPPED, tmp_path, with_tiny)
    after = measured(file)
    assert 2 * len(before) == len(after)  # it was stopped after the first of two rounds
    assert after[: len(before)] == before
    manifest.check(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "run.json").read_text())["profile"] == "tiny"
    for done in (1, 2):
        assert f"{done} of 2 rounds" in said
    assert "0 of 2 rounds" not in said.partition("rows a second")[0]
    assert "Executing" not in said  # papermill's bar of cells
    assert said.endswith("\r\x1b[K")
    for kept in (tmp_path / "out").rglob("*"):
        if kept.is_file():
            assert "█".encode() not in kept.read_bytes(), kept.name
    notebook = nbformat.read(tmp_path / "out" / "executed" / "01_seed_data.ipynb", as_version=4)
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    assert [one for one in outputs if one.get("name") == "stderr"] == []


def at_terminal(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What a command that ends well shows on a terminal of a hundred columns. (Into a pipe: `test_own_database.py`.)"""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=theirs) as run:
        os.close(theirs)
        said = b""
        with suppress(OSError):  # nobody has it open any more
            while some := os.read(ours, 10_000):
                said += some
    os.close(ours)
    assert run.returncode == 0, said
    return said.decode()
