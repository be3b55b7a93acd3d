"""The two ways to answer of the seed's own program, written anew from its description, to rerun its tables.

Both send the same statement: whole objects of the tenant, the day as `date(created_at) = day`, which no index
serves. The first pauses for 30 ms in every call; here the pause is a parameter. Neither is used outside this
reproduction.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from carenotes.aggregators.naive import five_passes
from carenotes.models import CareNote
from carenotes.questions import CareStats, StatsQuery

PAUSE = 0.030  # seconds


@dataclass(frozen=True)
class Original:
    """The seed's "original": every note as an object, five passes, and a pause of so many seconds."""

    pause: float

    def __call__(self, connection: Connection, question: StatsQuery) -> CareStats:
        """The answer."""
        stats = five_passes(_fetched(connection, question))
        if self.pause:  # removed, not slept for zero seconds: even that would yield the processor
            time.sleep(self.pause)
        return stats


def optimized(connection: Connection, question: StatsQuery) -> CareStats:
    """The seed's "optimized" without its cache: the same objects, one pass."""
    return one_pass(_fetched(connection, question))


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


def _fetched(connection: Connection, question: StatsQuery) -> list[CareNote]:
    """The seed's statement for a question about one day."""
    query = select(CareNote).where(
        CareNote.tenant_id == question.tenant_id,
        func.date(CareNote.created_at) == question.first_day.isoformat(),
    )
    if question.facility_ids is not None:
        [facility_id] = question.facility_ids
        query = query.where(CareNote.facility_id == facility_id)
    with Session(connection) as session:
        return list(session.scalars(query))
