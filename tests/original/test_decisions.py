"""Claims about loading, growth and the cache follow from named effects: from planted times and facts, and no label."""

from pathlib import Path

import pytest

from carenotes.lab.conditions import condition
from carenotes.lab.results.store import Results
from carenotes.lab.statistics.verdicts import REFUTED, SUPPORTED, Evidence
from carenotes.original.decisions import verdicts
from carenotes.studies.cache.faults import NO_WAY_TO_TELL
from carenotes.studies.dataset_size import effects as dataset_size
from carenotes.studies.dataset_size.experiment import configurations
from tests.original.planted import raced


def decided(found: Results, claim: str) -> tuple[str, str]:
    """The word and what is said of the one claim that the results decide."""
    [(name, verdict)] = verdicts(found).items()
    assert name == claim
    return verdict.word, verdict.said


@pytest.mark.parametrize(("reports", "share", "word"), [(4, 0.01, SUPPORTED), (4, 0.03, REFUTED), (3, 0.01, REFUTED)])
def test_progress_must_be_reported_every_batch_and_cost_next_to_nothing(
    tmp_path: Path, reports: int, share: float, word: str
) -> None:
    times = {"without a bar": 10.0, "with a bar": 10.0, "the bar alone": 10 * share}
    by_load = {condition(load=name): time for name, time in times.items()}
    found = raced(tmp_path / "r.sqlite", "01_seed_data", "progress", by_load)
    found.fact("01_seed_data", "progress/reports", lambda: {"batches": 4, "reports": reports, "notes": 100})
    told, said = decided(found, "progress")
    assert told == word
    assert f"{reports} reports for 4 batches" in said


def loaded(tmp_path: Path, **best: int) -> Results:
    """Loads by each writer, which takes 10 ms a note with batches of 500 and with the size that is best for it half."""
    times = {
        condition(engine="sqlite", writer=writer, notes_a_batch=size): 5.0 if size == best[writer] else 10.0
        for writer in ("add_all", "executemany", "arrow")
        for size in (500, 5_000, 50_000)
    }
    executemany = [one for one in times if one.get("writer") == "executemany"]
    times |= {one: times[one] / 4 for one in executemany}
    times[condition(engine="sqlite", writer="sqlite3, ready tuples")] = 1.0
    return raced(tmp_path / "r.sqlite", "01_seed_data", "loading", times)


@pytest.mark.parametrize(("best", "word"), [(5_000, SUPPORTED), (50_000, REFUTED), (500, REFUTED)])
def test_5000_is_the_best_batch_when_no_other_is_a_tenth_better(tmp_path: Path, best: int, word: str) -> None:
    verdict = verdicts(loaded(tmp_path, add_all=500, executemany=500, arrow=best))["batch-5000"]
    assert (verdict.word, verdict.said) == (word, f"batches of {best:,} through Arrow against 5,000")


def test_bulk_inserts_are_judged_with_each_writer_at_its_best(tmp_path: Path) -> None:
    verdict = verdicts(loaded(tmp_path, add_all=50_000, executemany=500, arrow=500))["bulk"]
    assert verdict.word == SUPPORTED
    assert verdict.effect
    assert verdict.effect.value == pytest.approx(4)


@pytest.mark.parametrize(("last", "wrong", "word"), [(20.0, 0, SUPPORTED), (1_000.0, 0, REFUTED), (20.0, 1, REFUTED)])
def test_large_data_must_stay_fast_right_and_apart(tmp_path: Path, last: float, wrong: int, word: str) -> None:
    times = {100: 10.0, 1_000: 10.0, 10_000: last}
    by_size = {
        condition(aggregator="pushdown", engine=engine, design=design, notes=notes): time
        if engine == "sqlite"
        else 10.0
        for engine, design in (("sqlite", "covering"), ("duckdb", "none"))
        for notes, time in times.items()
    }
    by_size |= {condition(aggregator="naive", engine="sqlite", design="none", notes=notes): 50.0 for notes in times}
    found = raced(tmp_path / "r.sqlite", "03_dataset_size", "growth", by_size)
    assert "large-data" not in verdicts(found)  # nobody has attacked it yet
    found.fact("03_dataset_size", "isolation", lambda: {"queries": 7, "wrong": wrong})
    verdict = verdicts(found)["large-data"]
    assert verdict.word == word
    assert f"{7 - wrong} of 7 attacks on isolation failed" in verdict.said
    assert wrong or "100 to 10,000 notes" in verdict.said


@pytest.mark.parametrize(("wrong", "word"), [(0, SUPPORTED), (1, REFUTED)])
def test_the_pyramid_is_told_beside_large_data_and_must_keep_tenants_apart_as_well(
    tmp_path: Path, wrong: int, word: str
) -> None:
    file, fast = tmp_path / "r.sqlite", {"aggregator": "pushdown", "engine": "sqlite", "design": "covering"}
    first = {"aggregator": "naive", "engine": "sqlite", "design": "none"}
    by_size = {condition(**one, notes=notes): 10.0 for one in (fast, first) for notes in (100, 1_000)}
    found = raced(file, "03_dataset_size", "growth", by_size)
    found.fact("03_dataset_size", "isolation", lambda: {"queries": 7, "wrong": 0})
    pyramid = {"aggregator": "pyramid", "engine": "sqlite", "design": "rollup"}
    grown = {condition(**pyramid, notes=notes): notes**0.25 for notes in (1, 1_000, 10_000)}
    found = raced(file, "06_rollups", "growth/notes", grown)
    found.fact("06_rollups", "isolation", lambda: {"queries": 3, "wrong": wrong})
    verdict = verdicts(found)["large-data"]
    assert verdict.word == word
    assert f"{10 - wrong} of 10 attacks on isolation failed" in verdict.said
    assert wrong or "of the pyramid, 1,000 to 10,000 notes, 0.25;" in verdict.said


def test_faults_decide_by_what_was_seen(tmp_path: Path) -> None:
    found = Results.create(tmp_path / "r.sqlite")
    survived = dict.fromkeys(("odd tenants and facilities", "1,000 callers of a cold key"), "")
    lost = {"the wall clock jumps": "an hour forward", "an invalidation in mid-load": NO_WAY_TO_TELL}
    found.fact("04_cache", "faults/the original's", lambda: survived | lost)
    decided = verdicts(found)
    assert {name: one.word for name, one in decided.items()} == {
        "ttl": REFUTED,
        "keys": SUPPORTED,
        "no-stampede": SUPPORTED,
    }
    assert "an hour forward" in decided["ttl"].said
    assert decided["no-stampede"].said == "one load for 1,000 callers; 1 other faults it does not survive"


@pytest.mark.parametrize(("faster", "word"), [(2_000, REFUTED), (4_000, SUPPORTED)])
def test_a_hit_is_judged_by_its_time_and_by_its_speedup(tmp_path: Path, faster: float, word: str) -> None:
    place = {"engine": "sqlite", "notes": 100}
    first = condition(aggregator="original_first", design="original", **place, pause="without its pause")
    best = condition(aggregator="pushdown", design="covering", **place)
    theirs = condition(cache="the original's", **place)
    raced(tmp_path / "r.sqlite", "04_cache", "hit speedup", {first: 10.0, best: 1.0, theirs: 10.0 / faster})
    each = {condition(cache="the original's"): 0.02, condition(cache="QueryCache", key="same key"): 0.001}
    found = verdicts(raced(tmp_path / "r.sqlite", "04_cache", "hit latency", each))
    assert (found["hit-speedup"].word, found["hit-time"].word) == (word, SUPPORTED)
    assert f"{faster / 10:,.0f}x over the best answer without a cache" in found["hit-speedup"].said


@pytest.mark.parametrize(("loads", "word"), [(1, SUPPORTED), (1_000, REFUTED)])
def test_double_checked_locking_is_judged_by_the_loads_of_most_callers(tmp_path: Path, loads: int, word: str) -> None:
    found = Results.create(tmp_path / "r.sqlite")
    found.fact("04_cache", "stampede/a lock, checked once", lambda: {"20": [20, 20], "1000": [1_000, 1_000]})
    scheme = "stampede/the original's: double-checked locking"
    found.fact("04_cache", scheme, lambda: {"20": [1, 1], "1000": [loads, 1]})
    said = f"1,000 callers: {loads:,} load with double-checked locking, 1,000 without"
    assert decided(found, "double-check") == (word, said)


def test_fields_that_no_condition_has_are_an_error_and_no_lack_of_evidence(tmp_path: Path) -> None:
    seen = Evidence(loaded(tmp_path, add_all=500, executemany=500, arrow=500))
    writers = [{"writer": one} for one in ("add_all", "executemany", "arrow", "sqlite3, ready tuples")]
    loading = "01_seed_data", "loading", "notes_a_batch"
    assert list(seen.along(*loading, {"writer": "arrow"}, writers)) == [500, 5_000, 50_000]
    with pytest.raises(LookupError, match=r"no conditions with .*another"):
        seen.along(*loading, {"writer": "another"}, writers)
    with pytest.raises(LookupError, match=r"executemany.* is none of these"):  # is it one that was meant?
        seen.along(*loading, {"writer": "arrow"}, [one for one in writers if one["writer"] != "executemany"])
    assert seen.along("01_seed_data", "progress", "notes_a_batch", {"writer": "arrow"}, writers) == {}  # not measured


@pytest.mark.parametrize(
    ("engine", "design", "said"),
    [("sqlite", "covering", "pushdown on a covering index"), ("duckdb", "none", "pushdown without an index on DuckDB")],
)
def test_growth_is_judged_on_the_engine_of_the_notes(tmp_path: Path, engine: str, design: str, said: str) -> None:
    """What stands beside the fast path there, on another design or another engine, grows much faster."""
    fast = {"aggregator": "pushdown", "engine": engine, "design": design}
    times = {
        condition(**of, notes=notes): notes**0.25 / 2 if of == fast else 1.0 * notes
        for of in configurations(engine)
        for notes in (100, 1_600)
    }
    found = raced(tmp_path / "r.sqlite", "03_dataset_size", "growth", times)
    found.fact("03_dataset_size", "isolation", lambda: {"queries": 7, "wrong": 0})
    found.fact("02_one_query", "bytes/none", lambda: 100)
    found.fact("02_one_query", "bytes/covering", lambda: 150)  # of a copy on SQLite, whatever the notes are on
    [verdict] = verdicts(found).values()
    assert verdict.effect
    assert verdict.effect.value == pytest.approx(0.25)
    assert said in verdict.said
    assert bool(verdict.cost) == (engine == "sqlite")
    effect = dataset_size.at_most_notes(Evidence(found))
    assert effect
    assert effect.value == pytest.approx(2 * 1_600**0.75)


def test_the_goal_is_judged_at_the_largest_table_where_both_were_measured(tmp_path: Path) -> None:
    """At 100 notes little is gained, and at 5,000 the first version was skipped."""
    first, fast = (
        {"aggregator": name, "engine": "sqlite", "design": design}
        for name, design in (("naive", "none"), ("pushdown", "covering"))
    )
    times = {condition(**first, notes=size): 10.0 for size in (100, 900)}
    times |= {condition(**fast, notes=size): time for size, time in ((100, 9.0), (900, 1.0), (5_000, 0.1))}
    effect = dataset_size.at_most_notes(Evidence(raced(tmp_path / "r.sqlite", "03_dataset_size", "growth", times)))
    assert effect
    assert effect.value == pytest.approx(10)
