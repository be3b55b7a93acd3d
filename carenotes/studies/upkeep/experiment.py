"""Notebook 08: what it costs to keep a fast answer true while people write."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from carenotes.aggregators import AGGREGATORS
from carenotes.lab.comparison import Comparison, Entry, entry, plans
from carenotes.lab.conditions import Condition, condition
from carenotes.lab.configurations.client import PILOT_QUERIES, parts_of
from carenotes.lab.configurations.writers import KEPT, Writing
from carenotes.lab.notes.copies import Copies, SeededNotes
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.notes.stored import facts
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Plan, Study
from carenotes.lab.runner.workers import TIMED, Maker
from carenotes.seeding import SeedSpec
from carenotes.studies.concurrency.served import stream_of
from carenotes.studies.one_query.inserts import Inserts
from carenotes.studies.upkeep import writes as written
from carenotes.studies.upkeep.freshness import Freshness
from carenotes.studies.upkeep.keeping import LATE, ONE, TODAY, Made, Refreshed
from carenotes.studies.upkeep.place import LOG, WRITTEN, Place, until_today
from carenotes.studies.upkeep.price import bytes_of_notes, bytes_of_way
from carenotes.studies.upkeep.readers import ReadersOfWhatIsKept
from carenotes.studies.upkeep.stack import ablation
from carenotes.studies.upkeep.ways import (
    CONCURRENTLY,
    COUNTED,
    INDEX,
    MARKED,
    NOTHING,
    REFRESHED,
    SQLITE,
    VIEWED,
    WAYS,
    WHOLE,
)  # fmt: skip
from carenotes.studies.upkeep.writes import BATCH, CORRECTED, DELETED, ONE_BY_ONE, RIGHT, Written

NOTEBOOK = "08_upkeep"
# Experiments.
WRITES, MAKING, REFRESHES, FRESH, READERS, ABLATION, WIDE_READS, WIDE_WRITES = (
    "writes", "making", "refreshes", "freshness", "readers while others write", "ablation", "wide rows read",
    "wide rows written",
)  # fmt: skip
READS = {1: "reads/1", 30: "reads/30"}  # experiments, by the days until today that a query is about
ACTS = (ONE_BY_ONE, BATCH, CORRECTED, DELETED)
AFTER = {REFRESHED: (ONE, TODAY, LATE), WHOLE: (ONE, TODAY), CONCURRENTLY: (ONE,)}
MARKS = "last day marked"  # `today`, of a rollup that answers the last day from notes
WIDE = 500  # characters of a note's text; else there is none
WIDENED = ("none", "covering")  # designs
_WRITERS, _NOTES_A_TRANSACTION = 1, 10
CLIENTS = 2  # readers


@dataclass(frozen=True)
class Sizes:
    """Parameters: queries in a sample, notes written in one, that wait for a refresh, and looked for in answers.

    `interval_milliseconds` lie between two refreshes, `reader_milliseconds` is how long readers are watched, who
    share so many queries in a sample; of the slow ones, of the ablation and of wide rows, a sample has `stack_queries`.
    """

    queries: int
    written: int
    waiting: int
    looked_for: int
    interval_milliseconds: int
    reader_queries: int
    reader_milliseconds: int
    stack_queries: int


def place(spec: SeedSpec, folder: Path) -> Place:
    """Where the notes of a spec are."""
    return Place(SeededNotes(spec, folder), folder)


def data_facts(study: Study, where: Place) -> dict[str, Any]:
    """Counts, days and digest of the notes, and how many notes a leaf of the rollup holds."""
    found = study.dataset("asked", lambda: facts(where.notes))
    return {**found, "notes a facility and day": study.fact("notes a leaf", partial(_notes_a_leaf, where))}


def _notes_a_leaf(where: Place) -> float:
    who = where.notes.population
    days = (who.last_day - who.first_day).days + 1
    return round(who.notes / (len(who.sizes) * days), 2)


def measured(study: Study, where: Place, sizes: Sizes, rounds: int) -> dict[str, Measured]:
    """Every experiment, in the same rounds."""
    seed, rounds_of = study.random_seed, partial(study.rounds_of, rounds=rounds)
    comparisons = {
        **{name: partial(reads, where, seed, days, sizes.queries) for days, name in READS.items()},
        ABLATION: partial(ablation, where, seed, sizes.stack_queries),
        WIDE_READS: partial(wide_reads, where, seed, sizes.stack_queries),
    }
    others: dict[str, Plan] = {
        WRITES: partial(writes, where, sizes.written),
        MAKING: partial(making, where),
        REFRESHES: partial(refreshes, where, sizes.waiting),
        FRESH: partial(freshness, where, sizes.looked_for, sizes.interval_milliseconds / 1_000),
        READERS: partial(readers, where, seed, sizes, rounds_of(READERS)),
        WIDE_WRITES: partial(wide_writes, where, sizes.written),
    }
    return study.run({**plans(study, comparisons, rounds), **others}, rounds)


def writes(where: Place, notes: int) -> Experiment:
    """What each way costs whoever writes: a note inserted alone and in a batch, corrected, deleted."""
    makers: dict[Condition, Maker] = {}
    for engine, way in where.ways():
        if way == VIEWED:  # nothing of it is done by a write
            continue
        for act in ACTS:
            of = condition(engine=engine, notes=where.notes.spec.notes, kept=way, act=act)
            makers[of] = partial(Written, where.url(engine, way, WRITTEN), act, notes, WAYS[way].aggregator)

    def right(of: Condition, _round: int, part: int) -> list[str]:
        return written.right(str(of.get("act")), notes, part)

    baseline = condition(engine=SQLITE, notes=where.notes.spec.notes, kept=INDEX, act=ONE_BY_ONE)
    # On each engine, for each act: two ways against the covering index; and for one act that against none.
    further = len(where.engines) * (2 * len(ACTS) + 1)
    return Experiment(makers, right, baseline, further)


def making(where: Place) -> Experiment:
    """What it takes to make each way from the notes that are there."""
    there = where.notes.spec.notes
    makers: dict[Condition, Maker] = {
        condition(engine=engine, notes=there, kept=way): partial(Made, where.url(engine, way, WRITTEN), way)
        for engine, way in where.ways()
        if WAYS[way].is_made
    }
    return Experiment(makers, lambda *_: [RIGHT])


def refreshes(where: Place, waiting: int) -> Experiment:
    """What it takes to bring each way up to date, after so many notes of today, of all days, or one."""
    there = where.notes.spec.notes
    makers: dict[Condition, Maker] = {}
    for engine, way in where.ways():
        for how in WAYS[way].refreshes:
            url = where.url(engine, way, WRITTEN)
            for after in AFTER[how]:
                of = condition(engine=engine, notes=there, kept=way, refresh=how, after=after)
                makers[of] = partial(Refreshed, url, way, how, 1 if after == ONE else waiting, late=after == LATE)
    return Experiment(makers, lambda *_: [RIGHT, RIGHT], further=len(makers))


def freshness(where: Place, notes: int, interval: float) -> Experiment:
    """How old answers are: views are computed anew at intervals, and so are marked days beside."""
    there = where.notes.spec.notes
    makers: dict[Condition, Maker] = {}
    for engine, way in where.ways():
        if way == NOTHING:
            continue
        refreshed: list[str | None] = [*WAYS[way].refreshes]
        for how in [None, *refreshed] if way == MARKED else refreshed or [None]:
            of = condition(engine=engine, notes=there, kept=way, refresh=how)
            url = where.url(engine, way, LOG)
            makers[of] = partial(Freshness, url, way, how, interval, notes)
    return Experiment(makers, lambda *_: [RIGHT, RIGHT])


def readers(where: Place, seed: int, sizes: Sizes, rounds: int) -> Experiment:
    """Readers in a closed loop while one other writes, by the way; the rollup with and without somebody refreshing."""
    notes = where.notes
    stream, truth = stream_of(notes, seed, 1, sizes.reader_queries, rounds), Truth(notes)
    truth.hold_oracles_equal(stream[:PILOT_QUERIES])
    what = Writing(_WRITERS, _NOTES_A_TRANSACTION, max(notes.population.tenants) + 1, notes.population.last_day)
    makers: dict[Condition, Maker] = {}
    for engine in where.engines:
        for way, how in ((INDEX, None), (MARKED, None), (MARKED, REFRESHED), (COUNTED, None)):
            of = condition(engine=engine, notes=notes.spec.notes, clients=CLIENTS, kept=way, refresh=how)
            url = where.url(engine, way, LOG)
            seconds = sizes.reader_milliseconds / 1_000
            makers[of] = partial(
                ReadersOfWhatIsKept, url, way, how, stream, CLIENTS, sizes.reader_queries, seconds, what
            )

    def right(_: Condition, round_number: int, part: int) -> list[str]:
        return [*map(truth.of, parts_of(stream, round_number, part, sizes.reader_queries)), KEPT]

    return Experiment(makers, right, next(iter(makers)))


def reads(where: Place, seed: int, days: int, queries: int) -> Comparison:
    """What a query gains by each way, of those that are about some days until today."""
    notes, entries = where.notes, list[Entry]()
    for engine, way in where.ways():
        if way == NOTHING:
            continue
        name, answers = _named(way), WAYS[way].aggregator
        entries.append(entry(where.kept(engine, way), WAYS[way].design, name, answers, oracle=notes, kept=way))
        if way == MARKED:
            marked = where.with_today_marked(engine)
            entries.append(entry(marked, WAYS[way].design, name, oracle=notes, kept=way, today=MARKS))
    stream = until_today(notes.population, seed, days)
    return Comparison(entries, stream, queries, baseline=entries[0].condition, further=len(entries))


def _named(way: str) -> str:
    names = {answer: name for name, answer in AGGREGATORS.items()}
    return names.get(WAYS[way].aggregator, "counted")


def wide_reads(where: Place, seed: int, queries: int) -> Comparison:
    """`pushdown` about a day where notes have a text of 500 characters, and where they have none."""
    entries = [
        entry(some, design, "pushdown", characters=characters)
        for characters, some in _by_width(where).items()
        for design in WIDENED
    ]
    stream = until_today(where.notes.population, seed, 1)
    return Comparison(entries, stream, queries, baseline=entries[-1].condition, further=len(entries))


def wide_writes(where: Place, notes: int) -> Experiment:
    """What the covering index costs an insert, where notes have a text and where they have none."""
    there = where.notes.spec.notes
    makers: dict[Condition, Maker] = {
        condition(engine=some.backend, design=design, notes=there, characters=characters): partial(
            Inserts, some.url(design), notes
        )
        for characters, some in _by_width(where).items()
        for design in WIDENED
    }

    def right(_of: object, _round: int, part: int) -> list[str]:
        return [str(notes if part == TIMED else max(1, notes // 10))]

    baseline = condition(engine=where.notes.backend, design="covering", notes=there, characters=WIDE)
    return Experiment(makers, right, baseline, further=len(makers))


def _by_width(where: Place) -> dict[int, Copies]:
    return {0: where.notes.wider(0), WIDE: where.notes.wider(WIDE)}


def space(study: Study, where: Place) -> dict[str, dict[str, int]]:
    """The bytes of the notes without any index, and of what each way keeps beside them, by engine."""
    engines: list[str] = study.fact("engines", lambda: where.engines)
    return {engine: study.fact(f"bytes/{engine}", partial(_space, where, engine)) for engine in engines}


def _space(where: Place, engine: str) -> dict[str, int]:
    found = {NOTHING: bytes_of_notes(where.kept(engine, NOTHING).engine("none"))}
    for there, way in where.ways():
        if there == engine and way != NOTHING:
            found[way] = bytes_of_way(where.kept(engine, way).engine(WAYS[way].design), way)
    return found
