"""Claims about one query and about many at once follow from named effects, from planted times and facts."""

from pathlib import Path
from random import Random

import pytest

from carenotes.lab.conditions import Condition, condition
from carenotes.lab.results.store import Results
from carenotes.lab.statistics.estimates import family_level, paired_ratio
from carenotes.lab.statistics.verdicts import INCONCLUSIVE, REFUTED, SUPPORTED
from carenotes.original.decisions import verdicts
from tests.lab import timed
from tests.original.planted import raced
from tests.original.test_decisions import decided

NOTEBOOK = "02_one_query"
PLACE = {"engine": "sqlite", "notes": 900}


def by(aggregator: str, design: str, **more: str | int) -> Condition:
    return condition(aggregator=aggregator, design=design, **PLACE | more)


PAUSED, UNPAUSED = (by("original_first", "original", pause=f"{one} its pause") for one in ("with", "without"))
OPTIMIZED = by("original_optimized", "original")
NAIVE, FAST = by("naive", "none"), by("pushdown", "covering")


@pytest.mark.parametrize(("faster", "word"), [(1.0, REFUTED), (1.05, REFUTED), (1.5, SUPPORTED)])
def test_the_pause_supports_nothing(tmp_path: Path, faster: float, word: str) -> None:
    times = {PAUSED: 40.0, UNPAUSED: 10.0, OPTIMIZED: 10.0 / faster, FAST: 1.0}
    found = verdicts(raced(tmp_path / "r.sqlite", NOTEBOOK, "original/single", times))
    assert found["single"].word == word
    assert "with its pause of 30 ms" in found["single"].said
    assert "filtered" not in found


UNCACHED = condition(aggregator="pushdown", design="covering", clients=20, cache="no cache", **PLACE)
UNPAUSED_CLIENTS = condition(
    aggregator="original_first", design="original", clients=20, pause="without its pause", **PLACE
)
GOAL = {  # where it is tried: the notebook, the experiment, the first version and the fast path there
    "alone": (NOTEBOOK, "designs", NAIVE, FAST),
    "alone, most notes": ("03_dataset_size", "growth", NAIVE, FAST),
    "alone, the original's notes": (NOTEBOOK, "original/single", UNPAUSED, FAST),
    "twenty at once": ("05_concurrency", "twenty at once", NAIVE, FAST),
    "twenty at once, the original's notes": (
        "05_concurrency",
        "original/concurrent",
        UNPAUSED_CLIENTS,
        UNCACHED,
    ),
}


def others(notebook: str, experiment: str) -> dict[Condition, float]:
    """What else an experiment has, of which other claims are decided."""
    if experiment == "designs":
        return {by(name, one): 20.0 for name in ("naive", "pushdown") for one in ("original", "date")} | {
            by("pushdown", "none"): 20.0
        }
    if experiment == "original/single":
        return {PAUSED: 40.0, OPTIMIZED: 10.0}
    if experiment == "original/concurrent":
        of = {"aggregator": "original_optimized", "design": "original", "clients": 20, **PLACE}
        kept = ("no cache", "one tenant in its cache")
        return {condition(**of, cache=one): 10.0 for one in kept}
    return {}


@pytest.mark.parametrize("slow", GOAL)
def test_the_goal_must_be_reached_in_each_of_its_places(tmp_path: Path, slow: str) -> None:
    for faster, word in ((9.0, SUPPORTED), (2.0, REFUTED)):
        (tmp_path / word).mkdir()
        for where, (notebook, experiment, first, fast) in GOAL.items():
            times = {first: 10.0, fast: 10.0 / (faster if where == slow else 20.0)} | others(notebook, experiment)
            found = raced(tmp_path / word / "r.sqlite", notebook, experiment, times)
        goal = verdicts(found)["goal"]
        assert goal.word == word
        assert f"the least of 5 places ({slow})" in goal.said


def test_the_goal_is_not_decided_by_one_client_alone(tmp_path: Path) -> None:
    notebook, experiment, first, fast = GOAL["alone"]
    times = {first: 10.0, fast: 0.1} | others(notebook, experiment)
    assert "goal" not in verdicts(raced(tmp_path / "r.sqlite", notebook, experiment, times))


@pytest.mark.parametrize(("naive", "pushdown", "word"), [(2, 9, SUPPORTED), (1.2, 9, REFUTED), (9, 1.2, REFUTED)])
def test_facility_indexes_must_help_both_aggregators(tmp_path: Path, naive: float, pushdown: float, word: str) -> None:
    times = {by("naive", "none"): 10, by("pushdown", "none"): 20, by("pushdown", "date"): 1}
    times |= {by("naive", "original"): 10 / naive, by("pushdown", "original"): 20 / pushdown}
    found = raced(tmp_path / "r.sqlite", NOTEBOOK, "index-facility", times)
    assert decided(found, "index-facility")[0] == word


WITH, WITHOUT = (by("pushdown", one) for one in ("original", "original_without_patient"))


def patient_plans(*used: str, sizes: tuple[int, int] = (115, 100)) -> list[dict[str, object]]:
    return [
        one.fields() | {"steps": list(used), "bytes": size} for one, size in zip((WITH, WITHOUT), sizes, strict=True)
    ]


@pytest.mark.parametrize(("faster", "word"), [(1.0, REFUTED), (1.5, SUPPORTED)])
def test_the_patient_index_is_judged_by_its_time_and_its_use_and_price_are_said(
    tmp_path: Path, faster: float, word: str
) -> None:
    found = raced(tmp_path / "r.sqlite", NOTEBOOK, "index-patient", {WITH: 10 / faster, WITHOUT: 10})
    assert verdicts(found) == {}
    found.fact(NOTEBOOK, "index-patient/plans", lambda: patient_plans("SEARCH USING idx_tenant_date"))
    assert decided(found, "index-patient") == (word, "in no step of the plan")
    assert verdicts(found)["index-patient"].cost == "the file grows by 15 %"


@pytest.mark.parametrize(("noise", "word"), [(1.0, SUPPORTED), (1.05, SUPPORTED), (1.6, INCONCLUSIVE)])
def test_a_verdict_rests_on_the_interval_widened_by_the_noise_of_its_table(
    tmp_path: Path, noise: float, word: str
) -> None:
    times, again = {WITH: 10 / 1.5, WITHOUT: 10}, {WITHOUT: 10 * noise}
    found = raced(tmp_path / "r.sqlite", NOTEBOOK, "index-patient", times, again)
    found.fact(NOTEBOOK, "index-patient/plans", patient_plans)
    verdict = verdicts(found)["index-patient"]
    assert verdict.effect
    assert verdict.effect.interval == pytest.approx((1.5 / noise, 1.5 * noise), rel=1e-6)
    assert verdict.word == word


TITLES = {"counters": "Counter and set", "arrays": "NumPy", "pushdown": "the database"}
STRUCTURES = {name: by(name, "covering") for name in ("single_pass", "counters", "arrays", "pushdown")}


@pytest.mark.parametrize(
    ("rival", "span", "faster", "word"),
    [
        ("arrays", "short", 1.0, SUPPORTED),
        ("counters", "short", 1.2, REFUTED),
        ("pushdown", "long", 1.5, REFUTED),
    ],
)
def test_an_aggregator_that_is_much_faster_over_one_span_refutes_the_structures(
    tmp_path: Path, rival: str, span: str, faster: float, word: str
) -> None:
    for one in ("short", "long"):
        times = dict.fromkeys(STRUCTURES.values(), 10.0)
        times[STRUCTURES[rival]] /= faster if one == span else 1
        found = raced(tmp_path / "r.sqlite", NOTEBOOK, f"structures/{one}", times)
    told, said = decided(found, "structures")
    assert told == word
    assert word == SUPPORTED or f"({TITLES[rival]} over the {span} span)" in said


@pytest.mark.parametrize(("faster", "word"), [(1.0, REFUTED), (1.3, SUPPORTED)])
def test_equality_need_gain_in_one_place_only(tmp_path: Path, faster: float, word: str) -> None:
    places = (("sqlite", "original"), ("sqlite", "covering"), ("duckdb", "none"))
    times = {
        condition(aggregator=name, engine=engine, design=design, notes=900): 10.0
        for name in ("equals", "is_in")
        for engine, design in places
    }
    times[by("equals", "covering")] /= faster
    found = raced(tmp_path / "r.sqlite", NOTEBOOK, "equality", times)
    plans = [
        one.fields() | {"steps": [one.aggregator] if one.engine == "duckdb" else ["SEARCH"], "counted": 7}
        for one in times
    ]
    found.fact(NOTEBOOK, "equality/plans", lambda: plans)
    told, said = decided(found, "equality")
    assert told == word
    assert said.endswith("in 2 of 3 places the plan is the same")


@pytest.mark.parametrize(("faster", "word"), [(1.0, REFUTED), (5.0, SUPPORTED)])
def test_parameters_are_judged_by_the_range_and_wrong_answers_are_said(
    tmp_path: Path, faster: float, word: str
) -> None:
    each = {"day_as_text": 10.0, "day_as_date": 10.0, "pushdown": 10 / faster}
    found = raced(tmp_path / "r.sqlite", NOTEBOOK, "parameters", {by(name, "date"): one for name, one in each.items()})
    counts = {**dict.fromkeys(each, 7), "dates_as_bounds": 0}
    plans = [by(name, "date").fields() | {"steps": [], "counted": one} for name, one in counts.items()]
    found.fact(NOTEBOOK, "parameters/plans", lambda: plans)
    told, said = decided(found, "parameters")
    assert told == word
    assert "wrong answers: " in said
    assert "none" not in said.rpartition("wrong answers: ")[2]


def test_the_ledger_is_a_family_as_large_as_it_is(tmp_path: Path) -> None:
    """One claim alone has the interval of one comparison; beside one that rests on six, that of seven."""
    random, found = Random(3), Results.create(tmp_path / "r.sqlite")
    waits = {name: [10 * random.lognormvariate(0, 0.2) for _ in range(12)] for name in ("slow", "fast", "others")}
    times = {PAUSED: waits["others"], UNPAUSED: waits["slow"], OPTIMIZED: waits["fast"], FAST: waits["others"]}
    timed.raced(found, NOTEBOOK, {"original/single": times})

    def interval() -> tuple[float, float] | None:
        effect = verdicts(found)["single"].effect
        return effect and effect.interval

    slow, fast = ([float(round(1e6 * one)) for one in waits[name]] for name in ("slow", "fast"))
    assert interval() == pytest.approx(paired_ratio(slow, fast, family_level(1)).interval)
    spans = {f"structures/{span}": dict.fromkeys(STRUCTURES.values(), [10.0] * 12) for span in ("short", "long")}
    timed.raced(found, NOTEBOOK, spans)
    assert interval() == pytest.approx(paired_ratio(slow, fast, family_level(7)).interval)
    assert paired_ratio(slow, fast, family_level(7)).interval != paired_ratio(slow, fast, family_level(1)).interval
