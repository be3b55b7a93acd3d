"""Notebook 06: how fast an exact answer can be, at any number of notes: the rollup and its pyramid, read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

from sqlalchemy import Connection, func, select

from carenotes.aggregators import AGGREGATORS
from carenotes.lab.comparison import Comparison, Entry, Stream, distinct_queries, entry, floor, plans
from carenotes.lab.conditions import condition
from carenotes.lab.notes.isolation import attacked
from carenotes.lab.notes.stored import facts
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Plan, Study
from carenotes.queries import StatsQuery
from carenotes.rollup.tables import NODES
from carenotes.studies.rollups import cached, sketched
from carenotes.studies.rollups.place import ROLLUP, SERVER, Place, RolledUp, Sizes
from carenotes.studies.rollups.rivals import RIVALS
from carenotes.studies.rollups.rivals.held import HeldClient, Holding, memory_of

NOTEBOOK = "06_rollups"
SLOW_TO_FAST = ("naive", "pushdown", "rollup", "pyramid")  # from slow to fast
READ_NOTES = ("naive", "pushdown")  # of these; the others read what was worked out beforehand
GROWING = ("pushdown", "rollup", "pyramid")
SKETCHES, CACHE, ISOLATION = "sketches", "cache", "isolation"
GROWN = ("notes", "patients", "facilities", "tenants")  # what grows, each alone
LONGEST_SAMPLE = 0.05  # seconds of the slowest condition: there are many conditions, and many periods


def period(days: int) -> str:
    """The experiment about so many days."""
    return f"period/{days} d"


def on_server(days: int) -> str:
    """The same on the server."""
    return f"server/{days} d"


def growth(of: str) -> str:
    """The experiment in which something grows."""
    return f"growth/{of}"


def data_facts(study: Study, where: Place) -> dict[str, Any]:
    """Counts, days and digest of the notes."""
    return study.dataset("asked", lambda: facts(where.notes))


def measured(study: Study, where: Place, sizes: Sizes, rounds: int) -> dict[str, Measured]:
    """Every experiment, in the same rounds."""
    seed = study.random_seed
    comparisons: dict[str, Callable[[], Comparison]] = {
        period(days): partial(by_period, study, where, sizes, seed, days) for days in sizes.days
    }
    if is_on_server(study, where):
        comparisons |= {
            on_server(days): partial(of_server, study, where, sizes, seed, days) for days in told(sizes.days)
        }
    comparisons |= {growth(of): partial(grown, where, sizes, of, seed) for of in GROWN}
    others: dict[str, Plan] = {
        SKETCHES: partial(sketched.experiment, where.notes, seed, max(sizes.days)),
        CACHE: partial(cached.experiment, where.notes, seed, sizes.growth_days, study.rounds_of(CACHE, rounds)),
    }
    return study.run({**plans(study, comparisons, rounds), **others}, rounds)


def sketch_errors(study: Study, where: Place, sizes: Sizes) -> dict[str, dict[str, float]]:
    """How far each sketch is from the truth (see `sketched.errors`)."""
    found: dict[str, dict[str, float]] = study.fact(
        "sketches/errors", partial(sketched.errors, where.notes, study.random_seed, sizes.days)
    )
    return found


def is_on_server(study: Study, where: Place) -> bool:
    """Whether there is a server to compare on."""
    there: bool = study.fact("server", lambda: where.notes.possible_on(SERVER))
    return there


def periods(found: Mapping[str, Measured], of: Callable[[int], str], days: Sequence[int]) -> dict[int, Measured]:
    """The comparisons among what was `measured`, by the days that their queries are about."""
    return {one: found[of(one)] for one in days if of(one) in found}


def told(days: Sequence[int]) -> list[int]:
    """The shortest, the middle and the longest of some periods: those that are told in sentences, and on the server."""
    there = sorted(days)
    return sorted({there[0], there[len(there) // 2], there[-1]})


def possible(study: Study) -> list[str]:
    """The names of the rivals that are installed here, or were where this was measured."""
    found: list[str] = study.fact("rivals", lambda: [one.name for one in RIVALS if one.is_possible])
    return found


def by_period(study: Study, where: Place, sizes: Sizes, seed: int, days: int) -> Comparison:
    """From slow to fast on SQLite, the floor, and every rival that is installed, on queries about so many days."""
    notes, stream = where.notes, distinct_queries(where.notes, seed, days)
    entries = _bearable(study, notes, stream, period(days), sizes.longest_milliseconds)
    held = {one.name: one.of(where.file) for one in RIVALS if one.name in possible(study)}
    entries += [_of_rival(name, what, notes, tuple(held.values())) for name, what in held.items()]
    return _levelled(entries, stream)


def of_server(study: Study, where: Place, sizes: Sizes, seed: int, days: int) -> Comparison:
    """From slow to fast on the server, and the floor there."""
    stream = distinct_queries(where.notes, seed, days)
    entries = _bearable(study, where.server, stream, on_server(days), sizes.longest_milliseconds)
    return _levelled([replace(one, oracle=where.notes) for one in entries], stream)


def _levelled(entries: Sequence[Entry], stream: Stream) -> Comparison:
    """The pyramid is what all are compared with."""
    [pyramid] = [one.condition for one in entries if one.condition.aggregator == "pyramid"]
    return Comparison(entries, stream, baseline=pyramid, longest=LONGEST_SAMPLE, levelled=True)


def _plain(one: Entry) -> Entry:
    """All are on the one design; what sends it often enough is found out."""
    return replace(one, condition=one.condition.without("design"), repeats=1)


def _of_rival(name: str, what: Holding, notes: RolledUp, beside: Sequence[Holding]) -> Entry:
    of = condition(held=name, notes=notes.population.notes)
    return Entry(of, what, notes, ROLLUP, client=partial(HeldClient, beside=beside))


def _bearable(study: Study, notes: RolledUp, stream: Stream, name: str, longest: int) -> list[Entry]:
    """The aggregators, but for those that a query takes too long by, and the floor."""
    too_long = study.fact(f"{name}/skipped", lambda: _too_long(notes, stream(1)[0], longest))
    there = [entry(notes, ROLLUP, one) for one in SLOW_TO_FAST if one not in too_long]
    return [_plain(one) for one in (*there, floor(notes, ROLLUP))]


def _too_long(notes: RolledUp, query: StatsQuery, longest: int) -> dict[str, float]:
    """The seconds that a query takes by each of those that read notes, where that is too long."""
    with notes.engine(ROLLUP).connect() as connection:
        took = {name: min(_seconds(connection, name, query) for _ in range(2)) for name in READ_NOTES}
    return {name: round(seconds, 2) for name, seconds in took.items() if 1_000 * seconds > longest}


def _seconds(connection: Connection, name: str, query: StatsQuery) -> float:
    began = perf_counter()
    with connection.begin():
        AGGREGATORS[name](connection, query)
    return perf_counter() - began


def skipped(study: Study, name: str) -> dict[str, float]:
    """The seconds a query of the aggregators that an experiment is without."""
    return dict(study.known(f"{name}/skipped") or {})


def skipped_in(study: Study, of: Callable[[int], str], days: Sequence[int]) -> dict[int, dict[str, float]]:
    """The same of the comparisons over several periods."""
    return {one: skipped(study, of(one)) for one in days}


def grown(where: Place, sizes: Sizes, of: str, seed: int) -> Comparison:
    """The same queries on ever more notes; or on as many notes, of ever more patients, facilities or tenants."""
    every = {size: where.grown(sizes.notes_where(of, size), of, size) for size in sizes.along(of)}
    entries = [_of_size(entry(there, ROLLUP, name), of, size) for size, there in every.items() for name in GROWING]
    stream = _of_all_facilities(every[min(every)], seed, sizes.growth_days)
    baseline = entries[-1].condition
    return Comparison(entries, stream, baseline=baseline, longest=LONGEST_SAMPLE, levelled=True)


def _of_size(one: Entry, of: str, size: int) -> Entry:
    """With what has grown in its record, where that has no field of its own."""
    beside = () if of == "notes" else ((of, size),)
    return replace(one, condition=replace(one.condition, particular=beside))


def _of_all_facilities(notes: RolledUp, seed: int, days: int) -> Stream:
    """Distinct queries about all facilities: whoever is among the fewest is among all, and facilities are not."""

    def stream(count: int) -> list[StatsQuery]:
        some = distinct_queries(notes, seed, days)(4 * count)
        every = list(dict.fromkeys(StatsQuery(one.tenant_id, one.first_day, one.last_day) for one in some))
        return [every[place % len(every)] for place in range(count)]

    return stream


def memory(study: Study, where: Place) -> dict[str, dict[str, int]]:
    """What each rival holds in memory, in bytes: its `data`, and what its `process` grew by."""
    found: dict[str, dict[str, int]] = study.fact("memory", partial(_memory, where, possible(study)))
    return found


def _memory(where: Place, names: Sequence[str]) -> dict[str, dict[str, int]]:
    those = [one.of(where.file) for one in RIVALS if one.name in names]
    return dict(zip(names, memory_of(those), strict=True))


def nodes(study: Study, where: Place) -> dict[str, int]:
    """How many nodes the rollup has, and the bytes of what they hold: of all, and of their patients alone."""
    found: dict[str, int] = study.fact("nodes", partial(_nodes, where.notes))
    return found


def _nodes(notes: RolledUp) -> dict[str, int]:
    of = NODES.c
    patients = func.sum(func.length(of.patients))
    with notes.engine(ROLLUP).connect() as connection:
        asked = select(func.count(), patients, patients + func.sum(func.length(of.labels) + func.length(of.counts)))
        count, sets, every = connection.execute(asked).one()
    return {"nodes": count, "patients": int(sets), "bytes": int(every)}


def isolation(study: Study, where: Place) -> dict[str, int]:
    """Attacks on the wall between tenants, by the pyramid: how many, how many hit."""

    def find() -> dict[str, int]:
        with where.notes.engine(ROLLUP).connect() as connection:
            return attacked(connection, AGGREGATORS["pyramid"], where.notes.population)

    found: dict[str, int] = study.fact(ISOLATION, find)
    study.checked(ISOLATION, "pyramid", **found)
    return found
