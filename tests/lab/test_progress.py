"""A bar of rounds is shown to somebody who waits, leaves nothing behind, and holds nothing up."""

import os
import pty
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from carenotes.lab.runner import progress
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.pool import WORKERS
from carenotes.lab.runner.study import Study
from carenotes.lab.runner.workers import PILOT, Job, Sample
from tests.lab.planted import Process, experiment

CELL = """
from carenotes.lab.runner.study import Study
from tests.lab.planted import Process, experiment
found = Study("study").run({"one": lambda: experiment({"c": Process})}, 2)["one"]
len(found.samples)
"""


def one() -> Experiment:
    return experiment({"c": Process})


def said_on(terminal: int) -> str:
    """All that was written to a terminal that nobody has open any more."""
    said = b""
    with suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as file:
        while some := file.read(10_000):
            said += some
    return said.decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """A terminal that this process was handed; its two ends."""
    ends = pty.openpty()
    monkeypatch.setenv(progress._TERMINAL, os.ttyname(ends[1]))
    yield ends
    for one in ends:
        with suppress(OSError):
            os.close(one)


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens, in order: bars, and rounds of workers."""
    events: list[str] = []
    run = WORKERS.run

    @contextmanager
    def shown(_: str, experiments: Any, rounds: int, done: int = 0) -> Iterator[Callable[[], None]]:
        events.append(f"{' and '.join(experiments)}: {done} of {rounds}")
        yield lambda: events.append("told")
        events.append("over")

    def watched(job: Job, *, started_anew: bool) -> list[Sample]:
        events.append("pilot" if job.round == PILOT else f"begin {job.round}")
        samples = run(job, started_anew=started_anew)
        events.append("end")
        return samples

    monkeypatch.setattr(progress, "shown", shown)
    monkeypatch.setattr(WORKERS, "run", watched)
    return events


def test_a_bar_is_told_of_each_round_once_when_it_is_over(happened: list[str]) -> None:
    Study("study").run({"one": one, "other": one}, 2)
    assert happened == [
        *("pilot of one: 0 of 1", "pilot", "end", "over"),
        *("pilot of other: 0 of 1", "pilot", "end", "over"),
        *("one and other: 0 of 2", "begin 0", "end", "told", "begin 1", "end", "told", "over"),
    ]


def test_rounds_that_were_measured_before_are_done_already(happened: list[str], tmp_path: Path) -> None:
    study = Study("study", str(tmp_path / "results"))
    study.run({"one": one}, 1)
    happened.clear()
    study.run({"one": one}, 2)
    assert happened == ["one: 1 of 2", "begin 1", "end", "told", "over"]


class Client(NotebookClient):
    """Runs a notebook and keeps what the kernel said of each cell; somebody is at it for the first one."""

    def begin(self, cell_index: int, **_: Any) -> None:
        assert self.kc is not None
        self.kc.allow_stdin = cell_index == 0  # as a notebook does in a browser, and no program that runs one
        self.said.append("")

    def process_message(self, message: Any, *others: Any) -> Any:
        self.said[-1] += str(message["content"])
        return super().process_message(message, *others)


@pytest.mark.slow
def test_in_a_notebook_a_bar_is_shown_to_somebody_at_it_and_not_to_a_program_and_nothing_of_it_stays() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL) for _ in range(2)])
    client = Client(notebook, timeout=60, extra_arguments=["--log-level=50"])
    client.said, client.on_cell_execute = [], client.begin
    client.execute()
    attended, unattended = client.said
    assert "study: one |" in attended
    assert "2 of 2 rounds" in attended
    assert "rounds" not in unattended.replace(CELL, "")
    outputs = [[one["data"]["text/plain"] for one in cell.outputs] for cell in notebook.cells]
    assert outputs == [["6"], ["6"]]


def test_without_a_terminal_nothing_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    with progress.shown("notebook", ["one"], 2) as tell:
        tell()
    with progress.handed_on("notebook"):
        assert progress._TERMINAL not in os.environ
    assert capfd.readouterr() == ("", "")


def test_a_terminal_of_ones_own_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as file:
        monkeypatch.setattr("sys.stderr", file)
        with progress.handed_on("notebook"):
            assert os.environ[progress._TERMINAL] == os.ttyname(theirs)
        with progress.shown("notebook", ["one", "two", "three"], 4, 1) as tell:
            tell()
    said = said_on(ours)
    assert progress._TERMINAL not in os.environ
    assert "notebook: one and 2 more" in said
    assert "1 of 4 rounds" in said
    assert "2 of 4 rounds" in said


def test_a_terminal_that_was_handed_shows_the_bar_and_no_thread_draws_it(terminal: tuple[int, int]) -> None:
    before = threading.enumerate()
    with progress.shown("notebook", ["one"], 2) as tell:
        tell()
        assert threading.enumerate() == before
    os.close(terminal[1])
    said = said_on(terminal[0])
    assert "1 of 2 rounds" in said
    assert said.endswith("notebook ...")


def test_a_terminal_that_stands_still_holds_nothing_up(terminal: tuple[int, int]) -> None:
    with progress.shown("notebook", ["one"], 5_000) as tell:
        for _ in range(5_000):  # more than it takes when nobody reads
            tell()
    os.close(terminal[1])
    assert "of 5000 rounds" in said_on(terminal[0]).replace(",", "")


@pytest.mark.parametrize("gone", ["before", "meanwhile"])
def test_a_terminal_that_is_gone_is_no_error(
    terminal: tuple[int, int], gone: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def hang_up() -> None:
        for one in terminal:
            os.close(one)

    if gone == "before":
        hang_up()
    with progress.shown("notebook", ["one"], 2) as tell:
        if gone == "meanwhile":
            hang_up()
        tell()
        tell()
    assert capfd.readouterr() == ("", "")  # nor is anything said elsewhere
