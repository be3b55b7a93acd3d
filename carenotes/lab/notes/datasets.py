"""The notes that an experiment works on: made from a seed, or somebody's own; nothing is made before it is needed."""

import atexit
import hashlib
import math
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Engine, delete, update
from typing_extensions import override

from carenotes import designs, seeding
from carenotes.aggregators import NEEDS
from carenotes.backends import BACKENDS, DEFAULT, absolute_url, backend_of, create_database, new_place, open_database
from carenotes.backends.expressions import Padded
from carenotes.design import NONE
from carenotes.lab.notes.nulls import refuse_nulls
from carenotes.lab.notes.workload import Population, population
from carenotes.models import CareNote
from carenotes.seeding import SeedSpec
from carenotes.seeding.copying import copy_latest

AS_IT_IS = "as it is"
OWN_DATABASE = "CARENOTES_DATABASE"  # the variable that may hold the URL, so that no notebook has to name it


class Notes(Protocol):
    """Notes to ask about."""

    best_design: str
    are_written: bool  # by others, while we look

    @property
    def backend(self) -> str:
        """The engine of the database, as it is called in a URL."""

    def url(self, plan: str) -> URL:
        """Where the notes are with the indexes of `plan`; they are made if they are not there yet."""

    def engine(self, plan: str) -> Engine:
        """The same, opened for reading."""

    @property
    def population(self) -> Population:
        """Whom one can ask about."""

    def design_for(self, aggregator: str) -> str | None:
        """The design that an aggregator, by its name, is timed on: what it needs, or else what serves queries best.

        None where these notes cannot have what it needs.
        """

    def sample(self) -> "Copies":
        """Notes of which copies with other indexes may be made."""


class Copies(Notes, ABC):
    """Notes in a database of ours, copied once for each index plan, so that plans can be timed in turn."""

    are_written = False

    def __init__(self, name: str, folder: Path, backend: str = DEFAULT) -> None:
        self._name, self._folder, self._backend = name, folder.resolve(), backend
        self._engines: dict[str, Engine] = {}
        self.best_design = BACKENDS[backend].BEST_DESIGN

    @property
    @override
    def backend(self) -> str:
        return self._backend

    @abstractmethod
    def _fill(self, engine: Engine) -> None:
        """Write the notes into a new database, or finish what an earlier process began."""

    def on(self, backend: str) -> "Copies":
        """The same notes in a database of an engine, named as in a URL."""
        return self if backend == self.backend else self._elsewhere(backend)

    def possible_on(self, backend: str) -> bool:
        """Whether there is a place for them on an engine: a server of ours may be missing."""
        return BACKENDS[backend].place(self._folder, self._name) is not None

    @abstractmethod
    def _elsewhere(self, backend: str) -> "Copies":
        """The same notes in a database of another engine."""

    @abstractmethod
    def resized(self, notes: int) -> "Copies":
        """More or fewer notes of the same kind."""

    def most(self) -> float:
        """How many notes there can be."""
        return math.inf

    def wider(self, length: int) -> "Copies":
        """The same notes, each with a text of `length` letters (0: without)."""
        return _Wider(self, length, self._name, self._folder)

    @override
    def url(self, plan: str) -> URL:
        return self._bare if plan == "none" else self._copy(plan)

    @override
    def engine(self, plan: str) -> Engine:
        if plan not in self._engines:
            self._engines[plan] = open_database(self.url(plan), read_only=True)
        return self._engines[plan]

    @override
    def design_for(self, aggregator: str) -> str | None:
        needed = NEEDS[aggregator].design
        if needed == NONE:
            return self.best_design
        return needed.name if needed.possible_on(self.backend) else None

    @override
    def sample(self) -> "Copies":
        return self

    def close(self) -> None:
        """Let go of the databases: some are open in one process at a time."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()

    @override
    @cached_property
    @override
    def population(self) -> Population:
        return _population(self.engine(self.best_design))

    @cached_property
    def _bare(self) -> URL:
        there = self._place(self._name)
        if not BACKENDS[self.backend].exists(there):
            made = self._place(f"{self._name}.part")
            with _closed_after(create_database(made)) as engine:
                self._fill(engine)
                BACKENDS[self.backend].settle(engine)
            BACKENDS[self.backend].move(made, there)
        return there

    def to_be_written(self, journal: str, name: str) -> URL:
        """A further copy on the best design, called `name`, for those who write; `journal` is one of the engine's.

        Whoever measures has it settled first, as after each writing.
        """
        backend = BACKENDS[self.backend]

        def change(engine: Engine) -> None:
            designs.prepare(engine, self.best_design)
            with engine.connect() as connection:
                for statement in backend.JOURNALS[journal]:
                    backend.driver(connection).execute(statement)

        return self._copied(f"{self._name}-written-{name}", change)

    def _copy(self, plan: str) -> URL:
        def change(engine: Engine) -> None:
            designs.prepare(engine, plan)
            BACKENDS[self.backend].settle(engine)

        return self._copied(f"{self._name}-{plan}", change)

    def _copied(self, name: str, change: Callable[[Engine], None]) -> URL:
        backend, there = BACKENDS[self.backend], self._place(name)
        if not backend.exists(there):
            made = self._place(f"{name}.part")
            backend.drop(made)
            for engine in self._engines.values():  # some engines copy only what nobody has open
                engine.dispose()
            backend.copy(self._bare, made)
            with _closed_after(open_database(made)) as engine:
                change(engine)
            backend.move(made, there)
        return there

    def _place(self, name: str) -> URL:
        return new_place(self._folder, name, self.backend)


class SeededNotes(Copies):
    """Notes made from a spec."""

    def __init__(self, spec: SeedSpec, folder: Path, backend: str = DEFAULT) -> None:
        name = f"seeded-{hashlib.sha256(spec.as_json().encode()).hexdigest()[:12]}"
        super().__init__(name, folder, backend)
        self.spec = spec

    def _elsewhere(self, backend: str) -> "SeededNotes":
        return SeededNotes(self.spec, self._folder, backend)

    @override
    def resized(self, notes: int) -> "SeededNotes":
        """The same shape, over the same days."""
        return SeededNotes(self.spec.resized(notes), self._folder, self.backend)

    def _fill(self, engine: Engine) -> None:
        seeding.load(engine, self.spec)


class OwnNotes(Notes):
    """Somebody's own database. It is only read, and no index of it is touched."""

    best_design = AS_IT_IS
    are_written = True

    def __init__(self, url: str | URL, folder: Path, sample_notes: int) -> None:
        self._given, self._folder, self._sample_notes = url, folder, sample_notes

    @cached_property
    def _url(self) -> URL:
        return absolute_url(self._given)

    @cached_property
    def _engine(self) -> Engine:
        return open_database(self._url, read_only=True)

    @override
    @property
    def backend(self) -> str:
        """Where a page is made anew there are results, and no database is named."""
        return self._url.get_backend_name() if self._given else DEFAULT

    @override
    def url(self, plan: str) -> URL:
        """There is one plan, the indexes that are there."""
        if plan != AS_IT_IS:
            raise ValueError(f"index plans are tried on a sample of somebody's own notes, not on them: {plan}")
        return self._url

    @override
    def engine(self, plan: str = AS_IT_IS) -> Engine:
        self.url(plan)
        return self._engine

    @override
    @override
    def design_for(self, aggregator: str) -> str | None:
        """What is there: nothing is made in somebody's own database."""
        with self._engine.connect() as connection:
            return AS_IT_IS if designs.stands(connection, NEEDS[aggregator].design) else None

    @cached_property
    @override
    def population(self) -> Population:
        refuse_nulls(self._engine)
        return _population(self._engine)

    def sample(self) -> Copies:
        """A copy of the latest notes, on their own engine where there is a place for databases of ours."""
        has_place = BACKENDS[self.backend].place(self._folder, "sample") is not None
        return _Sample(self, self._sample_notes, self._folder, self.backend if has_place else DEFAULT)


class _Sample(Copies):
    def __init__(self, own: OwnNotes, notes: int, folder: Path, backend: str) -> None:
        super().__init__(f"sample-{notes}", folder, backend)
        self._own, self._notes = own, notes

    def _elsewhere(self, backend: str) -> Copies:
        return _SampleElsewhere(self, self._notes, self._folder, backend)

    def resized(self, notes: int) -> "_Sample":
        return _Sample(self._own, notes, self._folder, self.backend)

    def most(self) -> float:
        return self._own.population.notes

    def _fill(self, engine: Engine) -> None:
        _copy(self._own.engine(), engine, self._notes)


class _SampleElsewhere(Copies):
    """What was sampled, on another engine: the same notes, whatever has been written to their source since."""

    def __init__(self, sample: _Sample, notes: int, folder: Path, backend: str) -> None:
        super().__init__(f"sample-{notes}", folder, backend)
        self._sample = sample

    def _elsewhere(self, backend: str) -> Copies:
        return self._sample.on(backend)

    def resized(self, notes: int) -> Copies:
        return self._sample.resized(notes).on(self.backend)

    def most(self) -> float:
        return self._sample.most()

    def _fill(self, engine: Engine) -> None:
        _copy(self._sample.engine("none"), engine, self._sample.population.notes)


class _Wider(Copies):
    def __init__(self, notes: Copies, length: int, name: str, folder: Path) -> None:
        super().__init__(f"{name}-wide-{length}", folder, notes.backend)
        self._notes, self._length = notes, length

    def _elsewhere(self, backend: str) -> "_Wider":
        return _Wider(self._notes.on(backend), self._length, self._name, self._folder)

    def resized(self, notes: int) -> Copies:
        return self._notes.resized(notes).wider(self._length)

    def most(self) -> float:
        return self._notes.most()

    def _fill(self, engine: Engine) -> None:
        _copy(self._notes.engine("none"), engine, self._notes.population.notes)
        # No two texts alike, so that nothing can be kept once for many.
        text = Padded(CareNote.id, self._length) if self._length else None
        with engine.begin() as connection:
            connection.execute(update(CareNote).values(note_text=text))


@contextmanager
def _closed_after(engine: Engine) -> Iterator[Engine]:
    """The engine, which holds no database when this is over: DuckDB would go on in what one process has open."""
    try:
        yield engine
    finally:
        engine.dispose()


def _copy(source: Engine, target: Engine, most: int) -> None:
    with target.begin() as connection:
        connection.execute(delete(CareNote))  # what a killed process left
    copy_latest(source, target, most)


def notes_from(database: str, spec: SeedSpec, folder: str) -> Notes:
    """Somebody's own notes if `database` names some, else those of `spec`; copies go to `folder` (or to a new one).

    `database` is a URL, or `env:NAME` for one in an environment variable.
    """
    place = scratch(folder)
    if not database:
        return SeededNotes(spec, place)
    url = os.environ.get(database.removeprefix("env:"), "") if database.startswith("env:") else database
    return OwnNotes(url, place, spec.notes)


def scratch(folder: str) -> Path:
    """`folder`, made if absent, or a new one that goes when the process ends."""
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        return Path(folder)
    made = Path(tempfile.mkdtemp(prefix="carenotes-"))
    atexit.register(removed, made)
    return made


def removed(folder: Path) -> None:
    """Remove a folder and every copy that belongs to it, wherever it lies."""
    for backend in BACKENDS.values():
        backend.clear(folder)
    shutil.rmtree(folder, ignore_errors=True)


def facts(notes: Notes) -> dict[str, Any]:
    """Counts, days and digest of the notes, and what a connection to them has: what makes two runs comparable."""
    who = notes.population
    with notes.engine(notes.best_design).connect() as connection:
        digest = seeding.stored_digest(connection)
        indexes = sorted(backend_of(connection).index_names(connection))
        settings = backend_of(connection).settings(connection)
    return {
        "notes": who.notes,
        "tenants": len(who.tenants),
        "facilities": len(who.sizes),
        "first_day": who.first_day.isoformat(),
        "last_day": who.last_day.isoformat(),
        "indexes": ", ".join(indexes) or "none",
        "settings": told(settings),
        "digest": digest,
    }


def told(settings: Mapping[str, str]) -> str:
    """Settings of a connection in one line."""
    return "; ".join(f"{name}: {value}" for name, value in settings.items())


def bytes_of(notes: Notes, plan: str) -> int:
    """The size of the database with the indexes of `plan`."""
    with notes.engine(plan).connect() as connection:
        return backend_of(connection).size(connection)


def _population(engine: Engine) -> Population:
    with engine.connect() as connection:
        return population(connection)
