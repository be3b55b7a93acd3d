"""Naive: fetch every note as an object, then walk over them once for each figure. The oracle."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, select
from sqlalchemy.orm import Session

from carenotes.aggregators.notes_of import built_once
from carenotes.models import CareNote
from carenotes.queries import CareStats, StatsQuery


def naive(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer by five passes over ORM objects: as a first version is written, and as plainly right."""
    with Session(connection) as session:
        return five_passes(session.scalars(*_notes(query)).all())


@built_once
def _notes(wanted: ColumnElement[bool]) -> Select[CareNote]:
    return select(CareNote).where(wanted)


def five_passes(notes: Sequence[CareNote]) -> CareStats:
    """One pass over the notes for each of: categories, priorities, facilities, patients, and their number."""
    by_category: dict[str, int] = {}
    for note in notes:
        by_category[note.category] = by_category.get(note.category, 0) + 1
    by_priority: dict[int, int] = {}
    for note in notes:
        by_priority[note.priority] = by_priority.get(note.priority, 0) + 1
    by_facility: dict[int, int] = {}
    for note in notes:
        by_facility[note.facility_id] = by_facility.get(note.facility_id, 0) + 1
    by_patient: dict[str, int] = {}
    for note in notes:
        by_patient[note.patient_id] = by_patient.get(note.patient_id, 0) + 1
    total = sum(1 for _ in notes)
    return CareStats(total, len(by_patient), by_category, by_priority, by_facility)
