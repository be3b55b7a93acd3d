"""Open-loop load, from the study to the page: a whole run, tiny."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from carenotes import CareStats, StatsQuery
from carenotes.errors import Refused
from carenotes.lab.conditions import condition, labels
from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.open_loop.queueing import enough
from carenotes.lab.open_loop.server import GENERATOR_LATENESS, SERVICE_TIME, WAITING_TIME, OfferedLoad
from carenotes.lab.open_loop.tails import needed, seconds_of
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Study
from carenotes.report.drawing import Figure
from carenotes.report.finding import correctness
from carenotes.report.runs.profiles import PROFILES
from carenotes.report.table import Table
from carenotes.seeding import SeedSpec
from carenotes.studies.concurrency import open_loop
from carenotes.studies.concurrency import open_loop_figures as figures
from carenotes.studies.concurrency import open_loop_findings as findings
from carenotes.studies.concurrency import open_loop_tables as tables

pytestmark = pytest.mark.slow  # servers under load, for as long as it takes

SPEC = SeedSpec(2_000, tenants=3, facilities=3, patients=5, days=10)
LOADS = [10, 20, 120]


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> SeededNotes:
    return SeededNotes(SPEC, tmp_path_factory.mktemp("notes"))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study("t", str(tmp_path_factory.mktemp("results") / "r.sqlite"))


@pytest.fixture(scope="module")
def measured(study: Study, notes: SeededNotes) -> Measured:
    return open_loop.open_loop(study, notes, [20, 10], 30, 2)


def test_every_load_and_one_beyond_is_right_in_every_round(measured: Measured) -> None:
    assert measured.failed == ()
    every = [*open_loop.loads_of(measured).values(), measured.of(load=open_loop.CLOSED)]
    assert list(open_loop.loads_of(measured)) == LOADS
    assert sorted(measured.right) == sorted(every)
    timed = measured.samples[measured.samples["part"] == 0]
    assert sorted(timed["condition"]) == sorted(every * 2)
    assert (timed["checked"] == timed["units"]).all()


def test_each_run_keeps_what_was_asked_for_or_a_hundred_relaxation_times(measured: Measured) -> None:
    labels_of = open_loop.loads_of(measured)
    kept = {one: len(seconds_of(measured.latencies, label, LATENCY)) / 2 for one, label in labels_of.items()}
    assert kept[10] == pytest.approx(30, abs=2)
    assert kept[120] == pytest.approx(500, abs=2)  # as the closed loop, so that it is seen to grow
    assert kept[20] == pytest.approx(0.2 * 100 / (1 - 0.2**0.5) ** 2, abs=2)


def test_it_is_measured_once(study: Study, notes: SeededNotes, measured: Measured) -> None:
    again = open_loop.open_loop(study, notes, [20, 10], 30, 2)
    assert again.samples.equals(measured.samples)
    assert open_loop.capacity(study) == open_loop.capacity(study) != 0


def test_table_finding_and_figure_are_made_of_it(study: Study, measured: Measured) -> None:
    shown, beside = tables.open_loop(measured, [10, 20], []), tables.theory(measured, [10, 20])
    assert isinstance(shown, Table)
    assert isinstance(beside, Table)
    assert [row[0] for row in shown.rows] == [row[0] for row in beside.rows] == [open_loop.title(one) for one in LOADS]
    *steady, beyond = (row[shown.columns.index("p99 latency")] for row in shown.rows)
    assert set(steady) == {"too few arrivals"} != {beyond}
    assert beside.rows[-1][beside.columns.index("by theory")] == "no bound: the queue grows"
    assert "ran twice" in shown.note
    said = findings.open_loop(measured, [10, 20], open_loop.capacity(study)).text
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
    label = measured.of(percent_of_capacity=20)
    wait = open_loop.by_theory(measured, label)
    services = seconds_of(measured.latencies, label, SERVICE_TIME)
    assert wait is None or wait.value > 0
    assert services.min() > 0


def test_a_wrong_answer_fails_the_run_before_any_load(notes: SeededNotes, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(_self: Truth, query: StatsQuery) -> str:
        return CareStats(query.tenant_id, 0, {}, {}, {}).digest()

    monkeypatch.setattr(Truth, "hold_oracles_equal", lambda *_: None)
    monkeypatch.setattr(Truth, "of", other)
    found = open_loop.open_loop(Study("t"), notes, [10], 30, 1)
    assert found.failed == (found.of(load=open_loop.CLOSED),)
    assert found.samples.empty
    assert findings.open_loop(found, [10], None).text == "Not measured in this run."
    assert "FAILED" in correctness(found).text


def test_a_load_whose_run_would_last_too_long_is_left_out_and_reported(
    notes: SeededNotes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(open_loop, "_LONGEST", 0.0)
    study = Study("t", str(tmp_path / "r.sqlite"))
    found = open_loop.open_loop(study, notes, [10], 30, 1)
    assert open_loop.left_out(study) == [10, 120]
    shown = tables.open_loop(found, [10], open_loop.left_out(study))
    assert isinstance(shown, Table)
    assert shown.rows[0][1] == "skipped: its run would last too long"
    assert findings.open_loop(found, [10], 1.0).text.startswith("No comparison")


@pytest.mark.parametrize("wrong", [[0], [91], [30, 100]])
def test_a_load_without_a_steady_state_is_refused_in_one_line(wrong: list[int]) -> None:
    with pytest.raises(Refused, match="allowed: 1 to 90 per cent") as refused:
        open_loop.offered(wrong)
    assert "\n" not in str(refused.value)


def test_ninety_per_cent_is_offered_and_runs_in_full_where_capacity_is_750_a_second() -> None:
    assert open_loop.offered([90, 10]) == (10, 90, open_loop.BEYOND)
    assert not open_loop._too_long(OfferedLoad(750 * 0.9, enough(0.9, 1), "1"))


@pytest.mark.parametrize("profile", ["standard", "full"])
def test_profiles_that_decide_offer_six_loads_and_more(profile: str) -> None:
    """From a tenth of the capacity to four fifths, nine tenths in the full one; the light ones carry a p99."""
    sizes = PROFILES[profile]["05_concurrency"]
    loads = sizes["utilisation_percent"]
    assert len(loads) >= 6
    assert (loads[0], loads[-1]) == (10, 80 if profile == "standard" else 90)
    assert sizes["arrivals"] * sizes["open_loop_rounds"] >= 1.2 * needed(99)


def simulated(loads: list[int], busier: float, requests: int = 2_000, rounds: int = 6) -> Measured:
    """Loads that keep the server `busier` times as busy as what was offered; latencies that grow with them."""
    conditions = labels(
        [*(condition(percent_of_capacity=one) for one in open_loop.offered(loads)), condition(load=open_loop.CLOSED)]
    )
    random, rows, each = np.random.default_rng(1), [], []
    for name, share in zip(conditions, (one / 100 for one in open_loop.offered(loads)), strict=False):
        for number in range(rounds):
            took = requests * 0.001 / min(busier * share, 1.0)
            rows.append({"condition": name, "round": number, "part": 0, "units": requests, "elapsed_ns": took * 1e9})
            latency = 0.001 + random.exponential(0.001 / max(1 - share, 0.1), requests)
            for kind, seconds in (
                (LATENCY, latency),
                (WAITING_TIME, latency - 0.001),
                (SERVICE_TIME, 0.001),
                (GENERATOR_LATENESS, 1e-6),
            ):
                each.append(
                    pd.DataFrame(
                        {"condition": name, "round": number, "kind": kind, "seconds": seconds}, range(requests)
                    )
                )
    latencies = pd.concat(each, ignore_index=True)
    return Measured(pd.DataFrame(rows), latencies, conditions=conditions)


SIX = [10, 20, 35, 50, 65, 80]


def test_each_load_is_reported_with_the_utilisation_that_it_really_had() -> None:
    """Named by what was offered; a tenth busier than that in table, sentences, figure and its words."""
    measured = simulated(SIX, 1.1)
    shown, figure = tables.open_loop(measured, SIX, []), figures.open_loop(measured, SIX)
    assert isinstance(shown, Table)
    assert isinstance(figure, Figure)
    busy = [row[shown.columns.index("server busy")] for row in shown.rows]
    assert busy[0] == "11.0 % [11.0, 11.0]"
    assert busy[-2:] == ["88.0 % [88.0, 88.0]", "100.0 % [100.0, 100.0]"]
    said = findings.open_loop(measured, SIX, 1_000.0).text
    assert "at 10 % of it (server busy 11.0 % [11.0, 11.0]) p50 latency is" in said
    assert "Saturated (120 %): the server is busy 100.0 %" in said
    assert "80 %, busy 88 %" in figure.svg
    assert "22 % at 20 %" in figure.alt


def test_the_figure_of_many_requests_is_light_and_shows_all_of_their_tails() -> None:
    measured = simulated(SIX, 1.0, requests=5_000)
    figure = figures.open_loop(measured, SIX)
    assert isinstance(figure, Figure)
    assert len(figure.svg) < 150_000
    waited, longer = figures._tail(measured, measured.of(percent_of_capacity=80))
    kept = figures._thinned(waited, longer)
    assert len(kept[0]) < 2 * figures._CELLS < len(waited) / 50
    ends = np.searchsorted(kept[0], waited, side="right") - 1  # the point that stands for each that was left out
    for all_of, seen in ((waited, kept[0]), (longer, kept[1])):
        away = np.abs(np.log(all_of) - np.log(seen[ends]))
        assert away.max() <= np.ptp(np.log(all_of)) / figures._CELLS * 1.001


def test_a_percentile_has_one_colour_and_loads_have_none_of_these() -> None:
    assert figures._TAIL not in {colour for colour, _ in figures._LINES.values()}
    figure = figures.open_loop(simulated(SIX, 1.0), SIX)
    assert isinstance(figure, Figure)
    shades = re.findall(
        rf"stroke: var\(--c{figures._TAIL[1:]}[^;]*; (?:stroke-opacity: ([\d.]+); )?stroke-width", figure.svg
    )
    assert len(set(shades)) == len(SIX) + 1
