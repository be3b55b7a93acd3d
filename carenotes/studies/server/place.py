"""Where the notes of notebook 07 are on the server, and copies of them that differ from the notes as they came."""

import calendar
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from carenotes.backends import BACKENDS
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.stored import facts
from carenotes.lab.runner.study import Study
from carenotes.seeding import SeedSpec
from carenotes.studies.server import copies, month

SERVER = "postgresql"
DESIGNS = ("none", "original_meant", "date", "facility", "covering", "covering_include", "brin")
MONTHS = "partitions"  # a design
WRITTEN_TO = ("none", "original_meant", "date", "covering", "covering_include", "brin", MONTHS)
PLAIN = "covering"  # the design with the same index and no partitions
DAYS = 400  # of the notes: twelve whole months lie inside
_FRESH_SHARE = 20  # the fresh day has a note for so many notes of all other days


@dataclass(frozen=True)
class Place:
    """The notes on the server, and copies of them to be written to, each made when it is first asked for."""

    notes: SeededNotes
    folder: Path
    changed: dict[str, copies.Changed] = field(default_factory=dict)

    def copy(self, name: str, change: copies.Change = copies.untouched) -> copies.Changed:
        """A copy by name, which one change was made to."""
        return self.changed.setdefault(name, copies.Changed(self.notes, self.folder, name, change))

    @cached_property
    def first_month(self) -> tuple[datetime, datetime]:
        """The first whole month, and the one after it."""
        first = next_month(self.notes.spec.last_day - timedelta(days=self.notes.spec.days - 1))
        return datetime.combine(first, time()), datetime.combine(next_month(first), time())

    @property
    def shuffled(self) -> copies.Changed:
        """In an order that has nothing to do with time."""
        return self.copy("shuffled", copies.shuffled)

    @property
    def to_write(self) -> copies.Changed:
        """To insert into, and to remove a month from."""
        return self.copy("written", partial(month.keep, *self.first_month))

    @property
    def secured(self) -> copies.Changed:
        """With row-level security while a measurement runs; the owner, by whom all else is asked, is above it."""
        return self.with_fresh_day(vacuumed=True)

    def with_fresh_day(self, *, vacuumed: bool) -> copies.Changed:
        """With one day more."""
        change = copies.vacuumed_day if vacuumed else copies.fresh_day
        notes = max(1, self.notes.spec.notes // _FRESH_SHARE)
        name = "vacuumed" if vacuumed else "fresh"
        return self.copy(name, partial(change, self.notes.spec, notes))

    def make(self) -> None:
        """Make every copy: later, somebody is connected to what would be copied."""
        for design in (*DESIGNS, MONTHS):
            self.notes.url(design)
        for design in WRITTEN_TO:
            self.to_write.url(design)
        self.shuffled.url("brin")
        for vacuumed in (True, False):
            self.with_fresh_day(vacuumed=vacuumed).url(PLAIN)


def on_server(study: Study, spec: SeedSpec, folder: Path) -> Place | None:
    """Where the notes of the spec are on the server; None where there is no server, then and in what was found then."""
    there = study.fact("server", lambda: BACKENDS[SERVER].place(folder, "x") is not None)
    return Place(SeededNotes(replace(spec, days=DAYS), folder, SERVER), folder) if there else None


def data_facts(study: Study, where: Place | None) -> dict[str, Any]:
    """Counts, days and digest of the notes."""
    return {} if where is None else study.dataset("asked", lambda: facts(where.notes))


def next_month(day: date) -> date:
    """The first day of the month after that of a day."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1]) + timedelta(days=1)
