"""What decides the claims about many clients at once: event loop, pools, PostgreSQL."""

from carenotes.backends import engine_name
from carenotes.lab.statistics.verdicts import Evidence, Verdict, at_least, at_most, costing, counted, furthest
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.original.decisions.prices import STALE, saving
from carenotes.studies.concurrency import effects as concurrency

_THEIRS = "the original's"
_BETTER = 1.2  # times, of PostgreSQL: set on 2026-11-28, after trial figures on a busy machine had been seen


def concurrent_total(seen: Evidence) -> Verdict | None:
    """What twenty requests at once save by the original's optimized program and its cache."""
    effect = concurrency.original_optimized_with_its_cache(seen)
    uncached = concurrency.original_optimized_without_its_cache(seen)
    if effect is None or uncached is None:
        return None
    said = f"all of it the cache: without it {100 * (1 - 1 / uncached.value):.1f} %"
    return costing(at_least(effect, saving(0.80), "saved", said), STALE)


def concurrent_each(seen: Evidence) -> Verdict | None:
    """How long each of them takes."""
    half = concurrency.original_p50_latency(seen)
    if half is None:
        return None
    claim = ORIGINAL_FIGURES["concurrent"]
    each = claim["optimized_s"] / claim["requests"]
    return costing(at_most(half, 2 * each, "seconds", "p50 latency of the requests"), STALE)


def non_blocking(seen: Evidence) -> Verdict | None:
    """Whether the event loop stays free meanwhile."""
    lag, faster = concurrency.largest_lag(seen), concurrency.in_the_loop_over_threads(seen)
    if lag is None or faster is None:
        return None
    verdict = at_most(lag, 0.010, "seconds", "the largest event-loop lag during twenty answers")
    return costing(verdict, f"threads instead: {faster.value:.2f}x the time a query")


def same_once(seen: Evidence) -> Verdict | None:
    """Whether identical requests at once are one load."""
    loads = concurrency.loads_of_identical(seen, 20, _THEIRS)
    return None if loads is None else counted(loads == 1, f"{loads} load for 20 identical requests")


_POOLS = {  # where pools are judged, and by which query
    f"{engine_name(engine)}, {words}": (query, engine)
    for engine in ("sqlite", "postgresql")
    for query, words in (("one day", "one day"), ("heavy", "90 days"))
}


def pooled(seen: Evidence) -> Verdict | None:
    """The lesser of two engines and of two queries: it is said of a pool, and not of one of them."""
    sizes = {where: concurrency.pool_sizes(seen, *place) for where, place in _POOLS.items()}
    effects = {
        where: concurrency.of_pool_size(seen, *_POOLS[where], there[-1], there[0])
        for where, there in sizes.items()
        if len(there) > 1
    }
    known = {where: one for where, one in effects.items() if one is not None}
    if len(known) < len(_POOLS):
        return None
    least = furthest(known, min)
    each = ", ".join(f"{where}: {one.value:.2f}x" for where, one in known.items())
    largest, smallest = (sizes[least.value_of][end] for end in (-1, 0))
    said = f"{largest} connections against {smallest}, the least of {len(known)} ({least.named}); {each}"
    return costing(at_least(least, 1.2, said=said), "a thread and a cache each; on a server a process and its memory")


def pool_size(seen: Evidence) -> Verdict | None:
    """An optimum lies inside of the range that was tried: better than the smallest pool, and than the largest."""
    effects = {}
    for where, (query, engine) in _POOLS.items():
        if engine == "postgresql":  # the claim is about the pool of a server
            best, sizes = (
                concurrency.best_inner_pool_size(seen, query, engine),
                concurrency.pool_sizes(seen, query, engine),
            )
            if best is None:
                return None
            for end in (sizes[0], sizes[-1]):
                of = concurrency.of_pool_size(seen, query, engine, best, end)
                effects[f"{best} connections against {end}, {where}"] = of
    known = {against: one for against, one in effects.items() if one is not None}
    if len(known) < len(effects):
        return None
    least = furthest(known, min)
    return at_least(least, 1.1, said=f"the least that the best pool between gains over the ends ({least.named})")


def postgresql(seen: Evidence) -> Verdict | None:
    """In each of its places: what is better only against a journal that nobody has to use is not better."""
    effects = concurrency.postgresql_with_writers(seen)
    known = {where: one for where, one in effects.items() if one is not None}
    if not known or len(known) < len(effects):
        return None
    least, better = furthest(known, min), sum(one.value >= _BETTER for one in known.values())
    said = f"of readers while others write, the least of {len(known)} ({least.named}); {better} are above {_BETTER}x"
    return costing(at_least(least, _BETTER, said=said), "a server to run")
