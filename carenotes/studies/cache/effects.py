"""What notebook 04 finds, by name, for whoever judges claims."""

from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Evidence, Fields
from carenotes.studies.cache.caches import ORIGINALS
from carenotes.studies.cache.experiment import (
    DOUBLE_CHECKED,
    LATENCY,
    NOTEBOOK,
    ONE_CHECK,
    SPEEDUP,
    UNPAUSED,
)
from carenotes.studies.cache.faults import NO_WAY_TO_TELL

_HIT: Fields = {"cache": ORIGINALS}


def hit_latency(seen: Evidence) -> Estimate | None:
    """Seconds a hit of the original's scheme."""
    return seen.seconds(NOTEBOOK, LATENCY, _HIT)


def hit_over_original(seen: Evidence) -> Estimate | None:
    """The speedup of a hit of the original's scheme over its first program without the pause."""
    return seen.speedup(NOTEBOOK, SPEEDUP, _HIT, {"aggregator": "original_first", "pause": UNPAUSED})


def hit_over_pushdown(seen: Evidence) -> Estimate | None:
    """The speedup of a hit of the original's scheme over `pushdown` on the covering index, without a cache."""
    return seen.speedup(NOTEBOOK, SPEEDUP, _HIT, {"aggregator": "pushdown", "design": "covering"})


def fault(seen: Evidence, name: str) -> str | None:
    """What a fault does to the original's scheme: nothing (""), or what went wrong."""
    found = _faults(seen)
    return None if found is None else found[name]


def faults_not_survived(seen: Evidence) -> int | None:
    """How many faults the original's scheme does not survive, of those that it can be tried on."""
    found = _faults(seen)
    return None if found is None else sum(bool(one) and one != NO_WAY_TO_TELL for one in found.values())


def _faults(seen: Evidence) -> dict[str, str] | None:
    found: dict[str, str] | None = seen.fact(NOTEBOOK, f"faults/{ORIGINALS}")
    return found


def stampede(seen: Evidence) -> tuple[int, int, int] | None:
    """Most callers of a cold key; its loads with the original's double-checked locking, and with locks checked once."""
    double, single = (seen.fact(NOTEBOOK, f"stampede/{one}") for one in (DOUBLE_CHECKED, ONE_CHECK))
    if double is None or single is None:
        return None
    most = max(double, key=int)
    return int(most), int(double[most][0]), int(single[most][0])
