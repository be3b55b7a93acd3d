"""What a speedup saves, what it costs, and how far it is from what matters: what decisions share."""

from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Evidence
from carenotes.studies.one_query import effects as one_query

STALE = "answers up to 30 s old, unbounded memory"


def saving(share: float) -> float:
    """The speedup that saves so much of the time."""
    return 1 / (1 - share)


def file_grows(seen: Evidence, design: str) -> str:
    """The price of a design on disk, in words; empty where it is not known."""
    larger = one_query.times_the_file(seen, design)
    return f"the file is {larger:.2f}x as large" if larger else ""


def in_units_of(one: Estimate, unit: float) -> Estimate:
    """How many times so large an effect is."""
    interval = one.interval and (one.interval[0] / unit, one.interval[1] / unit)
    return Estimate(one.value / unit, interval, one.rounds)
