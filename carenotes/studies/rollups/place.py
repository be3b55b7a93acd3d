"""The notes of notebook 06: one seeded database for each shape, and one copy of it, on which everything is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from carenotes.backends import DEFAULT
from carenotes.lab.notes.copies import SeededNotes
from carenotes.seeding import SeedSpec
from carenotes.studies.rollups.rivals import columns

SERVER = "postgresql"
ROLLUP = "rollup"  # the design: it has the covering index as well, so that all are asked on one file
DAYS = 365  # of the notes


class RolledUp(SeededNotes):
    """Seeded notes of which one copy is enough, as the rollup has the covering index as well."""

    def __init__(self, spec: SeedSpec, folder: Path, backend: str = DEFAULT) -> None:
        super().__init__(spec, folder, backend)
        self.best_design = ROLLUP


@dataclass(frozen=True)
class Sizes:
    """How many days queries are about, and how much there is of what grows.

    What would take over `longest_milliseconds` a query is skipped, and said to be.
    """

    days: Sequence[int]
    longest_milliseconds: int
    growth_days: int
    growth_notes: Sequence[int]
    entity_notes: int  # where patients, facilities or tenants grow, and notes do not
    patients: Sequence[int]
    facilities: Sequence[int]
    tenants: Sequence[int]

    def along(self, of: str) -> list[int]:
        """The sizes that something grows to, from small to large."""
        return sorted({"notes": self.growth_notes}.get(of) or getattr(self, of))

    def notes_where(self, of: str, size: int) -> int:
        """How many notes there are where something has grown to a size."""
        return size if of == "notes" else self.entity_notes


@dataclass(frozen=True)
class Place:
    """The notes that are asked about, and where all that is made of them lies."""

    spec: SeedSpec
    folder: Path

    @cached_property
    def notes(self) -> RolledUp:
        """On SQLite."""
        return RolledUp(self.spec, self.folder)

    @cached_property
    def server(self) -> RolledUp:
        """On the server."""
        return RolledUp(self.spec, self.folder, SERVER)

    @cached_property
    def file(self) -> Path:
        """Their columns, for those that hold them in memory."""
        return columns.written(self.spec, self.folder)

    def grown(self, notes: int, of: str, size: int) -> RolledUp:
        """So many notes, of so much of what grows."""
        spec = self.spec.resized(notes)
        if of == "patients":
            spec = replace(spec, patients=size)
        elif of == "facilities":
            spec = replace(spec, facilities=size)
        elif of == "tenants":
            spec = replace(spec, tenants=size)
        return RolledUp(spec, self.folder)


def place(notes: int, random_seed: int, folder: Path) -> Place:
    """Notes of a year; nothing is made yet."""
    return Place(SeedSpec(notes, days=DAYS, random_seed=random_seed), folder)
