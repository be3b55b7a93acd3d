"""What a speedup saves, and what it costs: the words that decisions share."""

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
