"""The laboratory times nothing that is wrong, in turns that no condition is favoured by, and keeps what it measured."""

import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import psutil
import pytest
from sqlalchemy import URL, Connection

from carenotes import CareStats, Failed, Refused, StatsQuery
from carenotes.aggregators import naive, pushdown
from carenotes.lab.comparison import (
    Comparison,
    Entry,
    alone,
    compare,
    compare_together,
    distinct_queries,
    entry,
    floor,
)
from carenotes.lab.conditions import DRIVER_ALONE
from carenotes.lab.configurations.client import PILOT_QUERIES, Client
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.own import OwnNotes
from carenotes.lab.notes.stored import facts
from carenotes.lab.results.store import READ_ONLY, Results
from carenotes.lab.runner import pool
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured, measured
from carenotes.lab.runner.pool import WORKERS
from carenotes.lab.runner.study import Study
from carenotes.lab.runner.workers import PARTS, PILOT, Cell, Job, Maker, Sample, run_round
from carenotes.lab.statistics.difference import family
from carenotes.lab.statistics.estimates import FEWEST_ROUNDS
from carenotes.seeding import SeedSpec, batches, digest
from tests.lab.planted import Beside, Deadly, Hanging, Process, WrongAfter, broken, experiment, wrong_always

SPEC = SeedSpec(2_000, tenants=3, facilities=3, patients=5, days=10)
Ask = Callable[[Connection, StatsQuery], CareStats]


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> SeededNotes:
    return SeededNotes(SPEC, tmp_path_factory.mktemp("notes"))


def compared(study: Study, notes: SeededNotes, rounds: int = 3, **configurations: Ask) -> Measured:
    def comparison() -> Comparison:
        entries = [called(name, ask, notes) for name, ask in configurations.items()]
        return Comparison([*entries, floor(notes, "covering")], distinct_queries(notes, 1, 1), 3)

    return compare(study, "race", comparison, rounds)


def called(name: str, execute: Ask, notes: SeededNotes) -> Entry:
    return entry(notes, "covering", name, execute)


def names(count: int) -> dict[str, partial[Process]]:
    return {f"c{number}": partial(Process) for number in range(count)}


def ran(study: Study, makers: Mapping[str, Maker], rounds: int, name: str = "x") -> Measured:
    return study.run({name: lambda: experiment(makers)}, rounds)[name]


@pytest.mark.slow
def test_each_round_runs_every_condition_once_in_an_order_that_changes() -> None:
    found = ran(Study("t"), names(4), 5)
    timed = found.samples[found.samples["part"] == 0]
    by_round = timed.groupby("round")
    assert sorted(by_round.groups) == list(range(5))
    assert all(sorted(one["condition"]) == ["c0", "c1", "c2", "c3"] for _, one in by_round)
    assert len({tuple(one.sort_values("position")["condition"]) for _, one in by_round}) > 2


def test_warm_ups_are_kept_and_marked() -> None:
    samples = ran(Study("t"), names(2), 2).samples
    assert [sorted(one["part"]) for _, one in samples.groupby(["condition", "round"])] == [sorted(PARTS)] * 4


@pytest.mark.slow
def test_each_round_is_a_process_of_its_own_with_hashes_of_its_own() -> None:
    every = ran(Study("t"), names(2), 6).latencies
    for kind in ("process", "hash"):
        of_kind = every[every["kind"] == kind]
        assert of_kind.groupby("round")["seconds"].nunique().tolist() == [1] * 6  # the same for all of a round
        assert of_kind["seconds"].nunique() == 6


def test_of_too_few_rounds_for_an_interval_each_is_still_a_process_of_its_own() -> None:
    every = ran(Study("t"), names(2), 3).latencies
    processes = every[every["kind"] == "process"]
    assert processes.groupby("round")["seconds"].nunique().tolist() == [1] * 3
    assert processes["seconds"].nunique() == 3


@pytest.mark.parametrize("rounds", [2, pytest.param(FEWEST_ROUNDS, marks=pytest.mark.slow)])
def test_what_works_beside_a_round_are_forks_of_its_worker_that_end_with_it(rounds: int) -> None:
    every = ran(Study("t"), {"one": Beside}, rounds).latencies.groupby("kind")["seconds"]
    found = {str(kind): [round(one * 1e6) for one in seconds] for kind, seconds in every}
    assert found["its parent"] == found["parent"]
    assert len(set(found["nursery"])) == rounds
    assert [one for one in found["nursery"] if runs(one)] == []


def runs(process: int) -> bool:
    """Whether a process is there, and not only waits to be forgotten by the system."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_job_names_its_code_for_a_worker_to_load_at_its_start() -> None:
    server = URL.create("postgresql+psycopg", database="theirs")
    makers = {Cell("x", "one"): partial(Client, pushdown, server, [], 1), Cell("x", "two"): Process}
    code = {"carenotes.lab.configurations.client", "carenotes.aggregators.pushdown", "tests.lab.planted"}
    assert code | {"psycopg"} <= set(Job.of(makers, list(makers), 0).preload)


def test_the_slowest_and_the_fastest_run_twice_under_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    takes = {"slow": 9, "middle": 3, "fast": 1}

    def run(job: Job, **_: bool) -> list[Sample]:
        """A worker on a machine where everything takes what it is said to."""
        time = {cell: takes[cell.condition] for cell in job.order}
        return [Sample(cell, job.round, part, at, 1, time[cell]) for at, cell in enumerate(job.order) for part in PARTS]

    monkeypatch.setattr(WORKERS, "run", run)
    found = ran(Study("t"), dict.fromkeys(takes, Process), 2)
    assert found.controls == ("slow", "fast")
    assert set(found.replicates["condition"]) == {"slow", "fast"}
    assert set(found.samples["condition"]) == set(takes)


def test_a_worker_that_dies_is_told_and_the_rounds_before_it_are_kept(tmp_path: Path) -> None:
    study = Study("t", str(tmp_path / "r.sqlite"))
    with pytest.raises(Failed, match=r"a worker process died \(signal 9\); rounds before it are kept"):
        ran(study, {"one": Deadly}, 3, "x")
    assert Results.read(tmp_path / "r.sqlite").rounds("t", "x") == {0}


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [3, FEWEST_ROUNDS])  # forks of a template, and processes of their own
def test_a_round_that_hangs_is_given_up_and_the_rounds_before_it_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 2.0)
    study = Study("t", str(tmp_path / "r.sqlite"))
    with pytest.raises(Failed, match="a round has lasted 2 s and was given up; rounds before it are kept"):
        ran(study, {"one": partial(Hanging, tmp_path / "process")}, rounds, "x")
    assert Results.read(tmp_path / "r.sqlite").rounds("t", "x") == {0}
    gone = time.monotonic() + 10  # a signal is not obeyed at once on a busy machine
    while _lives(int((tmp_path / "process").read_text())):
        assert time.monotonic() < gone
        time.sleep(0.01)


def _lives(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE  # whoever adopts it may be slow to bury it
    except psutil.NoSuchProcess:
        return False


def test_what_cannot_go_to_a_worker_is_told() -> None:
    with pytest.raises(TypeError, match="must be importable by name"):
        ran(Study("t"), {"one": lambda: Process()}, 1)


@pytest.mark.parametrize("wrong", ["always", "broken", 15, 30])
def test_a_wrong_condition_gets_no_time_and_the_others_do(notes: SeededNotes, tmp_path: Path, wrong: str | int) -> None:
    """Wrong at the gate, raising at the gate, wrong in the first timed round, wrong in a later one."""
    ask: Ask = {"always": wrong_always, "broken": broken}.get(str(wrong)) or WrongAfter(int(wrong), tmp_path / "calls")
    found = compared(Study("t"), notes, naive=naive, wrong=ask)
    assert found.failed == ("wrong",)
    assert found.right == ("naive",)
    assert set(found.samples["condition"]) == {"naive", "SELECT 1"}


def test_why_a_condition_could_not_answer_is_kept(notes: SeededNotes, tmp_path: Path) -> None:
    compared(Study("t", str(tmp_path / "r.sqlite")), notes, naive=naive, broken=broken)
    gates = Results.read(tmp_path / "r.sqlite").correctness()
    assert list(gates[gates["wrong"] > 0]["error"]) == ["RuntimeError: out of order"]


def test_when_all_fail_nothing_is_timed(notes: SeededNotes) -> None:
    found = compared(Study("t"), notes, one=wrong_always, other=broken)
    assert found.samples.empty
    assert found.failed == ("one", "other")


def test_experiments_that_run_together_share_processes_and_keep_apart(tmp_path: Path) -> None:
    study = Study("t", str(tmp_path / "r.sqlite"))
    races = {"one": lambda: experiment(names(2)), "other": lambda: experiment(names(3)), "none": lambda: None}
    every = study.run(races, 3)
    assert every.pop("none").samples.empty
    assert [len(set(found.samples["condition"])) for found in every.values()] == [2, 3]
    processes = [set(found.latencies.query("kind == 'process'")["seconds"]) for found in every.values()]
    assert processes[0] == processes[1]
    assert len(processes[0]) == 3


def test_an_experiment_with_fewer_rounds_is_left_out_of_the_later_ones_of_others(tmp_path: Path) -> None:
    study = Study("t", str(tmp_path / "r.sqlite"), own_rounds={"few": 2})
    races = {"few": lambda: experiment(names(2)), "more": lambda: experiment(names(3))}
    found = study.run(races, 4)
    assert [sorted(set(one.samples["round"])) for one in found.values()] == [[0, 1], [0, 1, 2, 3]]
    few, more = (set(one.latencies.query("kind == 'process'")["seconds"]) for one in found.values())
    assert few < more  # the rounds of both are the same processes
    assert study.is_complete("few", 4)
    assert study.is_complete("more", 4)
    assert not study.is_complete("more", 5)


def test_how_many_ratios_a_page_makes_besides_is_kept_and_without_it_there_are_none(
    notes: SeededNotes, tmp_path: Path
) -> None:
    results, one = tmp_path / "r.sqlite", called("naive", naive, notes)
    comparison = partial(Comparison, [one], distinct_queries(notes, 1, 1), 3, further=5)
    study = Study("t", str(results), own_rounds={"one": 1})
    found = compare_together(study, {"one": comparison, "other": comparison}, 2)
    assert (found["one"].further, family(found["one"])) == (5, 5)
    assert [set(one.samples["round"]) for one in found.values()] == [{0}, {0, 1}]
    with sqlite3.connect(results) as connection:  # as in results that were made before it was kept
        assert connection.execute("DELETE FROM fact WHERE name = 'one/further comparisons'").rowcount == 1
    assert measured(Results.read(results), "t", "one").further == 0


def test_what_was_measured_is_not_planned_again(tmp_path: Path) -> None:
    study = Study("t", str(tmp_path / "r.sqlite"))
    first = ran(study, names(2), 2, "one")
    planned: list[str] = []

    def plan(name: str) -> Experiment:
        planned.append(name)
        return experiment(names(2))

    found = study.run({name: partial(plan, name) for name in ("one", "other")}, 2)
    assert planned == ["other"]
    assert found["one"].samples.equals(first.samples)
    assert set(found["other"].samples["round"]) == {0, 1}


def test_one_that_is_wrong_leaves_its_own_experiment_alone(notes: SeededNotes, tmp_path: Path) -> None:
    study, stream = Study("t"), distinct_queries(notes, 1, 1)
    ask = WrongAfter(24, tmp_path / "calls")  # right at the gates
    both = {
        "one": partial(Comparison, [called("naive", naive, notes), called("x", ask, notes)], stream, 3),
        "other": partial(Comparison, [called("naive", naive, notes), called("x", pushdown, notes)], stream, 3),
    }
    found = compare_together(study, both, 3)
    assert (found["one"].failed, found["other"].failed) == (("x",), ())
    assert set(found["other"].samples["condition"]) == {"naive", "x"}


def test_what_was_measured_is_read_and_what_is_missing_is_measured(notes: SeededNotes, tmp_path: Path) -> None:
    file = str(tmp_path / "r.sqlite")
    first = compared(Study("t", file), notes, rounds=3, naive=naive, pushdown=pushdown).samples
    more = compared(Study("t", file), notes, rounds=5, naive=naive, pushdown=pushdown).samples
    assert more[more["round"] < 3].reset_index(drop=True).equals(first)
    assert sorted(set(more["round"])) == list(range(5))
    again = compared(Study("t", file), notes, rounds=5, naive=broken, pushdown=broken).samples  # nobody is asked
    assert again.equals(more)


def test_results_of_other_parameters_are_refused(tmp_path: Path) -> None:
    Study("t", str(tmp_path / "r.sqlite"), notes=10)
    with pytest.raises(Refused, match=r'made with other parameters: .*"notes": 10'):
        Study("t", str(tmp_path / "r.sqlite"), notes=11)


def test_a_finding_is_found_once(tmp_path: Path) -> None:
    file = str(tmp_path / "r.sqlite")
    assert Study("t", file).fact("x", lambda: {"a": 1}) == {"a": 1}
    assert Study("t", file).fact("x", lambda: {"a": 2}) == {"a": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no results there"), (b"", "no results of carenotes"), (b"words" * 99, "no results of")],
)
def test_what_are_no_results_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "r.sqlite"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Refused, match=said):
        Results.read(file)


def test_seeded_notes_are_those_of_their_spec_under_every_plan(notes: SeededNotes) -> None:
    assert facts(notes)["digest"] == digest(batches(SPEC, 2_000))
    assert facts(notes)["notes"] == 2_000
    for plan in ("none", "original", "date", "covering"):
        with notes.engine(plan).connect() as connection:
            assert pushdown(connection, StatsQuery.on(1, SPEC.last_day)).total_notes > 0


def test_somebodys_own_notes_are_only_read_and_plans_are_tried_on_a_copy_of_the_latest(
    seeded: str, tmp_path: Path
) -> None:
    file = Path(seeded.removeprefix("sqlite:///"))
    before = file.read_bytes()
    own = OwnNotes(seeded, tmp_path, 1_000)
    sample = own.sample()
    assert sample.population.notes == 1_000
    assert sample.population.last_day == own.population.last_day
    for plan in ("none", "original"):
        sample.engine(plan)
    with pytest.raises(ValueError, match="on a sample"):
        own.engine("covering")
    assert file.read_bytes() == before


def test_no_more_answers_are_said_to_be_checked_than_were(notes: SeededNotes, tmp_path: Path) -> None:
    compared(Study("t", str(tmp_path / "r.sqlite")), notes, naive=naive)
    gates = Results.read(tmp_path / "r.sqlite").correctness().set_index(["condition", "replicate", "stage"])["queries"]
    assert gates["naive", 1, "before"] == PILOT_QUERIES
    assert gates["naive", 1, "timed"] == 3 * (1 + 1 + 3)  # rounds of two warm-ups and a sample
    assert "SELECT 1" not in gates


def test_those_who_were_asked_the_same_have_the_same_answers(notes: SeededNotes, tmp_path: Path) -> None:
    file = tmp_path / "r.sqlite"
    compared(Study("t", str(file)), notes, naive=naive, pushdown=pushdown)
    samples = Results.read(file).samples("t", "race").dropna(subset="answers")
    assert samples.groupby(["round", "part"])["answers"].nunique().tolist() == [1] * 9
    assert samples["answers"].nunique() >= 8  # a warm-up is one query, and two of them may meet no note


def test_what_is_sent_alone_is_timed_by_the_driver_of_each_engine(notes: SeededNotes) -> None:
    with closing(notes.on("duckdb")) as in_duckdb:
        both = [entry(notes, "covering", "pushdown"), entry(in_duckdb, "none", "pushdown", oracle=notes)]
        entries = [*both, *map(alone, both)]
        found = compare(Study("t"), "x", lambda: Comparison(entries, distinct_queries(notes, 1, 1)), 1)
    assert found.failed == ()
    assert set(found.samples["condition"]) == {
        found.of(aggregator="pushdown", engine="sqlite"),
        found.of(aggregator="pushdown", engine="duckdb"),
        found.of(aggregator="pushdown", engine="sqlite", client=DRIVER_ALONE),
        found.of(aggregator="pushdown", engine="duckdb", client=DRIVER_ALONE),
    }


def test_a_pilot_has_one_warm_up_and_a_round_two() -> None:
    cell = Cell("experiment", "condition")
    for number, parts in ((PILOT, PARTS[1:]), (0, PARTS)):
        assert tuple(one.part for one in run_round(Job({cell: Process}, [cell], number))) == parts


def test_the_template_of_workers_starts_with_a_study_and_not_where_nothing_may_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    WORKERS.close()
    Study("t", str(tmp_path / "r.sqlite"))
    assert WORKERS._template is not None
    WORKERS.close()
    monkeypatch.setenv(READ_ONLY, "1")
    Study("t", str(tmp_path / "r.sqlite"))
    assert WORKERS._template is None
