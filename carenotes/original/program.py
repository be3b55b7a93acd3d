"""The two aggregators of the original's own program, written anew from its description, to rerun its tables.

Both send the same statement: whole objects of the tenant, the day as `date(created_at) = day`, which no index
serves. The first pauses for 30 ms in every call; here the pause is a parameter. Neither is used outside this
reproduction.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, String, bindparam, select
from sqlalchemy.orm import Session

from carenotes.aggregators.naive import five_passes
from carenotes.backends.expressions import OnDay
from carenotes.models import CareNote
from carenotes.queries import CareStats, StatsQuery

PAUSE = 0.030  # seconds
TENANT, FACILITY = 3, 1  # what its tables ask about, on the last day


@dataclass(frozen=True)
class Original:
    """The original's "original": every note as an object, five passes, and a pause of so many seconds."""

    pause: float

    def __call__(self, connection: Connection, query: StatsQuery) -> CareStats:
        """The answer."""
        stats = five_passes(_fetched(connection, query))
        if self.pause:  # removed, not slept for zero seconds: even that would yield the processor
            time.sleep(self.pause)
        return stats


def optimized(connection: Connection, query: StatsQuery) -> CareStats:
    """The original's "optimized" without its cache: the same objects, one pass."""
    return one_pass(_fetched(connection, query))


def one_pass(notes: Sequence[CareNote]) -> CareStats:
    """All counts in one walk over the objects."""
    total = 0
    by_category: dict[str, int] = {}
    by_priority: dict[int, int] = {}
    by_facility: dict[int, int] = {}
    patients: set[str] = set()
    for note in notes:
        total += 1
        by_category[note.category] = by_category.get(note.category, 0) + 1
        by_priority[note.priority] = by_priority.get(note.priority, 0) + 1
        by_facility[note.facility_id] = by_facility.get(note.facility_id, 0) + 1
        patients.add(note.patient_id)
    return CareStats(total, len(patients), by_category, by_priority, by_facility)


def _fetched(connection: Connection, query: StatsQuery) -> list[CareNote]:
    """The original's statement for a query about one day."""
    statement = select(CareNote).where(
        CareNote.tenant_id == query.tenant_id,
        OnDay(CareNote.created_at, bindparam(None, query.first_day.isoformat(), String)),
    )
    if query.facility_ids is not None:
        [facility_id] = query.facility_ids
        statement = statement.where(CareNote.facility_id == facility_id)
    with Session(connection) as session:
        return list(session.scalars(statement))
