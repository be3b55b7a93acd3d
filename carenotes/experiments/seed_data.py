"""Notebook 01: what the data looks like, and what it costs to load it."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

import pyarrow as pa
from sqlalchemy import Engine, String, func, select, type_coerce
from tqdm import tqdm

from carenotes import seeding
from carenotes.databases import create_database
from carenotes.lab.datasets import SeededNotes, facts
from carenotes.lab.study import Contender, Measured, Study
from carenotes.models import CareNote
from carenotes.seeding import BATCH_SIZE, SeedSpec, load

NOTEBOOK = "01_seed_data"
PARTS = {"add_all": 10, "executemany": 4, "arrow": 1}  # of the notes, a way loads one in so many
READY_TUPLES = "sqlite3, ready tuples"  # what loading is measured against: the driver with nothing left to convert
_INSERT = "INSERT INTO care_notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def data_facts(study: Study, notes: SeededNotes) -> dict[str, Any]:
    """Counts, days and digest of the notes."""
    found: dict[str, Any] = study.finding("data/seeded", lambda: facts(notes))
    return found


def same_for_any_batch(study: Study, spec: SeedSpec, sizes: Sequence[int]) -> dict[str, str]:
    """The canonical digest of the generated notes for each batch size; all are the same."""
    digests = study.finding(
        "digests", lambda: {str(size): seeding.digest(seeding.batches(spec, size)) for size in sizes}
    )
    return {size: digest[:16] for size, digest in digests.items()}


def shares(study: Study, notes: SeededNotes) -> dict[str, dict[str, int]]:
    """How many notes there are by tenant, by hour of the day, by day of the week and by priority."""
    moment = type_coerce(CareNote.created_at, String)
    parts = {
        "tenant": CareNote.tenant_id,
        "hour": func.strftime("%H", moment),
        "weekday": func.strftime("%w", moment),
        "category": CareNote.category,
        "priority": CareNote.priority,
    }
    return {name: study.finding(f"shares/{name}", partial(_counts, notes, column)) for name, column in parts.items()}


def _counts(notes: SeededNotes, by: Any) -> dict[str, int]:
    with notes.engine("none").connect() as connection:
        groups = connection.execute(select(by, func.count()).group_by(by).order_by(by))
        return {str(key): count for key, count in groups}


def loading(study: Study, spec: SeedSpec, folder: Path, sizes: Sequence[int], rounds: int) -> Measured:
    """Each way to load over batch sizes, and the driver with ready tuples; conditions are named `way/size`.

    The slower a way, the fewer notes it loads: rates compare, and nobody waits for them. A batch larger than what a
    way loads is left out.
    """
    experiment = "loading"
    if not study.is_complete(experiment, rounds):
        goods = Goods(spec, folder / "loading.db")
        ways = [Way(name, size, max(1, spec.notes // part)) for name, part in PARTS.items() for size in sizes]
        contenders: dict[str, Contender] = {
            f"{way.name}/{way.size}": Load(goods, way) for way in ways if way.size <= way.notes
        }
        contenders[READY_TUPLES] = ReadyTuples(goods, BATCH_SIZE)
        study.blocks(experiment, contenders, rounds)
        goods.file.unlink(missing_ok=True)
    return study.measured(experiment)


@dataclass(frozen=True)
class Way:
    """A way to load so many notes in batches of a size."""

    name: str
    size: int
    notes: int


class Goods:
    """The notes to load, made before any clock starts, and the file to load them into."""

    def __init__(self, spec: SeedSpec, file: Path) -> None:
        self.spec, self.file = spec, file
        self.notes = seeding.generate(spec)
        self._digests: dict[int, str] = {}

    @staticmethod
    def emptied(file: Path) -> Engine:
        """An empty database in the place of what is there."""
        file.unlink(missing_ok=True)
        return create_database(f"sqlite:///{file}")

    def new_database(self) -> Engine:
        """An empty database in the place of the last one."""
        return self.emptied(self.file)

    def wrong(self, count: int) -> int:
        """All notes if the file does not hold exactly the first `count`, else none."""
        engine = create_database(f"sqlite:///{self.file}")
        with engine.connect() as connection:
            stored = seeding.stored_digest(connection)
        engine.dispose()
        if count not in self._digests:
            self._digests[count] = seeding.digest([self.notes.slice(0, count)])
        return 0 if stored == self._digests[count] else count


class Load(Contender):
    """One of our ways to load, as a contender."""

    def __init__(self, goods: Goods, way: Way) -> None:
        self.units = way.notes
        self._goods, self._way = goods, way
        self._spec = goods.spec.resized(way.notes)

    def prepare(self, _round: int) -> None:
        """See `Contender`: a new database."""
        self._engine = self._goods.new_database()

    def run(self) -> None:
        """See `Contender`."""
        self._load()

    def _load(self, progress: Callable[[int], object] = lambda _: None) -> None:
        load(
            self._engine,
            self._spec,
            batch_size=self._way.size,
            writer=self._way.name,
            source=self._ready,
            progress=progress,
        )

    def check(self) -> int:
        """See `Contender`: the notes by their digest."""
        self._engine.dispose()
        return self._goods.wrong(self.units)

    def _ready(self, _spec: SeedSpec, size: int, start: int) -> Iterator[pa.Table]:
        return (
            self._goods.notes.slice(first, min(size, self.units - first)) for first in range(start, self.units, size)
        )


def _bar(notes: int, sink: IO[str]) -> "tqdm[NoReturn]":
    """The command line's progress bar, drawn anew whenever it is told anything, which is more than a user's."""
    return tqdm(total=notes, unit=" notes", unit_scale=True, dynamic_ncols=True, mininterval=0, file=sink)


class ToldLoad(Load):
    """The same load with a progress bar."""

    def run(self) -> None:
        """See `Contender`."""
        with Path(os.devnull).open("w") as sink, _bar(self.units, sink) as bar:
            self._load(bar.update)


class Telling(Contender):
    """What a load tells its progress bar, and no load."""

    def __init__(self, way: Way) -> None:
        self.units = way.notes
        self._told = [0, *(min(way.size, way.notes - first) for first in range(0, way.notes, way.size))]

    def prepare(self, _round: int) -> None:
        """See `Contender`."""

    def run(self) -> None:
        """See `Contender`."""
        with Path(os.devnull).open("w") as sink, _bar(self.units, sink) as bar:
            for notes in self._told:
                bar.update(notes)

    def check(self) -> None:
        """See `Contender`: there is nothing to be right or wrong."""


class ReadyTuples(Contender):
    """The standard library's executemany, handed tuples that are ready."""

    def __init__(self, goods: Goods, size: int) -> None:
        self.units = goods.spec.notes
        self._goods = goods
        columns = {name: goods.notes[name].to_pylist() for name in seeding.COLUMNS}
        columns["created_at"] = [moment.isoformat(" ", "microseconds") for moment in columns["created_at"]]
        rows = list(zip(range(1, self.units + 1), *columns.values(), strict=True))
        self._batches = [rows[first : first + size] for first in range(0, self.units, size)]

    def prepare(self, _round: int) -> None:
        """See `Contender`: a new database."""
        self._goods.new_database().dispose()

    def run(self) -> None:
        """See `Contender`."""
        connection = sqlite3.connect(self._goods.file)
        for batch in self._batches:
            connection.executemany(_INSERT, batch)
            connection.commit()
        connection.close()

    def check(self) -> int:
        """See `Contender`: the notes by their digest."""
        return self._goods.wrong(self.units)
