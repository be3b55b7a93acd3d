"""What notebook 05 measures, the effects that it names, and what follows from them for the original's claims."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from carenotes.backends import BACKENDS
from carenotes.lab.conditions import Condition, condition, labels
from carenotes.lab.configurations.client import PILOT_QUERIES
from carenotes.lab.configurations.closed_loop import EVENT_LOOP_LAG, IN_SYSTEM
from carenotes.lab.configurations.services import LATENCY, POOL_WAIT, QUERY
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.results.store import Results
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.workers import Cell, Sample
from carenotes.lab.statistics.verdicts import REFUTED, SUPPORTED, Evidence, Verdict
from carenotes.original.cache import TTL
from carenotes.original.decisions import VERDICTS
from carenotes.report.drawing import STYLE
from carenotes.seeding import SeedSpec
from carenotes.studies.concurrency import effects, findings
from carenotes.studies.concurrency.experiment import (
    COLD,
    HEAVY_POOLS,
    LAG,
    NO_CACHE,
    ORIGINAL_REQUESTS,
    POOLS,
    TWENTY,
    WARM,
    WITH_PAUSE,
    WITHOUT_PAUSE,
    clients,
    event_loop_lag,
    heavy_clients,
    heavy_pools,
    identical,
    original_requests,
    pools,
    twenty,
)
from carenotes.studies.concurrency.figures import line_style
from carenotes.studies.concurrency.lines import lines, point
from carenotes.studies.concurrency.loads import fact_name
from carenotes.studies.concurrency.readers_and_writers import READERS_AND_WRITERS
from carenotes.studies.concurrency.served import ASYNC, IN_THE_LOOP, NOTEBOOK, PROCESSES, THREADS, heavy_stream

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
        "heavy clients": heavy_clients(notes, [1, 8], 4, 2),
        "pools": pools(notes, 1, [1, 4], 8, 4, 2),
        "heavy pools": heavy_pools(notes, [1, 4], 8, 4, 2),
        "identical": identical(notes, 1, 20),
        "twenty": twenty(notes, 1, 2),
        "original": original_requests(notes),
    }
    assert notes.possible_on("postgresql")
    sizes = {
        "lag": 5,
        "clients": 15,
        "heavy clients": 3,
        "pools": 11,
        "heavy pools": 7,
        "identical": 5,
        "twenty": 1,
        "original": 14,
    }
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
        *(f"{service}, SQLite" for service in (IN_THE_LOOP, THREADS, ASYNC, PROCESSES)),
        *(f"{service}, PostgreSQL" for service in (THREADS, ASYNC, PROCESSES)),
        f"{THREADS}, DuckDB",
    ]
    assert [list(one.labels) for one in found] == [[1, 8]] * 8
    assert len({line_style(one.condition) for one in found}) == 8
    assert line_style(found[-1].condition) == (*STYLE["duckdb"], "-")


def test_without_a_server_it_is_left_out_of_every_experiment_and_that_is_told(
    notes: SeededNotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BACKENDS["postgresql"], "place", lambda *_: None)
    for one in (clients(notes, 1, [1], 4, 2), heavy_clients(notes, [1], 4, 2), heavy_pools(notes, [1], 8, 4, 2)):
        assert "postgresql" not in {of.engine for of in one.makers}
    assert [of.get("service") for of in pools(notes, 1, [1], 8, 4, 2).makers] == [THREADS, ASYNC]
    of = [condition(engine=engine) for engine in ("sqlite", "postgresql")]
    one = Measured(pd.DataFrame(), pd.DataFrame(), conditions=labels(of[:1]))
    assert "PostgreSQL is left out: there was no server" in str(findings.engines(one))
    both = Measured(pd.DataFrame(), pd.DataFrame(), conditions=labels(of))
    assert str(findings.engines(both)) == "Measured on SQLite, PostgreSQL."


def test_heavy_queries_are_distinct_and_about_most_of_90_days_of_the_largest_tenant(notes: SeededNotes) -> None:
    stream, who = heavy_stream(notes, 4, 2), notes.population
    assert len(stream) == PILOT_QUERIES + 2 * (4 + 2)
    assert {one.tenant_id for one in stream} == {max(who.tenants, key=lambda one: who.tenants[one])}
    assert {(one.first_day, one.last_day) for one in stream} == {(who.first_day, who.last_day)}
    distinct = len(set(stream))
    assert distinct == 6  # of three facilities one or two are left out
    more = SeededNotes(SeedSpec(500, facilities=12), notes._folder)
    assert len(set(heavy_stream(more, 96, 1))) == 12 + 66


def test_littles_law_is_held_against_a_count_of_its_own(tmp_path: Path) -> None:
    """Half of what requests took is missing from their latencies: the count knows better."""
    latencies = {LATENCY: [1.0, 1.0], IN_SYSTEM: [4.0], POOL_WAIT: [0.5, 0.5], QUERY: [0.5, 0.5]}
    found = kept(tmp_path / "r.sqlite", POOLS, {pool(1): 2.0, pool(2): 2.0}, latencies, units=2)
    one = found.measured(NOTEBOOK, POOLS)
    shown = point(one, one.of(service=THREADS, connections=1))
    assert shown
    assert (shown.by_law, shown.counted) == (pytest.approx(1, rel=0.02), pytest.approx(2, rel=0.02))
    assert "in 0 of 2 pools" in str(findings.little(one))


def kept(
    file: Path, experiment: str, times: Times, latencies: Mapping[str, list[float]] | None = None, units: int = 1
) -> Evidence:
    """Twelve rounds of conditions that take so many milliseconds, all of them a little more in some rounds."""
    found, key = Results.create(file), {"notebook": NOTEBOOK, "experiment": experiment}
    found.add_conditions(key, labels(times))
    details = {kind: [round(one * MS) for one in each] for kind, each in (latencies or {}).items()}
    for number in range(12):
        drift = 1 + 0.01 * (number % 3)
        samples = [
            Sample(Cell(experiment, label), number, 0, 0, units, round(times[of] * drift * MS), details=details)
            for label, of in labels(times).items()
        ]
        found.add_round(key, samples)
    return Evidence(found)


def decided(claim: str, seen: Evidence) -> Verdict:
    verdict = VERDICTS[claim](seen)
    assert verdict
    return verdict


def pool(size: int, service: str = THREADS, engine: str = "sqlite") -> Condition:
    return condition(aggregator="pushdown", engine=engine, clients=16, service=service, connections=size)


def original(aggregator: str, **fields: str) -> Condition:
    return condition(aggregator=aggregator, design="original", clients=20, **fields)


CLAIMS = ["concurrent-total", "concurrent-each", "non-blocking", "same-once", "pooled", "pool-size", "postgresql"]


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_of_which_nothing_was_measured_is_not_decided(tmp_path: Path, claim: str) -> None:
    assert VERDICTS[claim](Evidence(Results.create(tmp_path / "r.sqlite"))) is None


def test_effects_of_what_was_not_measured_are_none(tmp_path: Path) -> None:
    seen = Evidence(Results.create(tmp_path / "r.sqlite"))
    assert effects.twenty_at_once(seen) is effects.original_twenty_without_a_cache(seen) is None


PLACES = [(engine, query) for engine in ("sqlite", "postgresql") for query in (POOLS, HEAVY_POOLS)]
Shape = Mapping[int, float]  # milliseconds a request, by the size of the pool


def pooled(folder: Path, shapes: Mapping[tuple[str, str], Shape]) -> Evidence:
    """What pools take on each engine and by each query; those of an async driver are there to be left alone."""
    for query in (POOLS, HEAVY_POOLS):
        of = {engine: shape for (engine, one), shape in shapes.items() if one == query}
        times = {pool(size, engine=one): took for one, shape in of.items() for size, took in shape.items()}
        times |= {pool(size, ASYNC, one): 0.1 + size for one in of for size in (1, 16)}
        if of:
            seen = kept(folder / "r.sqlite", query, times)
    return seen


PEAK = {1: 10.0, 2: 8.0, 4: 5.0, 16: 8.0}  # the best pool is between the ends


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(
    ("shape", "word"),
    [(PEAK, SUPPORTED), ({**PEAK, 16: 5.1}, REFUTED), ({**PEAK, 16: 4.0}, REFUTED), ({**PEAK, 1: 4.0}, REFUTED)],
    ids=["between", "no better than the largest", "the largest", "the smallest"],
)
def test_an_optimal_pool_lies_between_the_ends_on_a_server_by_either_query(
    tmp_path: Path, shape: Shape, word: str, where: tuple[str, str]
) -> None:
    verdict = decided("pool-size", pooled(tmp_path, {**dict.fromkeys(PLACES, PEAK), where: shape}))
    assert verdict.word == (word if where[0] == "postgresql" else SUPPORTED)  # the claim is about a server's
    assert verdict.comparisons == 4
    assert "4 connections against " in verdict.said


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(("faster", "word"), [(1.05, REFUTED), (1.5, SUPPORTED)])
def test_pooling_is_judged_by_the_largest_pool_against_the_smallest_wherever_that_gains_least(
    tmp_path: Path, faster: float, word: str, where: tuple[str, str]
) -> None:
    """By their numbers: as words, 16 connections stand before 2."""
    shapes = {place: {16: 10.0 / (faster if place == where else 10), 2: 0.1, 1: 10.0} for place in PLACES}
    verdict = decided("pooled", pooled(tmp_path, shapes))
    engine, query = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[where[0]], where[1]
    said = f"16 connections against 1, the least of 4 ({engine}, {'one day' if query == POOLS else '90 days'})"
    assert (verdict.word, verdict.said.split(";")[0]) == (word, said)


@pytest.mark.parametrize(
    "shapes",
    [{place: {4: 10.0} for place in PLACES}, {place: PEAK for place in PLACES if place[0] == "sqlite"}],
    ids=["one size", "no server"],
)
def test_pools_of_one_size_or_without_a_server_decide_nothing(
    tmp_path: Path, shapes: Mapping[tuple[str, str], Shape]
) -> None:
    seen = pooled(tmp_path, shapes)
    assert VERDICTS["pooled"](seen) is VERDICTS["pool-size"](seen) is None


def test_a_condition_among_pools_that_is_none_is_an_error(tmp_path: Path) -> None:
    seen = kept(tmp_path / "r.sqlite", POOLS, {pool(1): 1.0, pool(2, engine="another"): 1.0})
    with pytest.raises(LookupError, match="is no pool of an engine"):
        effects.pool_sizes(seen, "one day", "postgresql")


KINDS = [(number, writing) for number in (1, 4) for writing in ("single notes", "batches of 100")]
JOURNALS = [("sqlite", "rollback journal"), ("sqlite", "write-ahead log"), ("postgresql", "write-ahead log")]


def with_writers(file: Path, better: float, where: tuple[str, str, int, str] | None, *, late: bool = False) -> Evidence:
    """PostgreSQL is twice as good, but in one place, by its throughput or by its p99 latency, so many times."""
    found, key = Results.create(file), {"notebook": NOTEBOOK, "experiment": READERS_AND_WRITERS}
    every = {
        condition(aggregator="pushdown", engine=engine, clients=4, journal=journal, writers=number, writing=writing):
            (engine, journal, number, writing)
        for engine, journal in JOURNALS for number, writing in KINDS
    }  # fmt: skip
    found.add_conditions(key, labels(every))
    for number in range(12):
        drift, samples = 1 + 0.01 * (number % 3), []
        for label, of in labels(every).items():
            slow = 1.0 if every[of][0] == "postgresql" else better if every[of] == where else 2.0
            took, latency = (2.0 if every[of][0] != "postgresql" and late else slow), slow if late else 2.0
            latency = latency if late or every[of][0] != "postgresql" else 1.0
            details = {LATENCY: [round(MS * drift)] * 98 + [round(latency * 10 * MS * drift)] * 2}
            samples.append(
                Sample(Cell(key["experiment"], label), number, 0, 0, 1, round(took * drift * MS), details=details)
            )
        found.add_round(key, samples)
    return Evidence(found)


@pytest.mark.parametrize("late", [False, True], ids=["throughput", "p99"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("journal", JOURNALS[:2])
def test_postgresql_must_be_better_by_either_measure_against_either_journal(
    tmp_path: Path, journal: tuple[str, str], kind: tuple[int, str], late: bool
) -> None:
    for better, word in ((2.0, SUPPORTED), (1.05, REFUTED), (0.5, REFUTED)):
        seen = with_writers(tmp_path / f"{better}.sqlite", better, (*journal, *kind), late=late)
        verdict = decided("postgresql", seen)
        assert (verdict.word, verdict.comparisons) == (word, 16)
        if word == REFUTED:
            where = f"against the {journal[1]}, {kind[0]} writer{'s' if kind[0] > 1 else ''} of {kind[1]}"
            assert f"({'p99' if late else 'throughput'} {where})" in verdict.said
            assert "15 are above 1.2x" in verdict.said


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


def test_twenty_at_once_are_compared_with_naive_without_an_index_by_their_p95_latency(tmp_path: Path) -> None:
    """In all, they are alike, and so is the middle one; of twenty requests the last but one is the p95."""
    naive, fast = (
        condition(aggregator=one, design=design, clients=20) for one, design in (("naive", "none"), ("pushdown", "x"))
    )
    found, key = Results.create(tmp_path / "r.sqlite"), {"notebook": NOTEBOOK, "experiment": TWENTY}
    by_label = labels([naive, fast])
    found.add_conditions(key, by_label)
    for number in range(12):
        late = {label: 25.0 if one == naive else 1.0 for label, one in by_label.items()}
        details = {label: {LATENCY: [round(MS)] * 18 + [round(one * MS)] * 2} for label, one in late.items()}
        cells = [Sample(Cell(TWENTY, label), number, 0, 0, 1, 100, details=details[label]) for label in by_label]
        found.add_round(key, cells)
    effect = effects.twenty_at_once(Evidence(found))
    assert effect
    assert effect.value == pytest.approx(25.0)


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
