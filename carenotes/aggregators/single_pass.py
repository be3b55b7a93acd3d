"""Single pass: fetch only the four columns that count, and count all of them in one walk.

The seed's optimized one, without its habit of fetching whole objects.
"""

from sqlalchemy import Connection, select

from carenotes.aggregators.notes_of import notes_of
from carenotes.models import CareNote
from carenotes.questions import CareStats, StatsQuery


def single_pass(connection: Connection, question: StatsQuery) -> CareStats:
    """Answer by one pass over plain rows of four columns."""
    columns = select(CareNote.category, CareNote.priority, CareNote.facility_id, CareNote.patient_id)
    total = 0
    by_category: dict[str, int] = {}
    by_priority: dict[int, int] = {}
    by_facility: dict[int, int] = {}
    patients: set[str] = set()
    for category, priority, facility_id, patient_id in connection.execute(columns.where(notes_of(question))):
        total += 1
        by_category[category] = by_category.get(category, 0) + 1
        by_priority[priority] = by_priority.get(priority, 0) + 1
        by_facility[facility_id] = by_facility.get(facility_id, 0) + 1
        patients.add(patient_id)
    return CareStats(total, len(patients), by_category, by_priority, by_facility)
