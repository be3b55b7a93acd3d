"""What notebook 03 finds, by name, for whoever judges claims."""

from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Evidence, Fields
from carenotes.studies.dataset_size.experiment import GROWTH, ISOLATION, NOTEBOOK

FIRST: Fields = {"aggregator": "naive", "engine": "sqlite", "design": "none"}
FAST: Fields = {"aggregator": "pushdown", "engine": "sqlite", "design": "covering"}


def at_most_notes(seen: Evidence) -> Estimate | None:
    """How many times faster `pushdown` on the covering index is than `naive` without one, where the table is largest.

    Of the sizes at which both were measured.
    """
    both = sorted(set(sizes(seen, FAST)) & set(sizes(seen, FIRST)))
    if not both:
        return None
    return seen.speedup(NOTEBOOK, GROWTH, {**FAST, "notes": both[-1]}, {**FIRST, "notes": both[-1]})


def exponent(seen: Evidence, steps: int | None = None) -> Estimate | None:
    """The scaling exponent of `pushdown` on the covering index over all sizes, or over the last so many steps."""
    there = sizes(seen, FAST)
    last = there if steps is None else there[-steps - 1 :]
    return seen.exponent(NOTEBOOK, GROWTH, [{**FAST, "notes": size} for size in last])


def sizes(seen: Evidence, of: Fields = FAST) -> list[int]:
    """The numbers of notes at which a configuration was measured, from small to large."""
    return sorted(one.notes or 0 for one in seen.every(NOTEBOOK, GROWTH, **of).values())


def wrong(seen: Evidence) -> tuple[str, ...]:
    """The conditions that gave a wrong answer at some size."""
    return seen.measured(NOTEBOOK, GROWTH).failed


def attacks(seen: Evidence) -> dict[str, int] | None:
    """Attacks on the isolation of tenants: `queries`, and how many came through (`wrong`)."""
    found: dict[str, int] | None = seen.fact(NOTEBOOK, ISOLATION)
    return found
