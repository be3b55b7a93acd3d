"""Notebook 05: many who ask at once; the original's twenty requests, a blocked loop, throughput against clients, pools."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from carenotes.aggregators import AGGREGATORS, Aggregator, pushdown
from carenotes.backends import BACKENDS
from carenotes.lab.caches import CACHES, OURS, Cached, Load, Make
from carenotes.lab.comparison import distinct_queries
from carenotes.lab.configurations.client import PILOT_QUERIES, a_round
from carenotes.lab.configurations.services import AsyncDriver, Clients, InTheLoop, InThreads, MakeService, asked_in
from carenotes.lab.configurations.services import Cached as CachedService
from carenotes.lab.notes.datasets import Copies, Notes, SeededNotes
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.runner.loops import apart
from carenotes.lab.runner.study import Measured, Plan, Race, Study
from carenotes.lab.runner.workers import Maker
from carenotes.original import program as program
from carenotes.original.cache import TTL
from carenotes.queries import StatsQuery
from carenotes.studies.one_query.experiment import ORIGINAL_TENANT

NOTEBOOK = "05_concurrency"
ORIGINAL_REQUESTS, LATENESS, CLIENTS, POOLS, ALIKE = "original/concurrent", "lateness", "clients", "pools", "identical"
TWENTY = "twenty at once"
FIRST_VERSION, FAST_PATH = "naive, no index", "pushdown, covering index"
REQUESTS = 20  # of the original's third table, for tenants 1..5 in turn
_POOL = 4  # connections and threads, where no pool size is asked about
ORIGINAL_STEPS = (
    "original, with its pause",
    "original, its pause leaving the loop free",
    "original, without",
    "optimized, without its cache",
    "optimized, its cache cold",
    "optimized, one tenant in its cache",
    "ours, without a cache",
    "ours, one tenant in the cache",
)
IN_THE_LOOP, THREADS, ASYNC = "sync driver in the loop", "sync driver in threads", "async driver"
WAYS = (IN_THE_LOOP, THREADS, ASYNC)
DUCKDB = "DuckDB in threads"
SHOWN = (ORIGINAL_STEPS[0], ORIGINAL_STEPS[1], ORIGINAL_STEPS[5], ORIGINAL_STEPS[7])  # as whole distributions
SERVED = (*WAYS, DUCKDB)
POOLED = (THREADS, ASYNC)


def _way(name: str, notes: Notes, answer: Aggregator = pushdown, pool: int = _POOL) -> MakeService:
    """One of `SERVED` to ask the notes on their best indexes."""
    if name == DUCKDB:
        assert isinstance(notes, Copies)
        return partial(InThreads, notes.on("duckdb").url("none"), answer, pool)
    url = notes.url(notes.best_plan)
    if name == IN_THE_LOOP:
        return partial(InTheLoop, url, answer)
    return partial(InThreads if name == THREADS else AsyncDriver, url, answer, pool)


def _ways(notes: Notes) -> tuple[str, ...]:
    """Those of `WAYS` that the engine of the notes has."""
    return tuple(way for way in WAYS if way != ASYNC or BACKENDS[notes.backend].HAS_ASYNC)


def _race(
    notes: Notes,
    makers: Mapping[str, Maker],
    streams: Mapping[str, Sequence[StatsQuery]],
    units: int,
    baseline: str | None = None,
    asked_by: Callable[[str], Aggregator] = lambda _: pushdown,
    further: int = 0,
) -> Race:
    """A race of services that answer with `asked_by(condition)`."""
    truth = Truth(notes)

    def right(name: str, round_number: int, part: int) -> list[str]:
        return [truth.of(asked) for asked in asked_in(streams[name], round_number, part, units)]

    def again(name: str, round_number: int, part: int, place: int) -> bool:
        asked = asked_in(streams[name], round_number, part, units)
        return truth.right_in_a_snapshot(asked_by(name), asked[place])

    for stream in {id(one): one for one in streams.values()}.values():
        truth.hold_oracles_equal(stream[:PILOT_QUERIES])
    again_if = again if notes.are_written else None
    return Race(makers, right, baseline=baseline, further=further, again=again_if)


def _stream(notes: Notes, seed: int, days: int, units: int, rounds: int) -> Sequence[StatsQuery]:
    return distinct_queries(notes, seed, days)(PILOT_QUERIES + rounds * a_round(units))


@dataclass(frozen=True)
class Crowd:
    """How many ask, and what they are given: see the experiments."""

    levels: Sequence[int]
    units: int
    pools: Sequence[int]
    pool_clients: int
    requests: int


def measured(study: Study, notes: Notes, workload: Notes, days: int, crowd: Crowd, rounds: int) -> dict[str, Measured]:
    """All that asks as soon as it is answered, in the same rounds; without the original's requests for somebody's own."""
    seed, units = study.random_seed, crowd.units
    plans: dict[str, Plan] = {
        LATENESS: partial(lateness, notes, seed, days, study.rounds_of(LATENESS, rounds)),
        CLIENTS: partial(clients, notes, seed, crowd.levels, units, study.rounds_of(CLIENTS, rounds)),
        POOLS: partial(pools, notes, seed, crowd.pools, crowd.pool_clients, units, study.rounds_of(POOLS, rounds)),
        ALIKE: partial(identical, notes, seed, crowd.requests),
    }
    if isinstance(notes, Copies):
        plans[TWENTY] = partial(twenty, notes, seed, study.rounds_of(TWENTY, rounds))
    if isinstance(workload, SeededNotes):
        plans[ORIGINAL_REQUESTS] = partial(original_requests, workload)
    return study.races(plans, rounds)


def original_requests(notes: SeededNotes) -> Race:
    """The original's third table and what is in it: 20 requests at once, the cache warm with tenant 3 as in its program."""
    queries = [StatsQuery.on(number % 5 + 1, notes.spec.last_day) for number in range(REQUESTS)]
    makers: dict[str, Maker] = {
        name: partial(Clients, service, queries, REQUESTS, REQUESTS)
        for name, service in zip(ORIGINAL_STEPS, _original_services(notes), strict=True)
    }
    # Further: each against the original with its pause (one of them is the baseline), and the cache against one pass.
    further = len(ORIGINAL_STEPS) - 1
    return _race(notes, makers, dict.fromkeys(makers, queries), REQUESTS, "original, without", further=further)


def _original_services(notes: SeededNotes) -> list[MakeService]:
    url, without = notes.url("original"), program.Original(0.0)
    warm = [StatsQuery.on(ORIGINAL_TENANT, notes.spec.last_day)]
    optimized, ours = partial(InTheLoop, url, program.optimized), _way(IN_THE_LOOP, notes)
    return [
        partial(InTheLoop, url, program.Original(program.PAUSE)),
        partial(InTheLoop, url, without, pause=program.PAUSE),
        partial(InTheLoop, url, without),
        optimized,
        partial(CachedService, optimized, partial(_kept_in, "the original's")),
        partial(CachedService, optimized, partial(_kept_in, "the original's"), warm),
        ours,
        partial(CachedService, ours, partial(_kept_in, OURS), warm),
    ]


def _kept_in(name: str, load: Load) -> Cached:
    """A cache of `IDENTICAL` with the original's time to live."""
    return IDENTICAL[name](load, TTL, 10_000)


def twenty(notes: Copies, seed: int, rounds: int) -> Race:
    """Twenty distinct queries at once, by the first version and by the fast path."""
    stream = _stream(notes, seed, 1, REQUESTS, rounds)
    services: dict[str, MakeService] = {
        FIRST_VERSION: partial(InTheLoop, notes.url("none"), AGGREGATORS["naive"]),
        FAST_PATH: _way(IN_THE_LOOP, notes),
    }
    makers: dict[str, Maker] = {
        name: partial(Clients, service, stream, REQUESTS, REQUESTS) for name, service in services.items()
    }
    return _race(notes, makers, dict.fromkeys(makers, stream), REQUESTS)


def lateness(notes: Notes, seed: int, days: int, rounds: int) -> Race:
    """How late a timer of the event loop is while it answers 20 queries at once, by way and aggregator."""
    stream = _stream(notes, seed, days, REQUESTS, rounds)
    makers: dict[str, Maker] = {
        f"{name}: {way}": partial(
            Clients, _way(way, notes, AGGREGATORS[name]), stream, REQUESTS, REQUESTS, heartbeat=True
        )
        for name in ("naive", "pushdown")
        for way in _ways(notes)
    }
    streams = dict.fromkeys(makers, stream)
    return _race(notes, makers, streams, REQUESTS, asked_by=lambda name: AGGREGATORS[name.partition(":")[0]])


def clients(notes: Notes, seed: int, levels: Sequence[int], units: int, rounds: int) -> Race:
    """Requests a second and what each waits, by way and number of clients; conditions are named `way/clients`."""
    stream = _stream(notes, seed, 1, units, rounds)
    ways = (*_ways(notes), DUCKDB) if isinstance(notes, Copies) else _ways(notes)
    makers: dict[str, Maker] = {
        f"{way}/{level}": partial(Clients, _way(way, notes), stream, level, units) for level in levels for way in ways
    }
    return _race(notes, makers, dict.fromkeys(makers, stream), units)


def pools(notes: Notes, seed: int, sizes: Sequence[int], level: int, units: int, rounds: int) -> Race:
    """Requests a second of `level` clients by the size of the pool; conditions are named `way/connections`."""
    stream = _stream(notes, seed, 1, units, rounds)
    makers: dict[str, Maker] = {
        f"{way}/{size}": partial(Clients, _way(way, notes, pool=size), stream, level, units)
        for size in sizes
        for way in _ways(notes)
        if way in POOLED
    }
    # Further: the largest pool against the smallest.
    return _race(notes, makers, dict.fromkeys(makers, stream), units, further=1)


def _not_kept(load: Load, _ttl: float, _bound: int) -> Cached:
    return Cached(load)


IDENTICAL: Mapping[str, Make] = {
    "no cache": _not_kept,
    "the original's": CACHES["the original's"],
    OURS: CACHES[OURS],
}


def identical(notes: Notes, seed: int, number: int) -> Race:
    """So many requests at once, all identical or all distinct, in threads with and without a cache, new each round."""
    streams = _alike(notes, seed, number)
    makers: dict[str, Maker] = {
        name: partial(Clients, _cached(notes, name), stream, number, number) for name, stream in streams.items()
    }
    return _race(notes, makers, streams, number)


def _alike(notes: Notes, seed: int, number: int) -> dict[str, list[StatsQuery]]:
    """The queries of each kind, for each cache."""
    distinct = list(distinct_queries(notes, seed, 1)(number))
    kinds = {"identical": distinct[:1] * number, "distinct": distinct}
    return {f"{kind}: {name}": stream for kind, stream in kinds.items() for name in IDENTICAL}


def _cached(notes: Notes, condition: str) -> Callable[[], CachedService]:
    return partial(CachedService, _way(THREADS, notes), partial(_kept_in, condition.partition(": ")[2]))


@apart
def loads(study: Study, notes: Notes, requests: Sequence[int]) -> dict[str, dict[str, int]]:
    """How many loads so many identical and distinct requests lead to."""
    kinds = [f"{kind}: {name}" for kind in ("identical", "distinct") for name in IDENTICAL]
    return {kind: {f"{n:,} requests": _counted(study, notes, n, kind) for n in requests} for kind in kinds}


def _counted(study: Study, notes: Notes, number: int, kind: str) -> int:
    def count() -> int:
        return _loads(_cached(notes, kind), _alike(notes, study.random_seed, number)[kind])

    found: int = study.fact(f"loads/{number}/{kind}", count)
    return found


def _loads(service: Callable[[], CachedService], stream: Sequence[StatsQuery]) -> int:
    """How many loads there are when all of the stream is asked at once."""
    return asyncio.run(_loaded(service, stream))


async def _loaded(make: Callable[[], CachedService], stream: Sequence[StatsQuery]) -> int:
    service = make()
    await service.begin()
    await asyncio.gather(*[service.ask(query) for query in stream])
    await service.close()
    return service.loads
