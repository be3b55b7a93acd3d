"""The gate tells a slower revision and a wrong one from the same, refuses in one line, and leaves nothing behind."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from carenotes import AGGREGATORS, Refused
from carenotes.cli import run
from carenotes.lab.revisions.export import exported
from carenotes.lab.revisions.race import SHORTEST_SAMPLE, Race, Sampling, _sampling
from carenotes.lab.revisions.regression import A_AGAIN, FASTER, SAME, SLOWER, UNDECIDED, A, B, Settings, _findings
from carenotes.lab.revisions.worker import HIT
from carenotes.lab.runner import lock
from carenotes.lab.statistics.estimates import family_level, fewest_rounds
from tests.conftest import ROOT, one_line_refusal, started

SUBJECTS = [*AGGREGATORS, "hit"]

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="the gate needs git")

SLOW_AND_WRONG = """
from carenotes.aggregators import pushdown as _fast, single_pass as _right

def _tenfold(connection, query):
    print("a revision may print")
    return [_fast(connection, query) for _ in range(10)][-1]

def _wrong(connection, query):
    answer = _right(connection, query)
    return CareStats(answer.total_notes + 1, answer.unique_patients, answer.by_category, answer.by_priority, {})

AGGREGATORS = AGGREGATORS | {"pushdown": _tenfold, "single_pass": _wrong}
"""
RAISES = """
def _broken(connection, query):
    raise RuntimeError("out of order\\nat length")

AGGREGATORS = AGGREGATORS | {"pushdown": _broken}
"""
NEVER_ANSWERS = """
import os

def _endless(connection, query):
    with open(os.environ["REACHED"], "w") as pipe:
        pipe.write(str(os.getpid()))
    while True:
        pass

AGGREGATORS = AGGREGATORS | {"pushdown": _endless}
"""
BROKEN = "raise ImportError('farewell')"
DIES = """
import os

def _last(connection, query):
    print("ImportError: farewell", flush=True)
    os._exit(7)

AGGREGATORS = AGGREGATORS | {"pushdown": _last}
"""
REVISIONS = {"slow": SLOW_AND_WRONG, "raises": RAISES, "endless": NEVER_ANSWERS, "broken": BROKEN, "dies": DIES}


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git checkout of carenotes, with a tag for each revision."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "carenotes", folder / "carenotes", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".gitignore").write_text("__pycache__/\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "good")
    git(folder, "tag", "good")
    package = folder / "carenotes" / "__init__.py"
    for name, change in REVISIONS.items():
        git(folder, "checkout", "--quiet", "good")
        package.write_text(package.read_text() + change)
        git(folder, "commit", "--quiet", "--all", "--message", name)
        git(folder, "tag", name)
    git(folder, "checkout", "--quiet", "good")
    git(folder, "rm", "--quiet", "carenotes/__init__.py")
    git(folder, "commit", "--quiet", "--message", "hollow")
    git(folder, "tag", "hollow")
    git(folder, "checkout", "--quiet", "--orphan", "without")
    git(folder, "rm", "--quiet", "--cached", "-r", "carenotes")
    git(folder, "commit", "--quiet", "--message", "without")
    git(folder, "checkout", "--quiet", "--force", "good")
    return folder


Gate = Callable[..., tuple[int, str, str]]


def left_in(temporary: Path) -> list[str]:
    """What a gate left in the temporary folder, but for the empty file that is locked."""
    return [one.name for one in temporary.iterdir() if one.name != lock.NAME or one.stat().st_size]


@pytest.fixture
def gate(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Gate]:
    """The command in the checkout: exit status, output, errors. Neither the checkout nor the temporary folder holds
    anything new afterwards.
    """
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(checkout)

    def command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            run(["gate", *arguments])
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err

    yield command
    assert left_in(temporary) == []
    assert git(checkout, "status", "--porcelain") == ""
    assert len(git(checkout, "worktree", "list").splitlines()) == 1


def words(shown: str) -> dict[str, str]:
    """The last word of each line of the table, by the first."""
    lines = [line.split() for line in shown.splitlines()]
    return {line[0]: line[-1] for line in lines if line}


@pytest.mark.slow
def test_a_slower_aggregator_is_slower_and_a_wrong_one_has_no_time(gate: Gate, tmp_path: Path) -> None:
    kept = tmp_path / "gate.json"
    named = ("--only", "pushdown,single_pass,hit", "--matters", "1.5", "--json", str(kept))
    status, shown, said = gate("good", "slow", "--notes", "2000", "--rounds", "7", *named)
    assert status == 1
    assert words(shown)["pushdown"] == "slower"
    assert "single_pass  FAILED: answers differ: those of slow are not the oracle's\n" in shown
    assert said.startswith("carenotes: slower: pushdown; FAILED: single_pass; ")
    assert said.count("\n") == 1
    found = json.loads(kept.read_text())
    assert (found["passed"], list(found["subjects"])) == (False, ["pushdown", "hit", "single_pass"])
    assert found["subjects"]["single_pass"].keys() == {"word", "why"}
    for subject in ("pushdown", "hit"):
        assert_whole(found["subjects"][subject], rounds=7)
    assert found["subjects"]["pushdown"]["b_against_a"]["value"] > 1.8


def assert_whole(finding: dict[str, Any], rounds: int) -> None:
    """Every sample is there, and the estimate lies in its interval."""
    low, high = finding["b_against_a"]["interval"]
    assert 0 < low <= finding["b_against_a"]["value"] <= high
    assert finding["noise"] >= 1
    assert finding["queries_a_sample"] * finding["times_each"] > 1
    for side in ("a", "b", "a_again"):
        assert len(finding["samples"][side]) == rounds
        assert min(finding["samples"][side]) > 0


@pytest.mark.parametrize("seconds", [1e-7, 2e-4, 0.5])
@pytest.mark.parametrize("subject", ["pushdown", HIT])
def test_a_sample_is_long_enough_whatever_an_answer_takes(subject: str, seconds: float) -> None:
    one = _sampling(subject, seconds)
    assert one.queries * one.repeats * seconds >= SHORTEST_SAMPLE


@pytest.mark.slow
def test_a_revision_is_not_slower_than_itself(gate: Gate) -> None:
    few = ("--notes", "2000", "--rounds", "6", "--only", "pushdown")
    status, shown, said = gate("good", "good", *few, "--matters", "2")
    assert (status, said) == (0, "")
    assert words(shown)["pushdown"] in ("same", "undecided", "faster")


@pytest.mark.slow
def test_an_aggregator_that_raises_is_told_with_what_it_said(gate: Gate) -> None:
    status, shown, _ = gate("good", "raises", "--notes", "2000", "--rounds", "6", "--only", "pushdown")
    assert status == 1
    assert "pushdown  FAILED: raises raised RuntimeError: out of order\n" in shown


@pytest.mark.slow
@pytest.mark.parametrize(("revision", "status"), [("broken", 1), ("dies", 7)])
def test_a_revision_whose_worker_ends_is_named_with_its_last_line(gate: Gate, revision: str, status: int) -> None:
    why = f"{revision}: its worker ended (status {status}), saying: ImportError: farewell"
    assert gate("good", revision, "--notes", "2000", "--only", "pushdown") == (1, "", f"carenotes: {why}\n")


def test_another_carenotes_is_never_taken_for_that_of_the_revision(gate: Gate) -> None:
    why = "hollow: another carenotes than that of the revision was imported"
    assert gate("good", "hollow", "--notes", "2000") == (1, "", f"carenotes: {why}\n")


REFUSALS = {
    "unknown revision": (["good", "nowhere"], "nowhere: no such revision; allowed: a commit, branch or tag, or ."),
    "an option as a revision": (["--", "good", "--all"], "--all: no such revision"),
    "a revision of something else": (["without", "good"], "without: holds no folder carenotes"),
    "too few rounds": (["good", "good", "--rounds", "5"], "5 rounds: too few for an interval; allowed: 6 or more"),
    "too few for all": (
        ["good", "good", "--rounds", "6"],
        f"6 rounds: too few for the intervals of {len(SUBJECTS)} subjects",
    ),
    "nothing matters": (["good", "good", "--matters", "1"], "what matters is 1; allowed: a ratio above 1"),
    "unknown subject": (["good", "good", "--only", "hit,magic"], f"allowed: {', '.join(SUBJECTS)}"),
    "no subject": (["good", "good", "--only", ""], "'': no such subject"),
    "no notes": (["good", "good", "--notes", "0"], "notes is 0; allowed: 1 to"),
    "no folder": (["good", "good", "--json", "nowhere/gate.json"], "nowhere/gate.json: its folder does not exist"),
}


@pytest.mark.parametrize(("arguments", "why"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_wrong_is_refused_in_one_line(gate: Gate, arguments: list[str], why: str) -> None:
    status, shown, said = gate(*arguments)
    assert (status, shown, said.count("\n")) == (2, "", 1)
    assert why in said


def test_a_folder_that_is_no_checkout_is_refused(gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, said = gate("good", "good")
    assert (status, said.count("\n")) == (2, 1)
    assert "in no git checkout" in said


def test_without_scipy_the_extra_is_named() -> None:
    without = "import sys; sys.modules['scipy'] = None; from carenotes.cli import run; run(['gate', 'a', 'b'])"
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=False)
    assert one_line_refusal(done) == "carenotes: the gate needs scipy: pip install 'carenotes[report]'"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells when a process that is no child ends")
def test_a_stopped_gate_leaves_no_worker_even_in_the_middle_of_an_answer(
    checkout: Path, tmp_path: Path, how: signal.Signals
) -> None:
    temporary, pipe = tmp_path / "temporary", tmp_path / "reached"
    temporary.mkdir()
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "carenotes", "gate", "endless", "good", "--notes", "2000", "--only", "pushdown"]
    env = os.environ | {"REACHED": str(pipe), "TMPDIR": str(temporary)}
    with started(command, cwd=checkout, env=env) as running:
        reached = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        assert select.select([reached], [], [], 60)[0]
        worker = os.pidfd_open(int(os.read(reached, 100)))
        running.send_signal(how)
        _, said = running.communicate(timeout=30)
        assert select.select([worker], [], [], 30)[0], "the worker goes on"
    os.close(worker)
    os.close(reached)
    if how == signal.SIGINT:
        assert (running.returncode, said) == (130, "carenotes: interrupted; nothing of it is kept\n")
        assert left_in(temporary) == []


def test_the_working_tree_goes_with_what_is_not_committed(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout / "carenotes")
    new = checkout / "carenotes" / "uncommitted.py"
    new.touch()
    try:
        tree, committed = exported([".", "good"], tmp_path)
    finally:
        new.unlink()
    assert (tree.commit, committed.commit) == ("working tree", git(checkout, "rev-parse", "--short=12", "good").strip())
    assert (tree.root / "carenotes" / "uncommitted.py").exists()
    assert not (committed.root / "carenotes" / "uncommitted.py").exists()
    assert (committed.root / "carenotes" / "queries.py").exists()


WORDS = {
    "slower": (1.3, 1.05, SLOWER),
    "slower, within the noise of A itself": (1.3, 1.25, UNDECIDED),
    "slower by less than matters": (1.05, 1.01, SAME),
    "slower by about what matters": (1.1, 1.01, UNDECIDED),
    "faster": (1 / 1.3, 1.05, FASTER),
    "faster, within the noise": (1 / 1.3, 1 / 1.25, UNDECIDED),  # the second A may be the faster one
    "faster by less than matters": (0.95, 1.01, SAME),
    "the same": (1.0, 1.0, SAME),
    "the same, on a noisy machine": (1.0, 1.2, UNDECIDED),
}


@pytest.mark.parametrize(("ratio", "again", "expected"), WORDS.values(), ids=WORDS)
def test_a_word_follows_from_the_interval_widened_by_the_noise_and_what_matters(
    ratio: float, again: float, expected: str
) -> None:
    race = Race.__new__(Race)  # nobody races: only what was seen is told
    even = [1 + one / 1000 for one in range(12)]
    seconds = {A: even, B: [ratio * one for one in reversed(even)], A_AGAIN: [again * one for one in even]}
    race.samplings, race.seconds, race.failed = {"naive": Sampling(4, 1)}, {"naive": seconds}, {}
    [found] = _findings(race, family_level(1), 1.10)
    assert found.noise == pytest.approx(max(again, 1 / again))
    assert found.ratio.value == pytest.approx(ratio, rel=0.01)
    assert found.word == expected


def test_more_subjects_need_more_rounds() -> None:
    assert [fewest_rounds(subjects) for subjects in (1, 2, 4)] == [6, 7, 8]
    with pytest.raises(Refused, match="allowed: a ratio above 1"):
        Settings(matters=float("nan"))
