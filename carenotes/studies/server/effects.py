"""Named effects of notebook 07: for whoever judges a claim or advises a measure, and knows no experiment."""

from collections.abc import Mapping

from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Evidence
from carenotes.studies.server.experiment import (
    AS_MEANT,
    BY_DESIGN,
    DELETED,
    DROPPED,
    INSERTS,
    NOTEBOOK,
    PRUNED,
    REMOVED,
    VACUUMED,
)
from carenotes.studies.server.place import MONTHS, PLAIN, SERVER


def of_design(seen: Evidence, aggregator: str, design: str) -> Estimate | None:
    """The speedup of an aggregator on a design over the same one without an index, on PostgreSQL."""
    fast, slow = ({"aggregator": aggregator, "design": one} for one in (design, "none"))
    return seen.speedup(NOTEBOOK, BY_DESIGN, fast, slow)


def of_indexes_as_meant(seen: Evidence, engine: str) -> Estimate | None:
    """The speedup of the original's own statement by its indexes as they were meant over no index."""
    fast, slow = (
        {"aggregator": "original_optimized", "engine": engine, "design": one} for one in ("original_meant", "none")
    )
    return seen.speedup(NOTEBOOK, AS_MEANT, fast, slow)


def of_range(seen: Evidence, engine: str) -> Estimate | None:
    """The speedup of a range on an index on tenant and time over the original's statement without an index."""
    fast = {"aggregator": "naive", "engine": engine, "design": "date"}
    slow = {"aggregator": "original_optimized", "engine": engine, "design": "none"}
    return seen.speedup(NOTEBOOK, AS_MEANT, fast, slow)


def of_partitions(seen: Evidence, months: int) -> Estimate | None:
    """The speedup of `pushdown` about so many months by partitions, over the plain table with the same index."""
    fast, slow = ({"aggregator": "pushdown", "design": one} for one in (MONTHS, PLAIN))
    return seen.speedup(NOTEBOOK, PRUNED[months], fast, slow)


def of_inserts_into_partitions(seen: Evidence) -> Estimate | None:
    """The speedup of an insert by partitions, over the plain table with the same index."""
    return seen.speedup(NOTEBOOK, INSERTS, {"design": MONTHS}, {"design": PLAIN})


def of_dropping_a_month(seen: Evidence, *, vacuumed: bool) -> Estimate | None:
    """The speedup of dropping a month's partition over deleting its notes, and vacuuming the table then."""
    slow = VACUUMED if vacuumed else DELETED
    return seen.speedup(NOTEBOOK, REMOVED, {"removal": DROPPED}, {"removal": slow})


def partitions_touched(seen: Evidence) -> Mapping[str, int] | None:
    """How many partitions there are, and how many a query touches: `there`, `1 months`, `12 months`."""
    found: Mapping[str, int] | None = seen.fact(NOTEBOOK, "partitions touched")
    return found or None


def times_the_table(seen: Evidence, design: str) -> float | None:
    """How many times as large the table with its indexes is under a design as without an index."""
    with_it, without = (seen.fact(NOTEBOOK, f"bytes/{one}") for one in (design, "none"))
    return with_it / without if with_it and without else None


__all__ = [
    "SERVER",
    "of_design",
    "of_dropping_a_month",
    "of_indexes_as_meant",
    "of_inserts_into_partitions",
    "of_partitions",
    "of_range",
    "partitions_touched",
    "times_the_table",
]
