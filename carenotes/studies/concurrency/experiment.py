"""Notebook 05: many clients at once; the original's twenty requests, a blocked loop, throughput by clients, pools."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from carenotes.aggregators import AGGREGATORS, naive
from carenotes.backends import BACKENDS
from carenotes.lab.comparison import distinct_queries
from carenotes.lab.conditions import Condition
from carenotes.lab.configurations.services import Cached as CachedService
from carenotes.lab.configurations.services import InTheLoop, InThreads, MakeService
from carenotes.lab.notes.copies import Copies, SeededNotes
from carenotes.lab.notes.stored import Notes
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Plan, Study
from carenotes.original import program
from carenotes.original.cache import TTL
from carenotes.queries import StatsQuery
from carenotes.studies.cache.caches import CACHES, ORIGINALS, OURS, Cached, Load, Make
from carenotes.studies.concurrency.readers_and_writers import READERS_AND_WRITERS, Writers, readers_and_writers
from carenotes.studies.concurrency.served import ASYNC as ASYNC
from carenotes.studies.concurrency.served import IN_THE_LOOP as IN_THE_LOOP
from carenotes.studies.concurrency.served import NOTEBOOK as NOTEBOOK
from carenotes.studies.concurrency.served import (
    POOL,
    PROCESSES,
    Served,
    closed_loops,
    condition_of,
    heavy_stream,
    on,
    service_of,
    services_of,
    stream_of,
    with_server,
)
from carenotes.studies.concurrency.served import THREADS as THREADS

ORIGINAL_REQUESTS, LAG, CLIENTS, POOLS = "original/concurrent", "event-loop lag", "clients", "pools"  # experiments
HEAVY_CLIENTS, HEAVY_POOLS = "clients, heavy query", "pools, heavy query"
IDENTICAL, TWENTY = "identical", "twenty at once"
REQUESTS = 20  # of the original's third table, for tenants 1..5 in turn
WITH_PAUSE, AWAITED_PAUSE, WITHOUT_PAUSE = "with its pause", "with its pause awaited", "without its pause"  # `pause`
NO_CACHE, COLD, WARM = "no cache", "cold cache", "one tenant in its cache"  # `cache` of the original's requests
SAME, DISTINCT = "identical", "distinct"  # `queries`


@dataclass(frozen=True)
class Sizes:
    """Parameters of the notebook: numbers of clients, requests a sample, connections, and requests at once.

    `heavy_notes` notes are there for heavy queries, of which `heavy_queries` make a sample, and for writers.
    """

    clients: Sequence[int]
    queries_per_sample: int
    pool_sizes: Sequence[int]
    pool_clients: int
    requests: int
    heavy_notes: int
    heavy_queries: int
    writers: Writers


def measured(study: Study, notes: Notes, workload: Notes, days: int, sizes: Sizes, rounds: int) -> dict[str, Measured]:
    """Every closed loop, in the same rounds; the original's requests only about notes that are made as its own."""
    seed, units, rounds_of = study.random_seed, sizes.queries_per_sample, partial(study.rounds_of, rounds=rounds)
    pooled, sample = (sizes.pool_sizes, sizes.pool_clients), notes.sample().resized(sizes.heavy_notes)
    fewer = sample if isinstance(notes, Copies) else notes  # somebody's own are asked as they are, but never written to
    heavy = sizes.heavy_queries
    plans: dict[str, Plan] = {
        LAG: partial(event_loop_lag, notes, seed, days, rounds_of(LAG)),
        CLIENTS: partial(clients, notes, seed, sizes.clients, units, rounds_of(CLIENTS)),
        HEAVY_CLIENTS: partial(heavy_clients, fewer, sizes.clients, heavy, rounds_of(HEAVY_CLIENTS)),
        POOLS: partial(pools, notes, seed, *pooled, units, rounds_of(POOLS)),
        HEAVY_POOLS: partial(heavy_pools, fewer, *pooled, heavy, rounds_of(HEAVY_POOLS)),
        READERS_AND_WRITERS: partial(readers_and_writers, sample, seed, sizes.writers, rounds_of(READERS_AND_WRITERS)),
        IDENTICAL: partial(identical, notes, seed, sizes.requests),
    }
    if isinstance(notes, Copies):
        plans[TWENTY] = partial(twenty, notes, seed, study.rounds_of(TWENTY, rounds))
    if isinstance(workload, SeededNotes):
        plans[ORIGINAL_REQUESTS] = partial(original_requests, workload)
    return study.run(plans, rounds)


def original_requests(notes: SeededNotes) -> Experiment:
    """The original's third table in steps: 20 requests at once, the cache warm with one tenant as in its program."""
    queries = [StatsQuery.on(number % 5 + 1, notes.spec.last_day) for number in range(REQUESTS)]
    url, without = notes.url("original"), program.Original(0.0)
    optimized, ours = partial(InTheLoop, url, program.optimized), service_of(IN_THE_LOOP, notes)
    warm = [StatsQuery.on(program.TENANT, notes.spec.last_day)]
    theirs = partial(CachedService, optimized, partial(_kept_in, ORIGINALS))
    first = partial(condition_of, notes, "original_first", REQUESTS, "original")
    second = partial(condition_of, notes, "original_optimized", REQUESTS, "original")
    third = partial(condition_of, notes, "pushdown", REQUESTS)
    services: dict[Condition, MakeService] = {
        first(pause=WITH_PAUSE): partial(InTheLoop, url, program.Original(program.PAUSE)),
        first(pause=AWAITED_PAUSE): partial(InTheLoop, url, without, pause=program.PAUSE),
        first(pause=WITHOUT_PAUSE): partial(InTheLoop, url, without),
        second(cache=NO_CACHE): optimized,
        second(cache=COLD): theirs,
        second(cache=WARM): partial(theirs, warm),
        third(cache=NO_CACHE): ours,
        third(cache=WARM): partial(CachedService, ours, partial(_kept_in, OURS), warm),
    }
    served = {of: Served(service, queries) for of, service in services.items()}
    # Further: each against the original with its pause (one of them is the baseline), and the cache against one pass.
    return closed_loops(notes, served, REQUESTS, first(pause=WITHOUT_PAUSE), further=len(served) - 1)


def _kept_in(name: str, load: Load) -> Cached:
    """One of `KEPT_IN` with the original's time to live."""
    return KEPT_IN[name](load, TTL, 10_000)


def twenty(notes: Copies, seed: int, rounds: int) -> Experiment:
    """Twenty distinct queries at once, by the first version and by the fast path: in threads, over a pool."""
    stream = stream_of(notes, seed, 1, REQUESTS, rounds)
    served = {
        condition_of(notes, "naive", REQUESTS, "none"): Served(
            partial(InThreads, notes.url("none"), naive, POOL), stream, naive
        ),
        condition_of(notes, "pushdown", REQUESTS): Served(service_of(THREADS, notes), stream),
    }
    return closed_loops(notes, served, REQUESTS)


def event_loop_lag(notes: Notes, seed: int, days: int, rounds: int) -> Experiment:
    """How late a timer of the event loop is while it answers 20 queries at once, by service and aggregator."""
    stream = stream_of(notes, seed, days, REQUESTS, rounds)
    served = {
        condition_of(notes, name, REQUESTS, service=service): Served(
            service_of(service, notes, AGGREGATORS[name]), stream, AGGREGATORS[name], heartbeat=True
        )
        for name in ("naive", "pushdown")
        for service in services_of(notes)
    }
    return closed_loops(notes, served, REQUESTS)


def clients(notes: Notes, seed: int, numbers: Sequence[int], units: int, rounds: int) -> Experiment:
    """Throughput and latency of queries about one day, by service and number of clients, on every engine there is."""
    stream = stream_of(notes, seed, 1, units, rounds)
    places: list[tuple[Notes, str]] = [(notes, name) for name in (*services_of(notes), PROCESSES)]
    if (server := on(notes, "postgresql")) and server is not notes:
        places += [(server, name) for name in (THREADS, ASYNC, PROCESSES)]
    if (columns := on(notes, "duckdb")) and columns is not notes:
        places.append((columns, THREADS))  # one process at a time may have it
    if notes.backend == "duckdb":
        places.remove((notes, PROCESSES))
    return _by_clients(notes, places, stream, numbers, units)


def heavy_clients(notes: Notes, numbers: Sequence[int], units: int, rounds: int) -> Experiment:
    """The same of queries about 90 days of the largest tenant, by a sync driver in threads."""
    places = [(there, THREADS) for there in with_server(notes)]
    return _by_clients(notes, places, heavy_stream(notes, units, rounds), numbers, units)


def _by_clients(
    notes: Notes, places: Sequence[tuple[Notes, str]], stream: Sequence[StatsQuery], numbers: Sequence[int], units: int
) -> Experiment:
    served = {
        condition_of(notes, "pushdown", number, there=there, service=name): Served(service_of(name, there), stream)
        for number in numbers
        for there, name in places
    }
    return closed_loops(notes, served, units)


def pools(notes: Notes, seed: int, pool_sizes: Sequence[int], number: int, units: int, rounds: int) -> Experiment:
    """Requests a second of so many clients who ask about one day, by service and the size of its pool."""
    places = [(there, THREADS) for there in with_server(notes)]
    if BACKENDS[places[-1][0].backend].HAS_ASYNC:  # the server's, where there is one
        places.append((places[-1][0], ASYNC))
    return _by_connections(notes, places, stream_of(notes, seed, 1, units, rounds), pool_sizes, number, units)


def heavy_pools(notes: Notes, pool_sizes: Sequence[int], number: int, units: int, rounds: int) -> Experiment:
    """The same of queries about 90 days of the largest tenant, by a sync driver in threads."""
    places = [(there, THREADS) for there in with_server(notes)]
    return _by_connections(notes, places, heavy_stream(notes, units, rounds), pool_sizes, number, units)


def _by_connections(
    notes: Notes,
    places: Sequence[tuple[Notes, str]],
    stream: Sequence[StatsQuery],
    pool_sizes: Sequence[int],
    number: int,
    units: int,
) -> Experiment:
    served = {
        condition_of(notes, "pushdown", number, there=there, service=name, connections=size): Served(
            service_of(name, there, connections=size), stream
        )
        for size in pool_sizes
        for there, name in places
    }
    return closed_loops(notes, served, units, further=2 * len(places))  # the best and the largest pool of each


KEPT_IN: Mapping[str, Make] = {  # `cache` of identical and distinct queries
    NO_CACHE: lambda load, _ttl, _bound: Cached(load),
    ORIGINALS: CACHES[ORIGINALS],
    OURS: CACHES[OURS],
}


def identical(notes: Notes, seed: int, number: int) -> Experiment:
    """So many requests at once, all identical or all distinct, in threads with and without a cache, new each round."""
    served = {
        condition_of(notes, "pushdown", number, queries=kind, cache=cache): Served(cached(notes, cache), stream)
        for kind, stream in kinds_of_queries(notes, seed, number).items()
        for cache in KEPT_IN
    }
    return closed_loops(notes, served, number)


def kinds_of_queries(notes: Notes, seed: int, number: int) -> dict[str, list[StatsQuery]]:
    """So many identical, and so many distinct queries."""
    distinct = list(distinct_queries(notes, seed, 1)(number))
    return {SAME: distinct[:1] * number, DISTINCT: distinct}


def cached(notes: Notes, cache: str) -> Callable[[], CachedService]:
    """A service in threads behind one of `KEPT_IN`."""
    return partial(CachedService, service_of(THREADS, notes), partial(_kept_in, cache))
