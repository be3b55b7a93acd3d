"""What decides the claims about the cache."""

from carenotes.lab.statistics.verdicts import Evidence, Verdict, at_least, at_most, costing, counted
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.original.decisions.prices import STALE
from carenotes.studies.cache import effects as cache


def hit_time(seen: Evidence) -> Verdict | None:
    """How long a hit of the original's cache takes."""
    hit = cache.hit_latency(seen)
    return None if hit is None else costing(at_most(hit, 50e-6, "seconds", "the original's own scheme"), STALE)


def hit_speedup(seen: Evidence) -> Verdict | None:
    """What a hit is over the original's first program."""
    effect, best = cache.hit_over_original(seen), cache.hit_over_pushdown(seen)
    if effect is None or best is None:
        return None
    said = f"over its own first program; {best.value:,.0f}x over the best answer without a cache"
    return costing(at_least(effect, ORIGINAL_FIGURES["hit"]["speedup"], said=said), STALE)


def ttl(seen: Evidence) -> Verdict | None:
    """Whether entries expire in time."""
    said = cache.fault(seen, "the wall clock jumps")
    if said is None:
        return None
    return counted(not said, f"while the clock runs evenly, yes; {said or 'and when it jumps, too'}")


def keys(seen: Evidence) -> Verdict | None:
    """Whether each query gets its own answer."""
    said = cache.fault(seen, "odd tenants and facilities")
    return None if said is None else counted(not said, said or "each query got its own answer")


def no_stampede(seen: Evidence) -> Verdict | None:
    """Whether a cold key is loaded once, however many ask for it."""
    said, others = cache.fault(seen, "1,000 callers of a cold key"), cache.faults_not_survived(seen)
    if said is None:
        return None
    return counted(not said, said or f"one load for 1,000 callers; {others} other faults it does not survive")


def double_check(seen: Evidence) -> Verdict | None:
    """Whether double-checked locking saves loads."""
    found = cache.stampede(seen)
    if found is None:
        return None
    callers, double_checked, checked_once = found
    said = f"{callers:,} callers: {double_checked:,} load with double-checked locking, {checked_once:,} without"
    return counted(double_checked < checked_once, said)
