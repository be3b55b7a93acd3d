"""The worker's side of loading: the same notes written into a new database, by each writer."""

import os
import sqlite3  # the measure that loading is compared with, on purpose
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, NoReturn

import pyarrow as pa
from sqlalchemy import URL
from tqdm import tqdm
from typing_extensions import override

from carenotes import seeding
from carenotes.backends import backend_of, create_database
from carenotes.lab.runner.workers import TIMED, Configuration
from carenotes.seeding import BATCH_SIZE, SeedSpec, load

_INSERT = "INSERT INTO care_notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Batches:
    """So many notes in batches of a size, and which of our writers writes them."""

    writer: str
    size: int
    notes: int


def some(notes: int, part: int) -> int:
    """How many notes a part of a round loads: a warm-up is short."""
    return notes if part == TIMED else max(1, notes // 10)


@cache
def _goods(spec: SeedSpec) -> pa.Table:
    """The notes to load, made before any clock starts, once a process."""
    return seeding.generate(spec)


@cache
def digest_of(spec: SeedSpec, count: int) -> str:
    """What a database with the first `count` notes must hold."""
    return seeding.digest([_goods(spec).slice(0, count)])


class _IntoDatabase(Configuration):
    """Loads the first `units` notes into a new database; its digest says what it holds then."""

    def __init__(self, spec: SeedSpec, url: URL, notes: int) -> None:
        self._spec, self._url, self._notes = spec, url, notes
        self._goods = _goods(spec)

    @override
    def warm_up(self, _round: int, part: int) -> None:
        """An empty database in the place of what is there."""
        self.units = some(self._notes, part)
        backend_of(self._url).drop(self._url)
        self._engine = create_database(self._url)

    @override
    def digests(self) -> list[str]:
        with self._engine.connect() as connection:
            stored = seeding.stored_digest(connection)
        self._engine.dispose()
        return [stored]

    @override
    def close(self) -> None:
        """Others of the round wrote to the same database."""
        backend_of(self._url).drop(self._url)


class Load(_IntoDatabase):
    """A load by one of our writers, as a configuration."""

    def __init__(self, spec: SeedSpec, url: URL, batches: Batches) -> None:
        super().__init__(spec, url, batches.notes)
        self._batches = batches

    @override
    def run(self) -> None:
        self._load()

    def _load(self, progress: Callable[[int], object] = lambda _: None) -> None:
        of, spec = self._batches, self._spec.resized(self.units)
        load(self._engine, spec, batch_size=of.size, writer=of.writer, source=self._ready, progress=progress)

    def _ready(self, _spec: SeedSpec, size: int, start: int) -> Iterator[pa.Table]:
        return (self._goods.slice(first, min(size, self.units - first)) for first in range(start, self.units, size))


def _bar(notes: int, sink: IO[str]) -> "tqdm[NoReturn]":
    """The command line's progress bar, drawn anew at each report, which is more often than a user's."""
    return tqdm(total=notes, unit=" notes", unit_scale=True, dynamic_ncols=True, mininterval=0, file=sink)


class LoadWithBar(Load):
    """The same load with a progress bar."""

    @override
    def run(self) -> None:
        with Path(os.devnull).open("w") as sink, _bar(self.units, sink) as bar:
            self._load(bar.update)


class BarAlone(Configuration):
    """The progress bar of a load, given the same reports, and no load."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    @override
    def warm_up(self, _round: int, part: int) -> None:
        self.units = some(self._batches.notes, part)

    @override
    def run(self) -> None:
        size = self._batches.size
        with Path(os.devnull).open("w") as sink, _bar(self.units, sink) as bar:
            bar.update(0)  # as a load begins: of what was there before
            for first in range(0, self.units, size):
                bar.update(min(size, self.units - first))


class ReadyTuples(_IntoDatabase):
    """The standard library executemany into an SQLite file, given ready tuples; set as our own connections are."""

    def __init__(self, spec: SeedSpec, url: URL) -> None:
        super().__init__(spec, url, spec.notes)
        columns = {name: self._goods[name].to_pylist() for name in seeding.COLUMNS}
        columns["created_at"] = [moment.isoformat(" ", "microseconds") for moment in columns["created_at"]]
        self._rows = list(zip(range(1, spec.notes + 1), *columns.values(), strict=True))

    @override
    def run(self) -> None:
        connection = sqlite3.connect(str(self._url.database))
        for setting in backend_of(self._url).BEFORE_WRITING:
            connection.execute(setting)
        for first in range(0, self.units, BATCH_SIZE):
            connection.executemany(_INSERT, self._rows[first : min(first + BATCH_SIZE, self.units)])
            connection.commit()
        connection.close()
