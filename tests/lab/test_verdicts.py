"""A verdict follows from the interval and the smallest effect that matters, and from nothing else."""

import json
import re
from pathlib import Path
from random import Random

import pytest

from carenotes.lab.results.store import Results
from carenotes.lab.runner.workers import Sample
from carenotes.lab.statistics.estimates import Estimate, family_level, paired_ratio
from carenotes.lab.statistics.verdicts import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Furthest,
    at_least,
    at_most,
    counted,
    furthest,
)
from carenotes.original.claims import CLAIMS, ORIGINAL_FIGURES
from carenotes.original.decisions import VERDICTS, verdicts
from carenotes.studies.performance_report.claims_tables import ledger
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("interval", "least", "most"),
    [
        ((2.0, 3.0), SUPPORTED, REFUTED),
        ((1.5, 3.0), SUPPORTED, INCONCLUSIVE),  # at least 1.5 is as large as asked for
        ((1.0, 2.0), INCONCLUSIVE, INCONCLUSIVE),
        ((1.0, 1.5), INCONCLUSIVE, SUPPORTED),
        ((1.0, 1.4), REFUTED, SUPPORTED),
        (None, INCONCLUSIVE, INCONCLUSIVE),  # too few rounds
    ],
)
def test_the_word_follows_from_the_interval(interval: tuple[float, float] | None, least: str, most: str) -> None:
    effect = Estimate(1.4, interval, 12)
    assert at_least(effect, 1.5).word == least
    assert at_most(effect, 1.5).word == most


def test_a_count_decides_by_itself() -> None:
    assert [counted(True, "").word, counted(False, "").word] == [SUPPORTED, REFUTED]


def test_there_are_38_claims_each_with_what_decides_it() -> None:
    assert len(CLAIMS) == len({one.id for one in CLAIMS}) == 38
    assert set(VERDICTS) <= {one.id for one in CLAIMS}
    assert all(all(value for name, value in vars(one).items() if name != "contested") for one in CLAIMS)


def test_what_the_audit_contests_is_marked_wherever_the_verdict_stands() -> None:
    contested = {"large-data", "pool-size", "pooled", "parameters", "hit-speedup", "batch-5000", "index-tenant"}
    assert {one.id for one in CLAIMS if one.contested} == contested | {"ttl", "goal"}
    shown = ledger({name: counted(True, "so it is") for name in VERDICTS})
    rows = {row[0]: row for row in shown.rows}  # type: ignore[union-attr]
    marked = {name for name, row in rows.items() if row[4].endswith(", contested")}
    assert marked == contested | {"ttl", "goal"}
    assert all("Contested: " in rows[name][3] for name in marked)


def test_the_figures_of_the_claims_stand_in_one_place() -> None:
    assert ORIGINAL_FIGURES["hit"]["speedup"] == 2_813
    figures = {float(one) for table in ORIGINAL_FIGURES.values() for one in table.values()}
    # As they are or in milliseconds, those that are not said of other things as well.
    distinctive = {
        one for one in figures | {1_000 * one for one in figures} if len(f"{one:g}".replace(".", "").strip("0")) > 2
    }
    for file in (ROOT / "carenotes").rglob("*.py"):
        numbers = {
            float(re.sub("[_,]", "", one)) for one in re.findall(r"\d(?:[\d_,]*\d)?(?:\.\d+)?", file.read_text())
        }
        assert not numbers & distinctive, file


def test_without_results_nothing_is_decided(tmp_path: Path) -> None:
    assert verdicts(Results.create(tmp_path / "r.sqlite")) == {}


def raced(file: Path, notebook: str, experiment: str, **times: float) -> Results:
    """Twelve rounds of conditions that take so many milliseconds, all of them a little more in some rounds."""
    found = Results.create(file)
    for number in range(12):
        samples = [
            Sample(name, number, 0, 0, 1, round(time * 1e6 * (1 + 0.01 * (number % 3)))) for name, time in times.items()
        ]
        found.add_round({"notebook": notebook, "experiment": experiment}, samples)
    return found


def results(tmp_path: Path, faster: float) -> Results:
    """Twelve rounds in which the optimized program is so much faster than the original without its pause."""
    times = {"original, with its pause": 40.0, "original, without": 10.0, "optimized": 10.0 / faster}
    found = raced(tmp_path / "r.sqlite", "02_one_query", "original/single", **times)
    return found


@pytest.mark.parametrize(("faster", "word"), [(1.0, REFUTED), (1.05, REFUTED), (1.5, SUPPORTED)])
def test_the_pause_supports_nothing(tmp_path: Path, faster: float, word: str) -> None:
    decided = verdicts(results(tmp_path, faster))
    assert decided["single"].word == word
    assert "with its pause of 30 ms" in decided["single"].said
    assert "filtered" not in decided


def decided(found: Results, claim: str) -> tuple[str, str]:
    """The word and what is said of the one claim that the results decide."""
    [(name, verdict)] = verdicts(found).items()
    assert name == claim
    return verdict.word, verdict.said


GOAL = {  # where it is tried: the notebook, the experiment, the first version and the fast path there
    "alone": ("02_one_query", "index plans", "naive/none", "pushdown/covering"),
    "alone, most notes": ("03_dataset_size", "growth", "naive, no index/900", "pushdown, covering index/900"),
    "alone, the original's notes": ("02_one_query", "original/single", "original, without", "pushdown, covering index"),
    "twenty at once": ("05_concurrency", "twenty at once", "naive, no index", "pushdown, covering index"),
    "twenty at once, the original's notes": (
        "05_concurrency", "original/concurrent", "original, without", "ours, without a cache"
    ),
}  # fmt: skip


@pytest.mark.parametrize("slow", GOAL)
def test_the_goal_must_be_reached_in_each_of_its_places(tmp_path: Path, slow: str) -> None:
    for faster, word in ((9.0, SUPPORTED), (2.0, REFUTED)):
        (tmp_path / word).mkdir()
        for where, (notebook, experiment, first, fast) in GOAL.items():
            times = {first: 10.0, fast: 10.0 / (faster if where == slow else 20.0)}
            found = raced(tmp_path / word / "r.sqlite", notebook, experiment, **times)
        goal = verdicts(found)["goal"]
        assert (goal.word, goal.said) == (word, f"without a cache, the least of 5 ways to ask ({slow})")


def test_the_goal_is_not_decided_by_one_who_asks_alone(tmp_path: Path) -> None:
    notebook, experiment, first, fast = GOAL["alone"]
    found = raced(tmp_path / "r.sqlite", notebook, experiment, **{first: 10.0, fast: 0.1})
    assert "goal" not in verdicts(found)


def test_the_goal_is_judged_at_the_largest_table_where_both_were_measured(tmp_path: Path) -> None:
    for where, (notebook, experiment, first, fast) in GOAL.items():
        times = {first: 10.0, fast: 0.1}
        if where == "alone, most notes":  # at 100 notes little is gained, and at 5,000 the first version was skipped
            times |= {"naive, no index/100": 10.0, "pushdown, covering index/100": 9.0}
            times |= {"pushdown, covering index/5000": 0.1}
        found = raced(tmp_path / "r.sqlite", notebook, experiment, **times)
    assert verdicts(found)["goal"].word == SUPPORTED


@pytest.mark.parametrize(("naive", "pushdown", "word"), [(2, 9, SUPPORTED), (1.2, 9, REFUTED), (9, 1.2, REFUTED)])
def test_facility_indexes_must_help_both_aggregators(tmp_path: Path, naive: float, pushdown: float, word: str) -> None:
    times = {"naive/none": 10, "pushdown/none": 20, "naive/original": 10 / naive, "pushdown/original": 20 / pushdown}
    found = raced(tmp_path / "r.sqlite", "02_one_query", "index-facility", **times, **{"pushdown/date": 1})
    assert decided(found, "index-facility")[0] == word


@pytest.mark.parametrize(("faster", "word"), [(1.0, REFUTED), (1.5, SUPPORTED)])
def test_the_patient_index_is_judged_by_its_time_and_its_use_and_price_are_said(
    tmp_path: Path, faster: float, word: str
) -> None:
    times = {"with idx_patient": 10 / faster, "without idx_patient": 10}
    found = raced(tmp_path / "r.sqlite", "02_one_query", "index-patient", **times)
    assert verdicts(found) == {}
    steps = ["SEARCH USING idx_tenant_date"]
    plans = {"with idx_patient": {"steps": steps, "bytes": 115}, "without idx_patient": {"steps": steps, "bytes": 100}}
    found.fact("02_one_query", "index-patient/plans", lambda: plans)
    assert decided(found, "index-patient") == (word, "in no step of the plan")


@pytest.mark.parametrize(
    ("rival", "span", "faster", "word"),
    [
        ("NumPy", "short", 1.0, SUPPORTED),
        ("Counter and set", "short", 1.2, REFUTED),
        ("the database", "long", 1.5, REFUTED),
    ],
)
def test_one_way_that_is_much_faster_over_one_span_refutes_the_structures(
    tmp_path: Path, rival: str, span: str, faster: float, word: str
) -> None:
    for one in ("short", "long"):
        times = dict.fromkeys(("dict and set", "Counter and set", "NumPy", "the database"), 10.0)
        times[rival] /= faster if one == span else 1
        found = raced(tmp_path / "r.sqlite", "02_one_query", f"structures/{one}", **times)
    told, said = decided(found, "structures")
    assert told == word
    assert word == SUPPORTED or f"the most of 6 ({rival} over the {span} span)" in said


@pytest.mark.parametrize(("faster", "word"), [(1.0, REFUTED), (1.3, SUPPORTED)])
def test_equality_need_gain_in_one_place_only(tmp_path: Path, faster: float, word: str) -> None:
    times = {f"{sign}, {where}": 10.0 for sign in ("=", "IN") for where in ("original", "covering", "DuckDB")}
    times["=, covering"] /= faster
    found = raced(tmp_path / "r.sqlite", "02_one_query", "equality", **times)
    plans = {name: {"steps": [name] if "DuckDB" in name else ["SEARCH"]} for name in times}
    found.fact("02_one_query", "equality/plans", lambda: plans)
    told, said = decided(found, "equality")
    assert told == word
    assert said.endswith("in 2 of 3 places the plan is the same")


@pytest.mark.parametrize(("faster", "word"), [(1.0, REFUTED), (5.0, SUPPORTED)])
def test_parameters_are_judged_by_the_range_and_wrong_answers_are_said(
    tmp_path: Path, faster: float, word: str
) -> None:
    times = {"day as text": 10.0, "day as a date": 10.0, "range of times": 10 / faster}
    found = raced(tmp_path / "r.sqlite", "02_one_query", "parameters", **times)
    counts = {**dict.fromkeys(times, 7), "range of dates": 0}
    plans = {name: {"steps": [], "notes": count} for name, count in counts.items()}
    found.fact("02_one_query", "parameters/plans", lambda: plans)
    told, said = decided(found, "parameters")
    assert told == word
    assert said.endswith("wrong answers: range of dates")


def test_the_furthest_of_effects_has_the_interval_that_follows_from_theirs_and_names_whose_it_is() -> None:
    one, other = Estimate(1.2, (1.0, 1.4), 12), Estimate(1.3, (0.8, 2.0), 11)
    both = {"one": one, "other": other}
    assert furthest(both, max) == Furthest(1.3, (1.0, 2.0), 11, 2, "other", ("one", "other"))
    assert furthest(both, min) == Furthest(1.2, (0.8, 1.4), 11, 2, "one", ("other", "one"))
    assert furthest(both, max).named == "other; ends of the interval: one; other"
    assert furthest({"one": one, "other": Estimate(2.0, None, 3)}, max) == Furthest(2.0, None, 3, 2, "other", None)
    assert furthest({"one": one}, max).named == "one"
    narrow = {"wide": Estimate(1.3, (0.8, 1.4), 12), "narrow": Estimate(1.2, (1.0, 1.5), 12)}
    assert furthest(narrow, max).named == "wide; both ends of the interval: narrow"


def test_the_data_file_is_plain() -> None:
    raw = json.loads((ROOT / "carenotes" / "original" / "claims.json").read_text())
    assert [one["id"] for one in raw] == [one.id for one in CLAIMS]


@pytest.mark.parametrize(("noise", "word"), [(1.0, SUPPORTED), (1.05, SUPPORTED), (1.6, INCONCLUSIVE)])
def test_a_verdict_rests_on_the_interval_widened_by_the_noise_of_its_table(
    tmp_path: Path, noise: float, word: str
) -> None:
    times = {"with idx_patient": 10 / 1.5, "without idx_patient": 10, f"without idx_patient{AGAIN}": 10 * noise}
    found = raced(tmp_path / "r.sqlite", "02_one_query", "index-patient", **times)
    found.fact("02_one_query", "index-patient/run twice", lambda: ["without idx_patient"])
    plans = {name: {"steps": [], "bytes": 100} for name in ("with idx_patient", "without idx_patient")}
    found.fact("02_one_query", "index-patient/plans", lambda: plans)
    verdict = verdicts(found)["index-patient"]
    assert verdict.effect
    assert verdict.effect.interval == pytest.approx((1.5 / noise, 1.5 * noise), rel=1e-6)
    assert verdict.word == word


def test_the_ledger_is_a_family_as_large_as_it_is(tmp_path: Path) -> None:
    """One claim alone has the interval of one comparison; beside one that rests on six, that of seven."""
    random = Random(3)
    waits = {name: [1e7 * random.lognormvariate(0, 0.2) for _ in range(12)] for name in ("naive", "pushdown", "others")}

    def raced_with(experiment: str, **times: list[float]) -> Results:
        found = Results.create(tmp_path / "r.sqlite")
        for number in range(12):
            rows = [Sample(name, number, 0, 0, 1, round(each[number])) for name, each in times.items()]
            found.add_round({"notebook": "02_one_query", "experiment": experiment}, rows)
        return found

    one, other = "original, with its pause", "optimized"
    found = raced_with(
        "original/single", **{one: waits["others"], "original, without": waits["naive"], other: waits["pushdown"]}
    )

    def interval() -> tuple[float, float] | None:
        effect = verdicts(found)["single"].effect
        return effect and effect.interval

    slow, fast = ([float(round(value)) for value in waits[name]] for name in ("naive", "pushdown"))
    assert interval() == pytest.approx(paired_ratio(slow, fast, family_level(1)).interval)
    for span in ("short", "long"):
        ways = dict.fromkeys(("dict and set", "Counter and set", "NumPy", "the database"), [1e7] * 12)
        raced_with(f"structures/{span}", **ways)
    assert interval() == pytest.approx(paired_ratio(slow, fast, family_level(7)).interval)
    assert paired_ratio(slow, fast, family_level(7)).interval != paired_ratio(slow, fast, family_level(1)).interval
