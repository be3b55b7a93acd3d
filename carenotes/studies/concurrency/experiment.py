"""Notebook 05: many clients at once; the original's twenty requests, a blocked loop, throughput by clients, pools."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from carenotes.aggregators import AGGREGATORS, Aggregator, naive, pushdown
from carenotes.backends import BACKENDS
from carenotes.lab.comparison import distinct_queries
from carenotes.lab.conditions import Condition, Value, condition
from carenotes.lab.configurations.client import PILOT_QUERIES, a_round
from carenotes.lab.configurations.closed_loop import ClosedLoop, queries_of
from carenotes.lab.configurations.services import AsyncDriver, InTheLoop, InThreads, MakeService
from carenotes.lab.configurations.services import Cached as CachedService
from carenotes.lab.notes.datasets import Copies, Notes, SeededNotes
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Plan, Study
from carenotes.original import program
from carenotes.original.cache import TTL
from carenotes.queries import StatsQuery
from carenotes.studies.cache.caches import CACHES, ORIGINALS, OURS, Cached, Load, Make

NOTEBOOK = "05_concurrency"
ORIGINAL_REQUESTS, LAG, CLIENTS, POOLS = "original/concurrent", "event-loop lag", "clients", "pools"  # experiments
IDENTICAL, TWENTY = "identical", "twenty at once"
REQUESTS = 20  # of the original's third table, for tenants 1..5 in turn
IN_THE_LOOP, THREADS, ASYNC = "sync driver in the loop", "sync driver in threads", "async driver"  # `service`
WITH_PAUSE, AWAITED_PAUSE, WITHOUT_PAUSE = "with its pause", "with its pause awaited", "without its pause"  # `pause`
NO_CACHE, COLD, WARM = "no cache", "cold cache", "one tenant in its cache"  # `cache` of the original's requests
SAME, DISTINCT = "identical", "distinct"  # `queries`
_POOL = 4  # connections and threads, where the size of the pool is not the subject


def services_of(notes: Notes) -> tuple[str, ...]:
    """The services that can answer about these notes, by name."""
    return (IN_THE_LOOP, THREADS, ASYNC) if BACKENDS[notes.backend].HAS_ASYNC else (IN_THE_LOOP, THREADS)


def service_of(name: str, notes: Notes, aggregator: Aggregator = pushdown, connections: int = _POOL) -> MakeService:
    """A service on the best design for the notes."""
    url = notes.url(notes.best_design)
    if name == IN_THE_LOOP:
        return partial(InTheLoop, url, aggregator)
    return partial(InThreads if name == THREADS else AsyncDriver, url, aggregator, connections)


@dataclass(frozen=True)
class Served:
    """How a condition is made: which service answers which queries, and the aggregator that it answers with."""

    service: MakeService
    stream: Sequence[StatsQuery]
    aggregator: Aggregator = pushdown
    heartbeat: bool = False


def _condition(notes: Notes, aggregator: str, clients: int, design: str = "", **particular: Value | None) -> Condition:
    return condition(
        aggregator=aggregator,
        engine=notes.backend,
        design=design or notes.best_design,
        notes=notes.population.notes,
        clients=clients,
        **particular,
    )


def _closed_loops(
    notes: Notes, served: Mapping[Condition, Served], units: int, baseline: Condition | None = None, further: int = 0
) -> Experiment:
    """Services under as many clients as their conditions say, `units` requests a sample."""
    truth = Truth(notes)

    def right(of: Condition, round_number: int, part: int) -> list[str]:
        return [truth.of(query) for query in queries_of(served[of].stream, round_number, part, units)]

    def recheck(of: Condition, round_number: int, part: int, place: int) -> bool:
        query = queries_of(served[of].stream, round_number, part, units)[place]
        return truth.right_in_a_snapshot(served[of].aggregator, query)

    for stream in {id(one.stream): one.stream for one in served.values()}.values():
        truth.hold_oracles_equal(stream[:PILOT_QUERIES])
    makers = {
        of: partial(ClosedLoop, one.service, one.stream, of.clients or 1, units, heartbeat=one.heartbeat)
        for of, one in served.items()
    }
    return Experiment(makers, right, baseline, further, recheck if notes.are_written else None)


def _stream(notes: Notes, seed: int, days: int, units: int, rounds: int) -> Sequence[StatsQuery]:
    return distinct_queries(notes, seed, days)(PILOT_QUERIES + rounds * a_round(units))


@dataclass(frozen=True)
class Sizes:
    """Parameters of the notebook: numbers of clients, requests a sample, connections, and requests at once."""

    clients: Sequence[int]
    queries_per_sample: int
    pool_sizes: Sequence[int]
    pool_clients: int
    requests: int


def measured(study: Study, notes: Notes, workload: Notes, days: int, sizes: Sizes, rounds: int) -> dict[str, Measured]:
    """Every closed loop, in the same rounds; the original's requests only about notes that are made as its own."""
    seed, units = study.random_seed, sizes.queries_per_sample
    plans: dict[str, Plan] = {
        LAG: partial(event_loop_lag, notes, seed, days, study.rounds_of(LAG, rounds)),
        CLIENTS: partial(clients, notes, seed, sizes.clients, units, study.rounds_of(CLIENTS, rounds)),
        POOLS: partial(pools, notes, seed, sizes.pool_sizes, sizes.pool_clients, units, study.rounds_of(POOLS, rounds)),
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
    first = partial(_condition, notes, "original_first", REQUESTS, "original")
    second = partial(_condition, notes, "original_optimized", REQUESTS, "original")
    third = partial(_condition, notes, "pushdown", REQUESTS)
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
    return _closed_loops(notes, served, REQUESTS, first(pause=WITHOUT_PAUSE), further=len(served) - 1)


def _kept_in(name: str, load: Load) -> Cached:
    """One of `KEPT_IN` with the original's time to live."""
    return KEPT_IN[name](load, TTL, 10_000)


def twenty(notes: Copies, seed: int, rounds: int) -> Experiment:
    """Twenty distinct queries at once, by the first version and by the fast path."""
    stream = _stream(notes, seed, 1, REQUESTS, rounds)
    served = {
        _condition(notes, "naive", REQUESTS, "none"): Served(
            partial(InTheLoop, notes.url("none"), naive), stream, naive
        ),
        _condition(notes, "pushdown", REQUESTS): Served(service_of(IN_THE_LOOP, notes), stream),
    }
    return _closed_loops(notes, served, REQUESTS)


def event_loop_lag(notes: Notes, seed: int, days: int, rounds: int) -> Experiment:
    """How late a timer of the event loop is while it answers 20 queries at once, by service and aggregator."""
    stream = _stream(notes, seed, days, REQUESTS, rounds)
    served = {
        _condition(notes, name, REQUESTS, service=service): Served(
            service_of(service, notes, AGGREGATORS[name]), stream, AGGREGATORS[name], heartbeat=True
        )
        for name in ("naive", "pushdown")
        for service in services_of(notes)
    }
    return _closed_loops(notes, served, REQUESTS)


def clients(notes: Notes, seed: int, numbers: Sequence[int], units: int, rounds: int) -> Experiment:
    """Throughput and latency, by service and number of clients; on DuckDB, too, where copies may be made."""
    stream = _stream(notes, seed, 1, units, rounds)
    served = {}
    for number in numbers:
        for name in services_of(notes):
            served[_condition(notes, "pushdown", number, service=name)] = Served(service_of(name, notes), stream)
        if isinstance(notes, Copies) and notes.backend != "duckdb":
            other = notes.on("duckdb")  # not opened here: a DuckDB file is open in one process at a time
            of = replace(
                _condition(notes, "pushdown", number, other.best_design, service=THREADS), engine=other.backend
            )
            served[of] = Served(service_of(THREADS, other), stream)
    return _closed_loops(notes, served, units)


def pools(notes: Notes, seed: int, pool_sizes: Sequence[int], number: int, units: int, rounds: int) -> Experiment:
    """Requests a second of so many clients, by service and the size of its pool."""
    stream = _stream(notes, seed, 1, units, rounds)
    served = {
        _condition(notes, "pushdown", number, service=name, connections=size): Served(
            service_of(name, notes, connections=size), stream
        )
        for size in pool_sizes
        for name in services_of(notes)
        if name != IN_THE_LOOP
    }
    return _closed_loops(notes, served, units, further=1)  # the largest pool against the smallest


KEPT_IN: Mapping[str, Make] = {  # `cache` of identical and distinct queries
    NO_CACHE: lambda load, _ttl, _bound: Cached(load),
    ORIGINALS: CACHES[ORIGINALS],
    OURS: CACHES[OURS],
}


def identical(notes: Notes, seed: int, number: int) -> Experiment:
    """So many requests at once, all identical or all distinct, in threads with and without a cache, new each round."""
    served = {
        _condition(notes, "pushdown", number, queries=kind, cache=cache): Served(cached(notes, cache), stream)
        for kind, stream in kinds_of_queries(notes, seed, number).items()
        for cache in KEPT_IN
    }
    return _closed_loops(notes, served, number)


def kinds_of_queries(notes: Notes, seed: int, number: int) -> dict[str, list[StatsQuery]]:
    """So many identical, and so many distinct queries."""
    distinct = list(distinct_queries(notes, seed, 1)(number))
    return {SAME: distinct[:1] * number, DISTINCT: distinct}


def cached(notes: Notes, cache: str) -> Callable[[], CachedService]:
    """A service in threads behind one of `KEPT_IN`."""
    return partial(CachedService, service_of(THREADS, notes), partial(_kept_in, cache))
