"""Two runs side by side: a planted change is named, nothing else is, and what cannot be compared is refused."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from carenotes import Refused
from carenotes.lab.statistics.estimates import family_level, unpaired_ratio
from carenotes.report.runs import manifest
from carenotes.report.runs.run import Outcome
from carenotes.report.two_runs import compared
from carenotes.report.two_runs.compare import CEILING, FASTER, SAME, SLOWER, UNDECIDED, Comparison, compare
from tests.conftest import Command, one_line_refusal
from tests.report.test_run import Page

pytestmark = pytest.mark.slow  # for the run that they alter

ROUNDS = 12
LADDER = ("02_one_query", "comparison/1 d", "naive, covering index, SQLite")
FAST = "pushdown, covering index, SQLite"


@contextmanager
def changed(folder: Path) -> Iterator[sqlite3.Connection]:
    """The results of a run, to be altered; the manifest is written anew, so that it is whole."""
    connection = sqlite3.connect(folder / "results.sqlite")
    yield connection
    connection.commit()
    connection.close()
    manifest.write(folder)


def twelve_rounds(connection: sqlite3.Connection, noise: float, seed: int) -> None:
    """Every condition with so many rounds around its own first one."""
    rng = np.random.default_rng(seed)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(sample)")]
    at = {name: columns.index(name) for name in ("round", "part", "elapsed_ns")}
    kept = [list(row) for row in connection.execute("SELECT * FROM sample") if row[at["round"]] == 0]
    connection.execute("DELETE FROM sample")
    for row in kept:
        for number in range(ROUNDS):
            row[at["round"]] = number
            elapsed = row[at["elapsed_ns"]] * float(np.exp(noise * rng.normal()))
            values = [*row[: at["elapsed_ns"]], round(elapsed), *row[at["elapsed_ns"] + 1 :]]
            connection.execute(f"INSERT INTO sample VALUES ({', '.join('?' * len(row))})", values)


def longer(connection: sqlite3.Connection, times: float, condition: str, experiment: str = "%") -> None:
    update = "UPDATE sample SET elapsed_ns = CAST(elapsed_ns * ? AS INTEGER) WHERE condition = ? AND experiment LIKE ?"
    assert connection.execute(update, (times, condition, experiment)).rowcount >= ROUNDS


KEPT = {  # experiments of the run: enough of each kind, and few, for every test compares them all
    "02_one_query": ("comparison/1 d", "designs", "ceilings"),
    "03_dataset_size": ("growth",),
    "04_cache": ("hit speedup",),
}


def pruned(connection: sqlite3.Connection) -> None:
    """Nothing but the experiments that are kept."""
    kept = [f"{notebook}/{experiment}" for notebook, some in KEPT.items() for experiment in some]
    places = ", ".join("?" * len(kept))
    for table in ("sample", "latency", "condition", "correctness"):
        connection.execute(f"DELETE FROM {table} WHERE notebook || '/' || experiment NOT IN ({places})", kept)


Make = Callable[..., Path]


@pytest.fixture(scope="module")
def first(run: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of twelve rounds; to be read only."""
    folder = tmp_path_factory.mktemp("first") / "a"
    shutil.copytree(run.page.parent, folder)
    with changed(folder) as connection:
        pruned(connection)
        twelve_rounds(connection, 0.01, seed=1)
    return folder


@pytest.fixture
def second(first: Path, tmp_path: Path) -> Path:
    """The same run in another folder, to be altered."""
    return shutil.copytree(first, tmp_path / "b")


def named(found: Comparison, kind: str) -> list[tuple[str, str, str]]:
    return [one.key for one in found.changes if one.word == kind]


@pytest.fixture
def alike(first: Path, tmp_path: Path) -> Path:
    """A further run of the same thing as the first: the same to the nanosecond, so that it widens nothing."""
    return shutil.copytree(first, tmp_path / "alike")


def test_a_run_beside_itself_has_changed_nowhere(first: Path, second: Path, alike: Path) -> None:
    found = compare(first, second, same=[alike])
    assert {one.word for one in found.changes} == {SAME, CEILING}
    assert {one.word for one in found.changes if one.key[1] == "ceilings"} == {CEILING}
    assert found.floor is not None
    assert found.floor.ratio == 1
    assert found.apart == {}
    text = compared.text(found)
    assert len(text.splitlines()) == 4  # the two runs, the floor, the count
    assert f"{len(named(found, SAME))} same" in text


def test_a_planted_slowdown_is_named_and_nothing_else_is(first: Path, second: Path, alike: Path) -> None:
    with changed(second) as connection:
        twelve_rounds(connection, 0.01, seed=2)
        longer(connection, 2, LADDER[2], LADDER[1])
    found = compare(first, second, same=[alike])
    assert named(found, SLOWER) == [LADDER]
    assert named(found, FASTER) == []
    [one] = [change for change in found.changes if change.key == LADDER]
    assert one.ratio
    assert one.ratio.interval
    assert one.ratio.interval[0] < 2 * 1.02
    assert one.ratio.interval[1] > 2 / 1.02
    back = compare(second, first, same=[shutil.copytree(second, alike.parent / "alike to the second")])
    assert (named(back, FASTER), named(back, SLOWER)) == ([LADDER], [])
    lines = compared.text(found).splitlines()
    assert [line for line in lines if line.startswith(("slower", "faster"))] == [lines[3]]
    assert "02 comparison/1 d: naive, covering index, SQLite" in lines[3]
    every = compared.text(found, every=True).splitlines()
    assert len(every) == len(found.changes) + 4
    assert every[3].startswith("slower")


def test_without_further_runs_of_the_same_thing_there_are_ratios_and_no_verdict(
    first: Path, second: Path, tmp_path: Path
) -> None:
    with changed(second) as connection:
        longer(connection, 2, LADDER[2], LADDER[1])
    found = compare(first, second)
    assert found.floor is None
    assert {one.word for one in found.changes} == {UNDECIDED, CEILING}
    [one] = [change for change in found.changes if change.key == LADDER]
    assert one.ratio
    assert one.ratio.value == pytest.approx(2, rel=1e-3)
    assert one.ratio.interval
    compared.page(found, tmp_path / "both.html")
    assert "02 comparison/1 d: naive, covering index, SQLite" in compared.text(found)
    for told in (compared.text(found), (tmp_path / "both.html").read_text()):
        assert sum("add one or more with --same RUN" in line for line in told.splitlines()) == 1


def test_the_intervals_are_widened_by_what_runs_of_the_same_thing_differ_by(
    first: Path, second: Path, alike: Path
) -> None:
    with changed(second) as connection:
        longer(connection, 2.0, LADDER[2], LADDER[1])
    plain = compare(first, second, same=[alike])
    assert named(plain, SLOWER) == [LADDER]
    with changed(alike) as connection:
        longer(connection, 0.4, LADDER[2], LADDER[1])
    found = compare(first, second, same=[alike])
    assert found.floor is not None
    assert found.floor.ratio == pytest.approx(2.5, rel=1e-3)
    assert found.floor.of == "02 comparison/1 d: naive, covering index, SQLite"
    assert named(found, SLOWER) == []
    narrow, wide = (next(one.ratio for one in each.changes if one.key == LADDER) for each in (plain, found))
    assert narrow
    assert wide
    assert narrow.interval
    assert wide.interval == pytest.approx((narrow.interval[0] / 2.5, narrow.interval[1] * 2.5), rel=1e-3)


def test_what_the_ceilings_differ_by_is_no_floor(first: Path, second: Path, alike: Path) -> None:
    with changed(second) as connection:
        longer(connection, 3, "SELECT 1, covering index", "designs")
    found = compare(first, second, same=[alike])
    assert found.floor is not None
    assert found.floor.ratio == 1
    assert ("02_one_query", "designs", "SELECT 1, covering index") in named(found, CEILING)


def test_the_family_is_as_large_as_what_is_compared(first: Path, second: Path) -> None:
    found = compare(first, second)
    assert found.family == sum(one.ratio is not None for one in found.changes) > 30
    seconds = [run.seconds[LADDER] for run in found.runs]
    [one] = [change.ratio for change in found.changes if change.key == LADDER]
    assert one == unpaired_ratio(*seconds, family_level(found.family))


def test_what_matters_is_said_beforehand(first: Path, second: Path, alike: Path) -> None:
    with changed(second) as connection:
        longer(connection, 1.2, LADDER[2], LADDER[1])
    assert named(compare(first, second, same=[alike]), SLOWER) == [LADDER]
    assert LADDER in named(compare(first, second, same=[alike], matters=1.5), SAME)
    with pytest.raises(Refused, match="allowed: more than 1"):
        compare(first, second, matters=0.9)


def test_few_rounds_decide_nothing_and_say_why(run: Outcome) -> None:
    found = compare(run.page.parent, run.page.parent)
    assert {one.word for one in found.changes} == {UNDECIDED, CEILING}
    assert "one round is too few for intervals of" in compared.text(found)


def test_a_condition_that_failed_has_no_ratio_and_is_shown_first(first: Path, second: Path, alike: Path) -> None:
    with changed(second) as connection:
        longer(connection, 2, FAST, LADDER[1])
        failed = "UPDATE correctness SET wrong = 1 WHERE experiment = ? AND condition = ?"
        assert connection.execute(failed, LADDER[1:]).rowcount
        connection.execute("DELETE FROM sample WHERE experiment = ? AND condition = ?", LADDER[1:])
    found = compare(first, second, same=[alike])
    [one] = [change for change in found.changes if change.key == LADDER]
    assert (one.word, one.ratio, one.after) == ("FAILED in B", None, None)
    lines = compared.text(found).splitlines()
    assert lines[3].startswith("FAILED in B")
    assert lines[4].startswith("slower")


def test_a_condition_of_one_run_only_is_told(first: Path, second: Path) -> None:
    with changed(second) as connection:
        connection.execute("DELETE FROM sample WHERE experiment = ? AND condition = ?", LADDER[1:])
    assert named(compare(first, second), "only in A") == [LADDER]
    assert named(compare(second, first), "only in B") == [LADDER]


def test_other_parameters_and_other_data_are_not_compared(first: Path, second: Path) -> None:
    with changed(second) as connection:
        connection.execute("UPDATE dataset SET digest = 'another' WHERE notebook = '02_one_query'")
        parameters = json.dumps({"random_seed": 7})
        connection.execute("UPDATE run SET parameters = ? WHERE notebook = '03_dataset_size'", (parameters,))
        longer(connection, 2, LADDER[2])
    found = compare(first, second)
    assert found.apart["02_one_query"].startswith("other data: asked is ")
    assert found.apart["03_dataset_size"].startswith("other parameters: random_seed is 1 and 7")
    assert {"02_one_query", "03_dataset_size"}.isdisjoint({one.key[0] for one in found.changes})
    assert "03_dataset_size: not comparable, other parameters" in compared.text(found)
    with changed(second) as connection:
        connection.execute("UPDATE run SET parameters = '{}'")
    with pytest.raises(Refused, match=r"nothing that can be compared \(01_seed_data: other parameters"):
        compare(first, second)


def test_somebody_elses_notes_are_other_data(first: Path, second: Path) -> None:
    file = second / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"own": "another database"}))
    manifest.write(second)
    found = compare(first, second)
    assert found.apart["05_concurrency"] == "other data: whose notes is None and another database"
    assert "02_one_query" not in found.apart  # its digest says that the notes are the same


FACTS = {"cpu": "Abacus", "sqlite": "9", "duckdb": "9", "profile": "huge"}


@pytest.mark.parametrize("fact", FACTS)
def test_other_machines_are_refused_by_the_first_fact_unless_asked_for(first: Path, second: Path, fact: str) -> None:
    with changed(second) as connection:
        connection.execute("UPDATE environment SET value = ? WHERE name = ?", (FACTS[fact], fact))
    for given in ({}, {"same": [second]}):
        with pytest.raises(Refused, match=rf"differ in {fact}: .* has {FACTS[fact]}; --across-machines"):
            compare(first, second if not given else first, **given)  # type: ignore[arg-type]
    assert named(compare(first, second, across_machines=True), SLOWER) == []


def test_another_commit_is_what_is_compared(first: Path, second: Path) -> None:
    with changed(second) as connection:
        connection.execute("UPDATE environment SET value = 'abc' WHERE name IN ('commit', 'carenotes')")
    assert "commit abc" in compared.text(compare(first, second))


def _append(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"x")


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


BREAKS: dict[str, tuple[Callable[[Path], object], str, bool]] = {  # how, what is said, whether the manifest fits it
    "changed": (lambda run: _append(run / "csv" / "sample.csv"), "csv/sample.csv: changed", False),
    "truncated": (lambda run: _truncate(run / "results.sqlite"), "results.sqlite: changed", False),
    "missing": (lambda run: (run / "index.html").unlink(), "index.html: missing", False),
    "new": (lambda run: (run / "mine.txt").write_text("x"), "mine.txt: not in the manifest", False),
    "no results": (lambda run: (run / "results.sqlite").unlink(), "results.sqlite: no results there", True),
    "no database": (lambda run: (run / "results.sqlite").write_text("x"), "holds no results of carenotes", True),
    "what was run": (lambda run: (run / "run.json").write_text("[]"), "run.json: does not say what was run", True),
    "unfinished": (lambda run: (run / "manifest.json").unlink(), "not a finished run", False),
    "bad manifest": (lambda run: _truncate(run / "manifest.json"), "not a manifest of carenotes", False),
    "no folder": (shutil.rmtree, "no such folder", False),
}


def _contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(("spoil", "said", "fits"), BREAKS.values(), ids=BREAKS)
def test_what_is_no_whole_finished_run_is_refused_and_nothing_is_touched(
    first: Path, second: Path, tmp_path: Path, spoil: Callable[[Path], object], said: str, fits: bool
) -> None:
    spoil(second)
    if fits:
        manifest.write(second)
    before = _contents(tmp_path) | _contents(first)
    for one, other, same in ((first, second, ()), (second, first, ()), (first, first, (second,))):
        with pytest.raises(Refused, match=said):
            compare(one, other, same=same)
    assert _contents(tmp_path) | _contents(first) == before


def test_results_of_another_version_are_refused(first: Path, second: Path) -> None:
    with changed(second) as connection:
        connection.execute("UPDATE environment SET value = '1' WHERE name = 'results_schema'")
    with pytest.raises(Refused, match="results of version 1; this carenotes reads"):
        compare(first, second)


def test_the_page_loads_nothing_and_everything_on_it_has_words(
    first: Path, second: Path, alike: Path, tmp_path: Path
) -> None:
    with changed(second) as connection:
        longer(connection, 2, LADDER[2], LADDER[1])
        connection.execute("UPDATE correctness SET wrong = 1 WHERE condition = ? AND experiment = ?", (FAST, LADDER[1]))
    file = tmp_path / "both.html"
    found = compare(first, second, same=[alike])
    compared.page(found, file)
    text = file.read_text()
    page = Page(text)
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "img", "iframe")]
    assert "@import" not in text
    assert not re.search(r"(?:src|href)=[\"'](?!#)", text)
    assert not re.search(r"url\((?!#)", text)
    assert len(page.all("caption")) == len(page.all("table")) == len({one.key[0] for one in found.changes})
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    figures = page.all("svg")
    assert len(figures) == len(page.all("table"))
    assert all(one["role"] == "img" and len(one["aria-label"] or "") > 30 for one in figures)
    assert any("naive, covering index, SQLite 2.00x, slower" in (one["aria-label"] or "") for one in figures)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert "✗ FAILED in B" in text
    assert "prefers-color-scheme: dark" in text
    compared.page(found, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text() == text  # to the byte


def test_a_page_is_not_written_into_a_run(first: Path, second: Path) -> None:
    with pytest.raises(Refused, match="lies in a run folder"):
        compared.page(compare(first, second), second / "csv" / "both.html")
    manifest.check(second)


def test_the_command_says_it_in_lines_and_a_refusal_in_one(
    carenotes: Command, first: Path, second: Path, alike: Path, tmp_path: Path
) -> None:
    with changed(second) as connection:
        longer(connection, 2, LADDER[2], LADDER[1])
    done = carenotes("compare", str(first), "b", "--same", alike.name, "--html", "both.html")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[3].startswith("slower  2.00x [")
    assert lines[-1] == "both.html"
    assert (tmp_path / "both.html").is_file()
    said = one_line_refusal(carenotes("compare", str(first), "absent", "--html", "no.html"))
    assert said == "carenotes: absent: no such folder"
    assert not (tmp_path / "no.html").exists()
