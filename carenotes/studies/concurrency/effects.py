"""The named effects of notebook 05, for whoever judges claims by them. None stands for what was not measured."""

from collections.abc import Mapping

from carenotes.lab.configurations.closed_loop import EVENT_LOOP_LAG
from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Evidence, Fields
from carenotes.studies.concurrency.experiment import (
    ASYNC,
    IN_THE_LOOP,
    LAG,
    NO_CACHE,
    NOTEBOOK,
    ORIGINAL_REQUESTS,
    POOLS,
    SAME,
    THREADS,
    TWENTY,
    WARM,
    WITHOUT_PAUSE,
)
from carenotes.studies.concurrency.loads import fact_name

_FIRST = {"aggregator": "original_first", "pause": WITHOUT_PAUSE}
_CACHED = {"aggregator": "original_optimized", "cache": WARM}
_BLOCKING = {"aggregator": "naive", "service": IN_THE_LOOP}
_THREADED = {"aggregator": "naive", "service": THREADS}


def twenty_at_once(seen: Evidence) -> Estimate | None:
    """The speedup of the fast path over naive without an index, twenty distinct queries at once."""
    return seen.speedup(NOTEBOOK, TWENTY, {"aggregator": "pushdown"}, {"aggregator": "naive", "design": "none"})


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


def seconds_by_pool_size(seen: Evidence) -> Mapping[int, float]:
    """Seconds a request of a sync driver in threads, by the size of its pool, from small to large."""
    services: list[Fields] = [{"service": one} for one in (THREADS, ASYNC)]
    each = seen.along(NOTEBOOK, POOLS, "connections", {"service": THREADS}, services)
    return {size: one.value for size, one in each.items()}


def engine_of_pools(seen: Evidence) -> str | None:
    """The engine whose connections are in those pools."""
    return seen.engine(NOTEBOOK, POOLS)


def of_pool_size(seen: Evidence, size: int, other: int) -> Estimate | None:
    """The speedup of a pool of `size` connections over one of `other`, by a sync driver in threads."""
    fast: Fields = {"service": THREADS, "connections": size}
    return seen.speedup(NOTEBOOK, POOLS, fast, {**fast, "connections": other})
