"""What notebook 05 measures, the effects that it names, and what follows from them for the original's claims."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from carenotes.lab.conditions import Condition, condition, labels
from carenotes.lab.configurations.closed_loop import EVENT_LOOP_LAG
from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.notes.datasets import SeededNotes
from carenotes.lab.results.store import Results
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.workers import Cell, Sample
from carenotes.lab.statistics.verdicts import REFUTED, SUPPORTED, Evidence, Verdict
from carenotes.original.cache import TTL
from carenotes.original.decisions import VERDICTS
from carenotes.report.drawing import STYLE, style_of
from carenotes.seeding import SeedSpec
from carenotes.studies.concurrency import effects
from carenotes.studies.concurrency.experiment import (
    ASYNC,
    COLD,
    IN_THE_LOOP,
    LAG,
    NO_CACHE,
    NOTEBOOK,
    ORIGINAL_REQUESTS,
    POOLS,
    THREADS,
    TWENTY,
    WARM,
    WITH_PAUSE,
    WITHOUT_PAUSE,
    clients,
    event_loop_lag,
    identical,
    original_requests,
    pools,
    twenty,
)
from carenotes.studies.concurrency.lines import lines
from carenotes.studies.concurrency.loads import fact_name

MS = 1e6  # nanoseconds
Times = Mapping[Condition, float]  # milliseconds a request


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> SeededNotes:
    spec = SeedSpec(2_000, tenants=5, facilities=3, patients=5, days=10)
    return SeededNotes(spec, tmp_path_factory.mktemp("notes"))


def family(one: Experiment) -> int:
    return len(one.makers) - 1 + one.further


def test_each_experiment_has_its_conditions_and_the_family_of_its_tables(notes: SeededNotes) -> None:
    every = {
        "lag": event_loop_lag(notes, 1, 1, 2),
        "clients": clients(notes, 1, [1, 8], 4, 2),
        "pools": pools(notes, 1, [1, 4], 8, 4, 2),
        "identical": identical(notes, 1, 20),
        "twenty": twenty(notes, 1, 2),
        "original": original_requests(notes),
    }
    sizes = {"lag": 5, "clients": 7, "pools": 4, "identical": 5, "twenty": 1, "original": 14}
    assert {name: family(one) for name, one in every.items()} == sizes
    for one in every.values():
        assert len(labels(one.makers)) == len(one.makers)
        assert all(each.notes == 2_000 and each.engine and each.design and each.clients for each in one.makers)
    baseline = every["original"].baseline
    assert baseline in every["original"].makers
    assert baseline
    assert baseline.has({"aggregator": "original_first", "pause": WITHOUT_PAUSE})


def test_a_line_is_a_service_on_an_engine_and_has_a_style_of_its_own(notes: SeededNotes) -> None:
    there = labels(clients(notes, 1, [8, 1], 4, 2).makers)
    found = lines(Measured(pd.DataFrame(), pd.DataFrame(), conditions=there), "clients")
    assert [one.name for one in found] == [
        *(f"{service}, SQLite" for service in (IN_THE_LOOP, THREADS, ASYNC)),
        f"{THREADS}, DuckDB",
    ]
    assert [list(one.labels) for one in found] == [[1, 8]] * 4
    assert len({style_of(one.condition) for one in found}) == 4
    assert style_of(found[-1].condition) == STYLE["duckdb"]


def kept(file: Path, experiment: str, times: Times, latencies: Mapping[str, list[float]] | None = None) -> Evidence:
    """Twelve rounds of conditions that take so many milliseconds, all of them a little more in some rounds."""
    found, key = Results.create(file), {"notebook": NOTEBOOK, "experiment": experiment}
    found.add_conditions(key, labels(times))
    details = {kind: [round(one * MS) for one in each] for kind, each in (latencies or {}).items()}
    for number in range(12):
        drift = 1 + 0.01 * (number % 3)
        samples = [
            Sample(Cell(experiment, label), number, 0, 0, 1, round(times[of] * drift * MS), details=details)
            for label, of in labels(times).items()
        ]
        found.add_round(key, samples)
    return Evidence(found)


def decided(claim: str, seen: Evidence) -> Verdict:
    verdict = VERDICTS[claim](seen)
    assert verdict
    return verdict


def pool(size: int, service: str = THREADS) -> Condition:
    return condition(aggregator="pushdown", engine="sqlite", clients=16, service=service, connections=size)


def original(aggregator: str, **fields: str) -> Condition:
    return condition(aggregator=aggregator, design="original", clients=20, **fields)


CLAIMS = ["concurrent-total", "concurrent-each", "non-blocking", "same-once", "pooled", "pool-size"]


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_of_which_nothing_was_measured_is_not_decided(tmp_path: Path, claim: str) -> None:
    assert VERDICTS[claim](Evidence(Results.create(tmp_path / "r.sqlite"))) is None


def test_effects_of_what_was_not_measured_are_none(tmp_path: Path) -> None:
    seen = Evidence(Results.create(tmp_path / "r.sqlite"))
    assert effects.twenty_at_once(seen) is effects.original_twenty_without_a_cache(seen) is None


@pytest.mark.parametrize(("worst", "word"), [(1.05, REFUTED), (1.5, SUPPORTED)])
def test_a_pool_has_a_best_size_when_another_one_is_much_worse(tmp_path: Path, worst: float, word: str) -> None:
    times = {pool(1): 10.0, pool(2): 10.0 * worst, pool(16): 10.2, pool(1, ASYNC): 90.0}
    verdict = decided("pool-size", kept(tmp_path / "r.sqlite", POOLS, times))
    said = "1 of SQLite's connections, the best of 3 sizes, against the worst (2)"
    assert (verdict.word, verdict.said) == (word, said)


@pytest.mark.parametrize(("faster", "word"), [(1.05, REFUTED), (1.5, SUPPORTED)])
def test_pooling_is_judged_by_the_largest_pool_against_the_smallest(tmp_path: Path, faster: float, word: str) -> None:
    """By their numbers: as words, 16 connections stand before 2."""
    times = {pool(16): 10.0 / faster, pool(2): 1.0, pool(1): 10.0, pool(16, ASYNC): 0.1, pool(1, ASYNC): 10.0}
    verdict = decided("pooled", kept(tmp_path / "r.sqlite", POOLS, times))
    assert (verdict.word, verdict.said) == (word, "16 connections against 1")


def test_one_size_of_pool_decides_nothing(tmp_path: Path) -> None:
    seen = kept(tmp_path / "r.sqlite", POOLS, {pool(4): 10.0, pool(4, ASYNC): 1.0})
    assert VERDICTS["pooled"](seen) is VERDICTS["pool-size"](seen) is None


STEPS = {
    original("original_first", pause=WITH_PAUSE): 40.0,
    original("original_first", pause=WITHOUT_PAUSE): 10.0,
    original("original_optimized", cache=NO_CACHE): 10.0,
    original("original_optimized", cache=COLD): 3.0,
}
OURS = condition(aggregator="pushdown", design="covering", clients=20, cache=NO_CACHE)


@pytest.mark.parametrize(("faster", "word"), [(4.0, REFUTED), (8.0, SUPPORTED)])
def test_the_total_of_twenty_requests_is_judged_without_the_pause(tmp_path: Path, faster: float, word: str) -> None:
    times = STEPS | {original("original_optimized", cache=WARM): 10.0 / faster}
    verdict = decided("concurrent-total", kept(tmp_path / "r.sqlite", ORIGINAL_REQUESTS, times))
    assert (verdict.word, verdict.said) == (word, "all of it the cache: without it 0.0 %")
    assert f"{TTL:.0f} s old" in verdict.cost


@pytest.mark.parametrize(("latency", "word"), [(1.0, SUPPORTED), (200.0, REFUTED)])
def test_the_time_of_each_request_is_its_p50_latency(tmp_path: Path, latency: float, word: str) -> None:
    times = STEPS | {original("original_optimized", cache=WARM): 2.0}
    latencies = {LATENCY: [latency / 2, latency, 1_000.0]}
    verdict = decided("concurrent-each", kept(tmp_path / "r.sqlite", ORIGINAL_REQUESTS, times, latencies))
    assert verdict.word == word
    assert verdict.effect
    assert verdict.effect.value == pytest.approx(latency / 1_000)


def test_the_fast_path_is_compared_without_a_cache_and_without_the_pause(tmp_path: Path) -> None:
    warm = condition(aggregator="pushdown", design="covering", clients=20, cache=WARM)
    found = effects.original_twenty_without_a_cache(
        kept(tmp_path / "r.sqlite", ORIGINAL_REQUESTS, STEPS | {OURS: 2.0, warm: 0.1})
    )
    assert found
    assert found.value == pytest.approx(5.0)


def test_twenty_at_once_are_compared_with_naive_without_an_index(tmp_path: Path) -> None:
    naive, fast = (
        condition(aggregator=one, design=design, clients=20) for one, design in (("naive", "none"), ("pushdown", "x"))
    )
    found = effects.twenty_at_once(kept(tmp_path / "r.sqlite", TWENTY, {naive: 50.0, fast: 2.0}))
    assert found
    assert found.value == pytest.approx(25.0)


@pytest.mark.parametrize(("lag", "word"), [(5.0, SUPPORTED), (50.0, REFUTED)])
def test_a_loop_is_blocked_by_its_largest_lag(tmp_path: Path, lag: float, word: str) -> None:
    in_loop, threads, other = (
        condition(aggregator=name, clients=20, service=service)
        for name, service in (("naive", IN_THE_LOOP), ("naive", THREADS), ("pushdown", IN_THE_LOOP))
    )
    times = {in_loop: 2.0, threads: 3.0, other: 9.0}
    verdict = decided("non-blocking", kept(tmp_path / "r.sqlite", LAG, times, {EVENT_LOOP_LAG: [0.1, 0.1, lag]}))
    assert (verdict.word, verdict.cost) == (word, "threads instead: 1.50x the time a query")


@pytest.mark.parametrize(("count", "word"), [(1, SUPPORTED), (20, REFUTED)])
def test_identical_requests_are_counted_by_their_loads(tmp_path: Path, count: int, word: str) -> None:
    found = Results.create(tmp_path / "r.sqlite")
    found.fact(NOTEBOOK, fact_name(20, "identical", "the original's"), lambda: count)
    found.fact(NOTEBOOK, fact_name(20, "distinct", "the original's"), lambda: 20)
    assert decided("same-once", Evidence(found)).word == word
