"""What notebook 03 finds, by name, for whoever judges claims: on the engine that the notes are on."""

from carenotes.backends import BACKENDS
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Evidence, Fields
from carenotes.studies.dataset_size.experiment import GROWTH, ISOLATION, NOTEBOOK, configurations

Place = tuple[str, str]  # an engine, and the design that its fast path is on


def place(seen: Evidence) -> Place | None:
    """The engine that the notes are on, and its best design; None when nothing was measured.

    `naive` is asked on that engine alone.
    """
    engine = seen.engine(NOTEBOOK, GROWTH, aggregator="naive")
    return None if engine is None else (engine, BACKENDS[engine].BEST_DESIGN)


def _first(engine: str) -> Fields:
    return {"aggregator": "naive", "engine": engine, "design": "none"}


def _fast(engine: str, design: str) -> Fields:
    return {"aggregator": "pushdown", "engine": engine, "design": design}


def at_most_notes(seen: Evidence) -> Estimate | None:
    """How many times faster `pushdown` on the best design is than `naive` without an index, where the table is largest.

    Of the sizes at which both were measured.
    """
    where = place(seen)
    if where is None:
        return None
    first, fast = _first(where[0]), _fast(*where)
    both = sorted(set(_sizes(seen, where[0], first)) & set(_sizes(seen, where[0], fast)))
    if not both:
        return None
    return seen.speedup(NOTEBOOK, GROWTH, {**fast, "notes": both[-1]}, {**first, "notes": both[-1]})


def exponent(seen: Evidence, steps: int | None = None) -> Estimate | None:
    """The scaling exponent of `pushdown` on the best design over all sizes, or over the last so many steps."""
    where, there = place(seen), sizes(seen)
    if where is None:
        return None
    last = there if steps is None else there[-steps - 1 :]
    return seen.exponent(NOTEBOOK, GROWTH, [{**_fast(*where), "notes": size} for size in last])


def sizes(seen: Evidence) -> list[int]:
    """The numbers of notes at which `pushdown` on the best design was measured, from small to large."""
    where = place(seen)
    return _sizes(seen, where[0], _fast(*where)) if where else []


def _sizes(seen: Evidence, engine: str, of: Fields) -> list[int]:
    return list(seen.along(NOTEBOOK, GROWTH, "notes", of, configurations(engine)))


def wrong(seen: Evidence) -> tuple[str, ...]:
    """The conditions that gave a wrong answer at some size."""
    return seen.measured(NOTEBOOK, GROWTH).failed


def attacks(seen: Evidence) -> dict[str, int] | None:
    """Attacks on the isolation of tenants: `queries`, and how many came through (`wrong`)."""
    found: dict[str, int] | None = seen.fact(NOTEBOOK, ISOLATION)
    return found
