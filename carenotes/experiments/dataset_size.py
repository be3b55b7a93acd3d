"""Notebook 03: how the price of one question grows with the data, and with the width of a row."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from time import perf_counter

from carenotes.aggregators import AGGREGATORS
from carenotes.databases import open_database
from carenotes.experiments.one_question import ON_DUCKDB
from carenotes.lab.datasets import Copies, bytes_of
from carenotes.lab.estimates import Estimate, medians, slope
from carenotes.lab.fits import Line, line
from carenotes.lab.isolation import attacked
from carenotes.lab.ladder import Comparison, Condition, compare_together, distinct_questions
from carenotes.lab.study import Measured, Study
from carenotes.questions import StatsQuery

NOTEBOOK = "03_dataset_size"
GROWTH, WIDTH = "growth", "row width"  # experiments
ISOLATION = "isolation"
RUNGS: dict[str, tuple[str, str]] = {  # an aggregator and an index plan
    "naive, no index": ("naive", "none"),
    "naive, covering index": ("naive", "covering"),
    "single_pass, covering index": ("single_pass", "covering"),
    "pushdown, covering index": ("pushdown", "covering"),
}
WIDTH_RUNGS: dict[str, tuple[str, str]] = {
    "naive, no index": ("naive", "none"),
    "naive, covering index": ("naive", "covering"),
    "pushdown, no index": ("pushdown", "none"),
    "pushdown, covering index": ("pushdown", "covering"),
}


def sizes_there(study: Study, notes: Copies, sizes: Sequence[int]) -> list[int]:
    """Those of the sizes that the notes reach; all of them when the notes are made from a seed."""
    there: int = study.finding("notes there", lambda: min(max(sizes), notes.most()))
    return [size for size in sorted(sizes) if size <= there] or [there]


def data_facts(study: Study, notes: Copies, sizes: Sequence[int]) -> dict[str, dict[str, int]]:
    """What grows and what does not: notes, tenants, facilities, days, and bytes of the file, for each size."""
    return {f"{size:,} notes": study.finding(f"size/{size}", partial(_facts, notes, size)) for size in sizes}


def _facts(notes: Copies, size: int) -> dict[str, int]:
    some = notes.resized(size)
    who = some.population
    return {
        "tenants": len(who.tenants),
        "facilities": len(who.sizes),
        "days": (who.last_day - who.first_day).days + 1,
        "bytes without an index": bytes_of(some, "none"),
        "bytes with the covering index": bytes_of(some, "covering"),
    }


LONGEST_QUESTION = 2.0  # seconds; a rung that would pass them at a size is skipped there, and said to be


def measured(
    study: Study, notes: Copies, sizes: Sequence[int], width_notes: int, widths: Sequence[int], days: int, rounds: int
) -> dict[str, Measured]:
    """How the price grows with the notes, and with the width of fewer of them, in the same rounds."""
    fewer = notes.resized(width_notes)
    comparisons = {
        GROWTH: growth(study, notes, sizes, days),
        WIDTH: row_width(fewer, widths, study.random_seed, days),
    }
    return compare_together(study, comparisons, rounds)


def growth(study: Study, notes: Copies, sizes: Sequence[int], days: int) -> Comparison:
    """Each rung at each size that it can bear, on the same questions; conditions are named `rung/size`."""
    skipped = skipped_sizes(study, notes, sizes, days)
    every = [one for size in sizes for one in _at(notes.resized(size), size)]
    # Whoever is in the fewest notes is in all.
    stream = distinct_questions(notes.resized(min(sizes)), study.random_seed, days)
    there = [one for one in every if one.name not in skipped]
    return Comparison(there, stream, baseline=f"naive, covering index/{max(sizes)}")


def skipped_sizes(study: Study, notes: Copies, sizes: Sequence[int], days: int) -> dict[str, float]:
    """The seconds a question that each condition would have taken which is skipped; found out size by size."""
    found: dict[str, float] = study.finding("growth/skipped", lambda: _too_long(study, notes, sizes, days))
    return found


def _too_long(study: Study, notes: Copies, sizes: Sequence[int], days: int) -> dict[str, float]:
    asked = distinct_questions(notes.resized(min(sizes)), study.random_seed, days)(1)[0]
    expected: dict[str, float] = {}  # of each rung at the next size
    skipped: dict[str, float] = {}
    for size, following in pairwise([*sizes, sizes[-1]]):
        for one in _at(notes.resized(size), size):
            rung = one.name.rpartition("/")[0]
            if expected.get(rung, 0.0) > LONGEST_QUESTION:
                skipped[one.name] = round(expected[rung], 1)
                expected[rung] *= following / size
                continue
            expected[rung] = _seconds(one, asked) * following / size
    return skipped


def _seconds(one: Condition, asked: StatsQuery) -> float:
    engine = open_database(one.notes.url(one.plan), read_only=True)
    try:
        with engine.connect() as connection:
            began = perf_counter()
            one.ask(connection, asked)
            return perf_counter() - began
    finally:
        engine.dispose()  # a DuckDB file is open in one process at a time, and workers come next


def isolation(study: Study, notes: Copies) -> dict[str, int]:
    """Attacks on the wall between tenants, by the fast path where the table is largest: how many, how many hit."""

    def find() -> dict[str, int]:
        with notes.engine(notes.best_plan).connect() as connection:
            return attacked(connection, AGGREGATORS["pushdown"], notes.population)

    found: dict[str, int] = study.finding(ISOLATION, find)
    study.checked(ISOLATION, "pushdown", **found)
    return found


def lines(measured: Measured, rungs: Sequence[str], sizes: Sequence[int]) -> dict[str, Line]:
    """How each rung grows: a fixed price and a price a note, over the sizes where it was measured (two or more)."""
    at = {rung: _measured_at(measured, rung, sizes) for rung in rungs}
    return {rung: line(measured.samples, there) for rung, there in at.items() if len(there) > 1}


def last_decade(measured: Measured, rungs: Sequence[str], sizes: Sequence[int]) -> dict[str, Estimate]:
    """The power of the notes that each rung grows as over the last decade of the sizes (two or more of them).

    One power over all of them would be none: where the fixed price weighs, time hardly grows; where the notes do, it
    grows as they do.
    """
    at = {rung: _measured_at(measured, rung, decade(sizes)) for rung in rungs}
    return {rung: slope(measured.samples, there) for rung, there in at.items() if len(there) > 1}


def decade(sizes: Sequence[int]) -> list[int]:
    """The sizes from a tenth of the largest on."""
    return [size for size in sizes if 10 * size >= max(sizes)]


def _measured_at(measured: Measured, rung: str, sizes: Sequence[int]) -> dict[str, float]:
    there = set(medians(measured.samples))
    return {f"{rung}/{size}": float(size) for size in sizes if f"{rung}/{size}" in there}


def _at(notes: Copies, size: int) -> list[Condition]:
    rungs = [Condition(f"{rung}/{size}", AGGREGATORS[name], notes, plan) for rung, (name, plan) in RUNGS.items()]
    return [*rungs, Condition(f"{ON_DUCKDB}/{size}", AGGREGATORS["pushdown"], notes.in_duckdb(), "none", truth=notes)]


def row_width(notes: Copies, lengths: Sequence[int], seed: int, days: int) -> Comparison:
    """Rungs that read rows and rungs that read an index, over lengths of the text; conditions are `rung/length`."""
    wider = {length: notes.wider(length) for length in lengths}
    conditions = [
        Condition(f"{rung}/{length}", AGGREGATORS[name], some, plan)
        for length, some in wider.items()
        for rung, (name, plan) in WIDTH_RUNGS.items()
    ]
    baseline = f"naive, covering index/{max(lengths)}"
    stream = distinct_questions(notes, seed, days)
    # Further: the longest texts against the shortest.
    return Comparison(conditions, stream, baseline=baseline, further=len(WIDTH_RUNGS))
