"""The named effects of notebook 05, for whoever judges claims by them. None stands for what was not measured."""

from collections.abc import Iterator
from itertools import product

from carenotes.backends import BACKENDS
from carenotes.lab.configurations.closed_loop import EVENT_LOOP_LAG
from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Evidence, Fields
from carenotes.studies.concurrency.experiment import (
    HEAVY_POOLS,
    LAG,
    NO_CACHE,
    ORIGINAL_REQUESTS,
    POOLS,
    SAME,
    TWENTY,
    WARM,
    WITHOUT_PAUSE,
)
from carenotes.studies.concurrency.loads import fact_name
from carenotes.studies.concurrency.readers_and_writers import (
    POSTGRESQL,
    READERS_AND_WRITERS,
    SQLITE_ROLLBACK,
    SQLITE_WAL,
    WRITING,
)
from carenotes.studies.concurrency.served import ASYNC, IN_THE_LOOP, NOTEBOOK, THREADS

QUERIES_OF_POOLS = {"one day": POOLS, "heavy": HEAVY_POOLS}  # experiments
_FIRST = {"aggregator": "original_first", "pause": WITHOUT_PAUSE}
_CACHED = {"aggregator": "original_optimized", "cache": WARM}
_BLOCKING = {"aggregator": "naive", "service": IN_THE_LOOP}
_THREADED = {"aggregator": "naive", "service": THREADS}


def twenty_at_once(seen: Evidence) -> Estimate | None:
    """How many times shorter the p95 latency of the fast path is than that of naive without an index.

    Of twenty distinct queries at once, in threads on a pool.
    """
    first = {"aggregator": "naive", "design": "none"}
    return seen.latency_ratio(NOTEBOOK, TWENTY, {"aggregator": "pushdown"}, first, 95)


def original_twenty_without_a_cache(seen: Evidence) -> Estimate | None:
    """The speedup of the fast path without a cache over the original without its pause, on its twenty requests."""
    return seen.speedup(NOTEBOOK, ORIGINAL_REQUESTS, {"aggregator": "pushdown", "cache": NO_CACHE}, _FIRST)


def original_optimized_with_its_cache(seen: Evidence) -> Estimate | None:
    """The speedup of the original's optimized program, one tenant in its cache, over its original without the pause."""
    return seen.speedup(NOTEBOOK, ORIGINAL_REQUESTS, _CACHED, _FIRST)


def original_optimized_without_its_cache(seen: Evidence) -> Estimate | None:
    """The same without its cache."""
    optimized = {"aggregator": "original_optimized", "cache": NO_CACHE}
    return seen.speedup(NOTEBOOK, ORIGINAL_REQUESTS, optimized, _FIRST)


def original_p50_latency(seen: Evidence) -> Estimate | None:
    """The p50 latency of the twenty requests by the original's optimized program, one tenant in its cache: seconds."""
    return seen.latency(NOTEBOOK, ORIGINAL_REQUESTS, _CACHED, 50, LATENCY)


def largest_lag(seen: Evidence) -> Estimate | None:
    """The largest event-loop lag while naive answers twenty queries by a sync driver in the loop: seconds."""
    return seen.latency(NOTEBOOK, LAG, _BLOCKING, 100, EVENT_LOOP_LAG)


def in_the_loop_over_threads(seen: Evidence) -> Estimate | None:
    """The speedup of naive by a sync driver in the loop over the same in threads."""
    return seen.speedup(NOTEBOOK, LAG, _BLOCKING, _THREADED)


def loads_of_identical(seen: Evidence, number: int, cache: str) -> int | None:
    """A fact: how many loads so many identical requests at once lead to."""
    found: int | None = seen.fact(NOTEBOOK, fact_name(number, SAME, cache))
    return found


def pool_sizes(seen: Evidence, query: str, engine: str) -> list[int]:
    """The sizes of the pools of a sync driver in threads that were measured on an engine, from small to large.

    Raises LookupError for a condition that is none of a pool: it may be one that was meant.
    """
    conditions = seen.measured(NOTEBOOK, QUERIES_OF_POOLS[query]).conditions.values()
    found = []
    for one in conditions:
        size = one.get("connections")
        if one.engine not in BACKENDS or not any(
            one.has({"service": of, "connections": size}) for of in (THREADS, ASYNC)
        ):
            raise LookupError(f"{one.fields()} is no pool of an engine")
        if one.engine == engine and one.get("service") == THREADS:
            found.append(int(size))
    return sorted(found)


def of_pool_size(seen: Evidence, query: str, engine: str, size: int, other: int) -> Estimate | None:
    """The speedup of a pool of `size` connections over one of `other`, by a sync driver in threads."""
    fast: Fields = {"engine": engine, "service": THREADS, "connections": size}
    return seen.speedup(NOTEBOOK, QUERIES_OF_POOLS[query], fast, {**fast, "connections": other})


def best_inner_pool_size(seen: Evidence, query: str, engine: str) -> int | None:
    """The size with the highest throughput among those between the smallest and the largest that were tried."""
    inner = pool_sizes(seen, query, engine)[1:-1]
    seconds = {
        size: seen.seconds(
            NOTEBOOK, QUERIES_OF_POOLS[query], {"engine": engine, "service": THREADS, "connections": size}
        )
        for size in inner
    }
    there = {size: one.value for size, one in seconds.items() if one}
    return min(there, key=lambda size: there[size]) if there else None


def postgresql_with_writers(seen: Evidence) -> dict[str, Estimate | None]:
    """How many times better PostgreSQL serves readers than SQLite by either journal: throughput, and p99 latency.

    With each number of writers, of single notes and of batches; each by its name. None of them where there was no
    server.
    """
    return {} if "postgresql" not in _engines(seen) else dict(_with_writers(seen))


def _engines(seen: Evidence) -> set[str]:
    found = {one.engine or "" for one in seen.measured(NOTEBOOK, READERS_AND_WRITERS).conditions.values()}
    if not found <= BACKENDS.keys():
        raise LookupError(f"{sorted(found)} are the engines of readers and writers, not of: {', '.join(BACKENDS)}")
    return found


def _numbers(seen: Evidence) -> list[int]:
    found = {one.get("writers") for one in seen.measured(NOTEBOOK, READERS_AND_WRITERS).conditions.values()}
    if None in found or found == {0}:
        raise LookupError("not every condition of readers and writers says how many write")
    return sorted(found - {0})


def _with_writers(seen: Evidence) -> Iterator[tuple[str, Estimate | None]]:
    for number, writing, other in product(_numbers(seen), WRITING, (SQLITE_ROLLBACK, SQLITE_WAL)):
        fast, slow = (_written(*place, number, writing) for place in (POSTGRESQL, other))
        said = f"against the {other[1]}, {number} writer{'s' if number > 1 else ''} of {writing}"
        yield f"throughput {said}", seen.speedup(NOTEBOOK, READERS_AND_WRITERS, fast, slow)
        yield f"p99 {said}", seen.latency_ratio(NOTEBOOK, READERS_AND_WRITERS, fast, slow, 99)


def _written(engine: str, journal: str, writers: int, writing: str) -> Fields:
    return {"engine": engine, "journal": journal, "writers": writers, "writing": writing}
