"""Notebook 03: how the price of one query grows with the data, and with the width of a row."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from time import perf_counter

from carenotes.aggregators import AGGREGATORS
from carenotes.backends import open_database
from carenotes.lab.comparison import Comparison, Condition, compare_together, distinct_queries
from carenotes.lab.notes.datasets import Copies, bytes_of
from carenotes.lab.notes.isolation import attacked
from carenotes.lab.runner.study import Measured, Study
from carenotes.lab.statistics.estimates import Estimate, medians, slope
from carenotes.lab.statistics.fits import Line, line
from carenotes.queries import StatsQuery
from carenotes.studies.one_query.experiment import ON_DUCKDB

NOTEBOOK = "03_dataset_size"
GROWTH, WIDTH = "growth", "row width"  # experiments
ISOLATION = "isolation"
CONFIGURATIONS: dict[str, tuple[str, str]] = {  # an aggregator and an index plan
    "naive, no index": ("naive", "none"),
    "naive, covering index": ("naive", "covering"),
    "single_pass, covering index": ("single_pass", "covering"),
    "pushdown, covering index": ("pushdown", "covering"),
}
WIDTH_CONFIGURATIONS: dict[str, tuple[str, str]] = {
    "naive, no index": ("naive", "none"),
    "naive, covering index": ("naive", "covering"),
    "pushdown, no index": ("pushdown", "none"),
    "pushdown, covering index": ("pushdown", "covering"),
}


def sizes_there(study: Study, notes: Copies, sizes: Sequence[int]) -> list[int]:
    """Those of the sizes that the notes reach; all of them when the notes are made from a seed."""
    there: int = study.fact("notes there", lambda: min(max(sizes), notes.most()))
    return [size for size in sorted(sizes) if size <= there] or [there]


def data_facts(study: Study, notes: Copies, sizes: Sequence[int]) -> dict[str, dict[str, int]]:
    """What grows and what does not: notes, tenants, facilities, days, and bytes of the file, for each size."""
    return {f"{size:,} notes": study.fact(f"size/{size}", partial(_facts, notes, size)) for size in sizes}


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


LONGEST_QUERY = 2.0  # seconds; a configuration that would pass them at a size is skipped there, and said to be


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
    """Each configuration at each size that it can bear, on the same queries; conditions are named `configuration/size`."""
    skipped = skipped_sizes(study, notes, sizes, days)
    every = [one for size in sizes for one in _at(notes.resized(size), size)]
    # Whoever is in the fewest notes is in all.
    stream = distinct_queries(notes.resized(min(sizes)), study.random_seed, days)
    there = [one for one in every if one.name not in skipped]
    return Comparison(there, stream, baseline=f"naive, covering index/{max(sizes)}")


def skipped_sizes(study: Study, notes: Copies, sizes: Sequence[int], days: int) -> dict[str, float]:
    """The seconds a query that each condition would have taken which is skipped; found out size by size."""
    found: dict[str, float] = study.fact("growth/skipped", lambda: _too_long(study, notes, sizes, days))
    return found


def _too_long(study: Study, notes: Copies, sizes: Sequence[int], days: int) -> dict[str, float]:
    asked = distinct_queries(notes.resized(min(sizes)), study.random_seed, days)(1)[0]
    expected: dict[str, float] = {}  # of each configuration at the next size
    skipped: dict[str, float] = {}
    for size, following in pairwise([*sizes, sizes[-1]]):
        for one in _at(notes.resized(size), size):
            configuration = one.name.rpartition("/")[0]
            if expected.get(configuration, 0.0) > LONGEST_QUERY:
                skipped[one.name] = round(expected[configuration], 1)
                expected[configuration] *= following / size
                continue
            expected[configuration] = _seconds(one, asked) * following / size
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

    found: dict[str, int] = study.fact(ISOLATION, find)
    study.checked(ISOLATION, "pushdown", **found)
    return found


def lines(measured: Measured, configurations: Sequence[str], sizes: Sequence[int]) -> dict[str, Line]:
    """How each configuration grows: a fixed price and a price a note, over the sizes where it was measured (two or more)."""
    at = {configuration: _measured_at(measured, configuration, sizes) for configuration in configurations}
    return {configuration: line(measured.samples, there) for configuration, there in at.items() if len(there) > 1}


def last_decade(measured: Measured, configurations: Sequence[str], sizes: Sequence[int]) -> dict[str, Estimate]:
    """The power of the notes that each configuration grows as over the last decade of the sizes (two or more of them).

    One power over all of them would be none: where the fixed price weighs, time hardly grows; where the notes do, it
    grows as they do.
    """
    at = {configuration: _measured_at(measured, configuration, decade(sizes)) for configuration in configurations}
    return {configuration: slope(measured.samples, there) for configuration, there in at.items() if len(there) > 1}


def decade(sizes: Sequence[int]) -> list[int]:
    """The sizes from a tenth of the largest on."""
    return [size for size in sizes if 10 * size >= max(sizes)]


def _measured_at(measured: Measured, configuration: str, sizes: Sequence[int]) -> dict[str, float]:
    there = set(medians(measured.samples))
    return {f"{configuration}/{size}": float(size) for size in sizes if f"{configuration}/{size}" in there}


def _at(notes: Copies, size: int) -> list[Condition]:
    configurations = [
        Condition(f"{configuration}/{size}", AGGREGATORS[name], notes, plan)
        for configuration, (name, plan) in CONFIGURATIONS.items()
    ]
    return [
        *configurations,
        Condition(f"{ON_DUCKDB}/{size}", AGGREGATORS["pushdown"], notes.on("duckdb"), "none", truth=notes),
    ]


def row_width(notes: Copies, lengths: Sequence[int], seed: int, days: int) -> Comparison:
    """Rungs that read rows and configurations that read an index, over lengths of the text; conditions are `configuration/length`."""
    wider = {length: notes.wider(length) for length in lengths}
    conditions = [
        Condition(f"{configuration}/{length}", AGGREGATORS[name], some, plan)
        for length, some in wider.items()
        for configuration, (name, plan) in WIDTH_CONFIGURATIONS.items()
    ]
    baseline = f"naive, covering index/{max(lengths)}"
    stream = distinct_queries(notes, seed, days)
    # Further: the longest texts against the shortest.
    return Comparison(conditions, stream, baseline=baseline, further=len(WIDTH_CONFIGURATIONS))
