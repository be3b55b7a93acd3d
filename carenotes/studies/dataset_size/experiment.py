"""Notebook 03: how the time of one query grows with the data, and with the size of a row."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from time import perf_counter

from carenotes.aggregators import AGGREGATORS
from carenotes.backends import open_database
from carenotes.lab.comparison import Comparison, Entry, compare_together, distinct_queries, entry
from carenotes.lab.conditions import Condition, Value, condition
from carenotes.lab.notes.copies import Copies
from carenotes.lab.notes.isolation import attacked
from carenotes.lab.notes.stored import bytes_of
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Study
from carenotes.lab.statistics.verdicts import Fields
from carenotes.queries import StatsQuery

NOTEBOOK = "03_dataset_size"
GROWTH, ROW_SIZE = "growth", "row size"  # experiments
ISOLATION = "isolation"
GROWING = (("naive", "none"), ("naive", "covering"), ("single_pass", "covering"), ("pushdown", "covering"))
WIDENED = (("naive", "none"), ("naive", "covering"), ("pushdown", "none"), ("pushdown", "covering"))
# Beside them, on other engines: an aggregator, an engine and a design.
BESIDE = (("pushdown", "duckdb", "none"), ("pushdown", "postgresql", "covering"))
LONGEST_QUERY = 2.0  # seconds; a configuration that would pass them at a size is skipped there, and said to be


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


def measured(
    study: Study,
    notes: Copies,
    sizes: Sequence[int],
    row_size_notes: int,
    characters: Sequence[int],
    days: int,
    rounds: int,
) -> dict[str, Measured]:
    """How the time grows with the notes, and with the size of the rows of fewer of them, in the same rounds."""
    comparisons = {
        GROWTH: partial(growth, study, notes, sizes, days),
        ROW_SIZE: partial(row_size, notes, row_size_notes, characters, study.random_seed, days),
    }
    return compare_together(study, comparisons, rounds)


def growth(study: Study, notes: Copies, sizes: Sequence[int], days: int) -> Comparison:
    """Each configuration at each size that it can bear, on the same queries."""
    every = {size: _at(notes.resized(size)) for size in sizes}
    # Whoever is in the fewest notes is in all.
    stream = distinct_queries(notes.resized(min(sizes)), study.random_seed, days)
    too_long = study.fact("growth/skipped", lambda: _too_long(every, stream(1)[0]))
    skipped = {condition(**fields) for fields, _ in too_long}
    there = [one for entries in every.values() for one in entries if one.condition not in skipped]
    baseline = condition(aggregator="naive", engine=notes.backend, design="covering", notes=max(sizes))
    return Comparison(there, stream, baseline=baseline)


def skipped(study: Study) -> dict[Condition, float]:
    """The seconds a query that each condition would have taken which was skipped."""
    return {condition(**fields): seconds for fields, seconds in study.known("growth/skipped") or ()}


def _too_long(every: Mapping[int, Sequence[Entry]], query: StatsQuery) -> list[tuple[dict[str, Value], float]]:
    """The fields of each condition that is to be skipped, and its seconds; found out size by size."""
    expected: dict[Condition, float] = {}  # of each configuration at the next size
    found: list[tuple[dict[str, Value], float]] = []
    for size, following in pairwise([*every, max(every)]):
        for one in every[size]:
            configuration = one.condition.without("notes")
            if expected.get(configuration, 0.0) > LONGEST_QUERY:
                found.append((one.condition.fields(), round(expected[configuration], 1)))
                expected[configuration] *= following / size
            else:
                expected[configuration] = _seconds(one, query) * following / size
    return found


def _seconds(one: Entry, query: StatsQuery) -> float:
    engine = open_database(one.notes.url(one.design), read_only=True)
    try:
        with engine.connect() as connection:
            began = perf_counter()
            one.execute(connection, query)
            return perf_counter() - began
    finally:
        engine.dispose()  # a DuckDB file is open in one process at a time, and workers come next


def _at(notes: Copies) -> list[Entry]:
    every = [entry(notes, design, name) for name, design in GROWING]
    for name, engine, design in beside(notes.backend):
        if notes.possible_on(engine):
            there = notes.on(engine)
            every.append(entry(there, design, name, oracle=notes))
            there.close()
    return every


def beside(engine: str) -> list[tuple[str, str, str]]:
    """What is beside the growing ones when the notes are on this engine, and is none of them."""
    return [(name, other, design) for name, other, design in BESIDE if (name, design) not in GROWING or other != engine]


def configurations(engine: str) -> list[Fields]:
    """What grows when the notes are on this engine."""
    places = [*((name, engine, design) for name, design in GROWING), *beside(engine)]
    return [{"aggregator": name, "engine": one, "design": design} for name, one, design in places]


def row_size(notes: Copies, count: int, characters: Sequence[int], random_seed: int, days: int) -> Comparison:
    """Configurations that read rows and such that read an index, over the characters of the text of each note."""
    fewer = notes.resized(count)
    wider = {length: fewer.wider(length) for length in characters}
    entries = [
        entry(some, design, name, characters=length) for length, some in wider.items() for name, design in WIDENED
    ]
    there: dict[str, Value] = {"engine": fewer.backend, "notes": fewer.population.notes}
    baseline = condition(aggregator="naive", design="covering", **there, characters=max(characters))
    # Further: the longest texts against the shortest.
    return Comparison(entries, distinct_queries(fewer, random_seed, days), baseline=baseline, further=len(WIDENED))


def isolation(study: Study, notes: Copies) -> dict[str, int]:
    """Attacks on the wall between tenants, by the fast path where the table is largest: how many, how many hit."""

    def find() -> dict[str, int]:
        with notes.engine(notes.best_design).connect() as connection:
            return attacked(connection, AGGREGATORS["pushdown"], notes.population)

    found: dict[str, int] = study.fact(ISOLATION, find)
    study.checked(ISOLATION, "pushdown", **found)
    return found
