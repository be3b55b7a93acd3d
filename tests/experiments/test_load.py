"""Load that does not wait for answers, from the study to the page: a whole run, tiny."""

from dataclasses import replace
from pathlib import Path

import pytest

from carenotes import CareStats, StatsQuery
from carenotes.errors import Refused
from carenotes.experiments import load
from carenotes.lab.contenders.open_loop import SERVICE
from carenotes.lab.contenders.services import LATENCY
from carenotes.lab.datasets import SeededNotes
from carenotes.lab.load.tails import seconds_of
from carenotes.lab.oracles import Truth
from carenotes.lab.study import Measured, Study
from carenotes.report import figures, readings, tables
from carenotes.report.drawing import Figure
from carenotes.report.tables import Table
from carenotes.seeding import SeedSpec

SPEC = SeedSpec(2_000, tenants=3, facilities=3, patients=5, days=10)
NAMES = ["10 %", "20 %", "saturated (120 %)"]


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> SeededNotes:
    return SeededNotes(SPEC, tmp_path_factory.mktemp("notes"))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study("t", str(tmp_path_factory.mktemp("results") / "r.sqlite"))


@pytest.fixture(scope="module")
def measured(study: Study, notes: SeededNotes) -> Measured:
    return load.open_loop(study, notes, [20, 10], 30, 2)


def test_every_load_and_one_beyond_is_right_in_every_round(measured: Measured) -> None:
    assert measured.failed == ()
    assert sorted(measured.right) == sorted([*NAMES, load.CLOSED])
    timed = measured.samples[measured.samples["part"] == 0]
    assert sorted(timed["condition"]) == sorted([*NAMES, load.CLOSED] * 2)
    assert (timed["checked"] == timed["units"]).all()


def test_each_run_keeps_what_was_asked_for_or_a_hundred_relaxation_times(measured: Measured) -> None:
    kept = {name: len(seconds_of(measured.latencies, name, LATENCY)) / 2 for name in NAMES}
    assert kept["10 %"] == kept["saturated (120 %)"] == pytest.approx(30, abs=2)
    assert kept["20 %"] == pytest.approx(0.2 * 100 / (1 - 0.2**0.5) ** 2, abs=2)


def test_it_is_measured_once(study: Study, notes: SeededNotes, measured: Measured) -> None:
    again = load.open_loop(study, notes, [20, 10], 30, 2)
    assert again.samples.equals(measured.samples)
    assert load.capacity(study) == load.capacity(study) != 0


def test_table_reading_and_figure_are_made_of_it(study: Study, measured: Measured) -> None:
    shown, beside = tables.load.open_loop(measured, [10, 20], []), tables.load.theory(measured, [10, 20])
    assert isinstance(shown, Table)
    assert isinstance(beside, Table)
    assert [row[0] for row in shown.rows] == [row[0] for row in beside.rows] == NAMES
    assert all(row[4] == "too few arrivals" for row in shown.rows)  # the 99th percentile
    assert beside.rows[-1][3] == "no bound: the queue grows"
    assert "ran twice" in shown.note
    said = readings.load.open_loop(measured, [10, 20], load.capacity(study)).text
    assert "requests a second when it is never idle" in said
    assert "the queue grows" in said
    figure = figures.open_loop(measured, [10, 20])
    assert isinstance(figure, Figure)
    assert figures.open_loop(measured, [10, 20]) == figure


def test_a_figure_of_nothing_that_may_be_shown_says_so(measured: Measured) -> None:
    late = measured.latencies.assign(seconds=1.0)  # the generator as well
    few = late.groupby(["condition", "kind"]).head(5)
    for judged in (late, few):
        figure = figures.open_loop(replace(measured, latencies=judged), [10, 20])
        assert isinstance(figure, Figure)
        assert "all judged unfit" in figure.svg


def test_theory_is_that_of_each_rounds_services(measured: Measured) -> None:
    wait = load.by_theory(measured, "20 %")
    services = seconds_of(measured.latencies, "20 %", SERVICE)
    assert wait is None or wait.value > 0
    assert services.min() > 0


def test_a_wrong_answer_fails_the_run_before_any_load(notes: SeededNotes, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(_self: Truth, question: StatsQuery) -> str:
        return CareStats(question.tenant_id, 0, {}, {}, {}).digest()

    monkeypatch.setattr(Truth, "hold_oracles_equal", lambda *_: None)
    monkeypatch.setattr(Truth, "of", other)
    found = load.open_loop(Study("t"), notes, [10], 30, 1)
    assert found.failed == (load.CLOSED,)
    assert found.samples.empty
    assert readings.load.open_loop(found, [10], None).text == "Not measured in this run."
    assert "FAILED" in readings.gate(found).text


def test_a_load_whose_run_would_last_too_long_is_left_out_and_told(
    notes: SeededNotes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(load, "_LONGEST", 0.0)
    study = Study("t", str(tmp_path / "r.sqlite"))
    found = load.open_loop(study, notes, [10], 30, 1)
    assert load.left_out(study) == ["10 %", "saturated (120 %)"]
    shown = tables.load.open_loop(found, [10], load.left_out(study))
    assert isinstance(shown, Table)
    assert shown.rows[0][1] == "skipped: its run would last too long"
    assert readings.load.open_loop(found, [10], 1.0).text.startswith("No comparison")


@pytest.mark.parametrize("wrong", [[0], [81], [30, 100]])
def test_a_load_without_a_steady_state_is_refused(wrong: list[int]) -> None:
    with pytest.raises(Refused, match="allowed: 1 to 80 per cent"):
        load.offered(wrong)
