"""Single pass: fetch only the four columns that count, and count all of them in one walk.

The original's optimized one, without its habit of fetching whole objects.
"""

from sqlalchemy import ColumnElement, Connection, Select, select

from carenotes.aggregators.notes_of import built_once
from carenotes.compiled import rows_of
from carenotes.models import CareNote
from carenotes.queries import CareStats, StatsQuery


def single_pass(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer by one pass over plain rows of four columns."""
    by_category: dict[str, int] = {}
    by_priority: dict[int, int] = {}
    by_facility: dict[int, int] = {}
    patients: set[str] = set()
    for category, priority, facility_id, patient_id in rows_of(connection, *_columns(query)):
        by_category[category] = by_category.get(category, 0) + 1
        by_priority[priority] = by_priority.get(priority, 0) + 1
        by_facility[facility_id] = by_facility.get(facility_id, 0) + 1
        patients.add(patient_id)
    return CareStats(sum(by_facility.values()), len(patients), by_category, by_priority, by_facility)


@built_once
def _columns(wanted: ColumnElement[bool]) -> Select[str, int, int, str]:
    return select(CareNote.category, CareNote.priority, CareNote.facility_id, CareNote.patient_id).where(wanted)
