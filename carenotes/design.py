"""What a physical design is: indexes on `care_notes`, and whatever else lies on disk so that a query is fast.

An *index plan* is a design of indexes alone; those that are nobody's own are here. A design that one aggregator needs
stands in the folder of that aggregator, and one that one engine alone can have with the engine (`Backend.OWN_DESIGNS`).
`carenotes.designs` knows all of them by name, and makes them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Index, MetaData, Table, func

from carenotes.models import CareNote


@dataclass(frozen=True)
class Structure:
    """What lies on disk besides indexes, such as a derived table and the triggers that keep it true.

    A transaction of the caller is open in each of the three, and they leave it open. What they make bears names of our
    own (`carenotes_...`): by them it is told from somebody else's.
    """

    name: str
    stands: Callable[[Connection], bool]  # whether it is there as a whole; half of it is not
    build: Callable[[Connection], None]  # from the notes that are there; called when nothing of it is
    drop: Callable[[Connection], None]  # whatever is there of it: all, a half, or nothing
    begin: Callable[[Connection], None] | None = None  # what a transaction must say before anything is read in it
    # Of what is kept apart by months: make those that lack, and so many after the latest note; what was made. In a
    # transaction that has read nothing.
    make_months: Callable[[Connection, int], list[str]] | None = None


@dataclass(frozen=True)
class Design:
    """A physical design by name: its indexes in the order in which they are made, then its structures."""

    name: str
    title: str  # in labels and tables
    indexes: tuple[Index, ...] = ()
    structures: tuple[Structure, ...] = ()
    backends: tuple[str, ...] | None = None  # SQLAlchemy's names of the dialects it can be said in; None: all
    kept_on: tuple[str, ...] | None = None  # those on which it stays true while notes are written; None: all

    def kept(self, backend: str) -> bool:
        """Whether it stays true while notes are written; else it must be made again."""
        return self.kept_on is None or backend in self.kept_on

    @property
    def by_month(self) -> bool:
        """Whether something of it is kept apart by months, of which some can be made ahead."""
        return any(one.make_months for one in self.structures)

    def possible_on(self, backend: str) -> bool:
        """Whether an engine can have it, by SQLAlchemy's name for the dialect that the engine speaks."""
        return self.backends is None or backend in self.backends


OfNotes = Callable[[Table], ColumnElement[Any]]  # an expression of the table's own columns


def notes_index(name: str, *parts: str | ColumnElement[Any] | OfNotes, **options: Any) -> Index:
    """An index on `care_notes` by columns or expressions; `options` are those of SQLAlchemy's dialects.

    It is one on a copy of the table: creating the table itself creates no index.
    """
    columns = [Column(column.name, column.type) for column in CareNote.__table__.columns]
    table = Table(CareNote.__tablename__, MetaData(), *columns)
    return Index(name, *(_part(table, one) for one in parts), **options)


def _part(table: Table, part: str | ColumnElement[Any] | OfNotes) -> ColumnElement[Any]:
    if isinstance(part, str):
        return table.c[part]
    return part if isinstance(part, ColumnElement) else part(table)


def _day(notes: Table) -> ColumnElement[Any]:
    return func.date(notes.c.created_at)


NONE = Design("none", "no index")

# `func.date("created_at")` names a string, not the column: the original's date indexes end in a constant. Kept so; only
# SQLite allows an index on a text constant.
_CONSTANT = func.date("created_at")
ORIGINAL = Design(
    "original",
    "the original's indexes",
    (
        notes_index("idx_tenant_date", "tenant_id", _CONSTANT),
        notes_index("idx_tenant_facility", "tenant_id", "facility_id"),
        notes_index("idx_tenant_facility_date", "tenant_id", "facility_id", _CONSTANT),
        notes_index("idx_patient", "patient_id"),
    ),
    backends=("sqlite",),
)
# As they were meant: on the day of the column. What is not on a day is the original's own.
ORIGINAL_MEANT = Design(
    "original_meant",
    "the original's indexes as they were meant",
    (
        notes_index("carenotes_meant_tenant_date", "tenant_id", _day),
        ORIGINAL.indexes[1],
        notes_index("carenotes_meant_tenant_facility_date", "tenant_id", "facility_id", _day),
        ORIGINAL.indexes[3],
    ),
    backends=("sqlite", "postgresql"),
)
ORIGINAL_WITHOUT_PATIENT = Design(
    "original_without_patient",
    "the original's indexes without the patients'",
    tuple(index for index in ORIGINAL.indexes if index.name != "idx_patient"),
    backends=ORIGINAL.backends,
)
DATE = Design("date", "index on tenant and time", (notes_index("carenotes_tenant_created", "tenant_id", "created_at"),))
COVERING = Design(
    "covering",
    "covering index",
    (
        notes_index(
            "carenotes_covering", "tenant_id", "created_at", "facility_id", "category", "priority", "patient_id"
        ),
    ),
)
FACILITY = Design(
    "facility",
    "index on tenant, facility and time",
    (notes_index("carenotes_facility_created", "tenant_id", "facility_id", "created_at"),),
)

INDEX_PLANS = (NONE, ORIGINAL, ORIGINAL_MEANT, DATE, COVERING, FACILITY, ORIGINAL_WITHOUT_PATIENT)
