"""Copies of seeded notes on a server that differ from the notes as they came: shuffled, with a fresh day, secured."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import URL, Engine, text
from typing_extensions import override

from carenotes import seeding
from carenotes.backends import BACKENDS, backend_of, open_database
from carenotes.lab.notes.copies import SeededNotes
from carenotes.seeding import SeedSpec

Change = Callable[[Engine], None]


class Changed(SeededNotes):
    """Copies of the copies of `notes`, each changed once, before anybody sees it."""

    def __init__(self, notes: SeededNotes, folder: Path, name: str, change: Change) -> None:
        super().__init__(notes.spec, folder, notes.backend)
        self._notes, self._change, self._name = notes, change, f"{self._name}-{name}"

    @override
    def url(self, plan: str) -> URL:
        name = f"{self._name}-{plan}"
        if name not in self._there:
            self._there[name] = self._changed(name, plan)
        return self._there[name]

    def _changed(self, name: str, plan: str) -> URL:
        backend, there = BACKENDS[self.backend], self._place(name)
        if not backend.exists(there):
            made = self._place(f"{name}.part")
            source = self._notes.url(plan)
            self._notes.close()  # a server copies only what nobody has open
            backend.drop(made)
            backend.copy(source, made)
            engine = open_database(made)
            self._change(engine)
            engine.dispose()
            backend.move(made, there)
        return there


def untouched(_engine: Engine) -> None:
    """Change nothing: a copy to be written to."""


def shuffled(engine: Engine) -> None:
    """Put the notes into an order that has nothing to do with their time, the same each time."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE carenotes_all ON COMMIT DROP AS SELECT * FROM care_notes"))
        connection.execute(text("TRUNCATE care_notes"))
        connection.execute(text("INSERT INTO care_notes SELECT * FROM carenotes_all ORDER BY md5(CAST(id AS text))"))
    backend_of(engine).settle(engine)


def fresh_day(spec: SeedSpec, notes: int, engine: Engine) -> None:
    """Write the notes of one more day; nobody vacuums after it, but the planner knows of them."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE care_notes SET (autovacuum_enabled = false)"))
    day = replace(spec, notes=notes, days=1, last_day=spec.last_day + timedelta(days=1))
    seeding.load(engine, day, append=True)
    with engine.begin() as connection:
        connection.execute(text("ANALYZE care_notes"))


def vacuumed_day(spec: SeedSpec, notes: int, engine: Engine) -> None:
    """The same, vacuumed after it."""
    fresh_day(spec, notes, engine)
    backend_of(engine).settle(engine)
