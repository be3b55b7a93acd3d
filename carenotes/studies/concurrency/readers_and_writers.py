"""Notebook 05, too: readers in a closed loop while nobody or some others write, by engine and by its journal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from carenotes.aggregators import pushdown
from carenotes.backends import BACKENDS
from carenotes.lab.conditions import Condition, condition
from carenotes.lab.configurations.client import PILOT_QUERIES, parts_of
from carenotes.lab.configurations.writers import KEPT, ReadersAndWriters, Writing
from carenotes.lab.notes.copies import Copies
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.workers import Maker
from carenotes.queries import StatsQuery
from carenotes.studies.concurrency.served import stream_of

READERS_AND_WRITERS = "readers and writers"  # an experiment
READERS = 4
WRITING = {"single notes": 1, "batches of 100": 100}  # `writing`: notes a transaction
SQLITE_ROLLBACK, SQLITE_WAL, POSTGRESQL = (  # an engine and its `journal`
    ("sqlite", "rollback journal"),
    ("sqlite", "write-ahead log"),
    ("postgresql", "write-ahead log"),
)
_ENGINES = ("sqlite", "postgresql", "duckdb")


@dataclass(frozen=True)
class Writers:
    """Sizes: distinct queries that the readers ask in a sample, how many milliseconds it lasts, how many write."""

    queries: int
    milliseconds: int
    numbers: Sequence[int]  # each in turn; nobody, too


def readers_and_writers(notes: Copies, seed: int, sizes: Writers, rounds: int) -> Experiment:
    """Each condition has a copy of the notes of its own, to which writers add those of a tenant nobody asks about."""
    stream, truth = stream_of(notes, seed, 1, sizes.queries, rounds), Truth(notes)
    truth.hold_oracles_equal(stream[:PILOT_QUERIES])

    def right(_: Condition, round_number: int, part: int) -> list[str]:
        return [*map(truth.of, parts_of(stream, round_number, part, sizes.queries)), KEPT]

    makers = {of: make for there in _places(notes) for of, make in _on(there, notes, stream, sizes)}
    fewest = min(sizes.numbers)  # the slowest are kept out: no measure of noise
    middle = next(of for of in reversed(makers) if of.get("writers") == fewest)
    return Experiment(makers, right, middle)


def _places(notes: Copies) -> list[Copies]:
    return [notes.on(engine) for engine in _ENGINES if engine == notes.backend or notes.possible_on(engine)]


def _on(
    there: Copies, notes: Copies, stream: Sequence[StatsQuery], sizes: Writers
) -> Iterator[tuple[Condition, Maker]]:
    """The conditions on an engine: readers alone, and with writers where the engine lets others write meanwhile."""
    seconds = sizes.milliseconds / 1_000
    made = partial(condition, aggregator="pushdown", engine=there.backend, design=there.best_design)
    made = partial(made, notes=notes.population.notes, clients=READERS)
    if not BACKENDS[there.backend].JOURNALS:
        url = there.url(there.best_design)
        yield made(writers=0), partial(ReadersAndWriters, url, pushdown, stream, READERS, sizes.queries, seconds, None)
    for journal in BACKENDS[there.backend].JOURNALS:
        for number, writing in ((0, None), *((one, kind) for one in sizes.numbers for kind in WRITING)):
            of = made(journal=journal, writers=number, writing=writing)
            name = f"{journal}-{number}-{WRITING[writing] if writing else 0}".replace(" ", "-")
            url = there.to_be_written(journal, name)
            what = _what(notes, number, writing) if writing else None
            yield of, partial(ReadersAndWriters, url, pushdown, stream, READERS, sizes.queries, seconds, what)


def _what(notes: Copies, writers: int, writing: str) -> Writing:
    who = notes.population
    return Writing(writers, WRITING[writing], max(who.tenants) + 1, who.last_day)
