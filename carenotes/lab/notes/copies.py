"""Notes in databases of ours, copied once for each design; nothing is made before it is needed."""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from sqlalchemy import URL, Engine, delete, update
from typing_extensions import override

from carenotes import designs, seeding
from carenotes.aggregators import NEEDS
from carenotes.backends import BACKENDS, DEFAULT, create_database, new_place, open_database
from carenotes.backends.expressions import Padded
from carenotes.design import NONE
from carenotes.lab.notes.stored import Notes
from carenotes.lab.notes.workload import Population, population
from carenotes.models import CareNote
from carenotes.seeding import SeedSpec
from carenotes.seeding.copying import copy_latest


class Copies(Notes, ABC):
    """Notes in a database of ours, copied once for each index plan, so that plans can be timed in turn."""

    are_written = False

    def __init__(self, name: str, folder: Path, backend: str = DEFAULT) -> None:
        self._name, self._folder, self._backend = name, folder.resolve(), backend
        self._engines: dict[str, Engine] = {}
        self._there: dict[str, URL] = {}  # copies that were made or found: to ask a server again takes a connection
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
        self._there.clear()

    @cached_property
    @override
    def population(self) -> Population:
        with self.engine(self.best_design).connect() as connection:
            return population(connection)

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
        if name not in self._there:
            self._there[name] = self._made(name, change)
        return self._there[name]

    def _made(self, name: str, change: Callable[[Engine], None]) -> URL:
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
        filled_from(self._notes.engine("none"), engine, self._notes.population.notes)
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


def filled_from(source: Engine, target: Engine, most: int) -> None:
    """Bring the latest notes of a source over, at most so many, and none but these."""
    with target.begin() as connection:
        connection.execute(delete(CareNote))  # what a killed process left
    copy_latest(source, target, most)
