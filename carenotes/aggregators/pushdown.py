"""Pushdown: the database groups and counts, in one statement; only the groups travel."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from carenotes.aggregators.notes_of import built_once
from carenotes.compiled import rows_of
from carenotes.models import CareNote
from carenotes.queries import CareStats, StatsQuery


def pushdown(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer from the groups of facility, category and priority; distinct patients come beside each group."""
    return from_groups(rows_of(connection, *_groups(query)))


def from_groups(groups: Iterable[Any]) -> CareStats:
    """The answer from rows as `groups` selects them."""
    by_category: dict[str, int] = {}
    by_priority: dict[int, int] = {}
    by_facility: dict[int, int] = {}
    unique_patients = 0
    for facility_id, category, priority, count, patients in groups:
        by_category[category] = by_category.get(category, 0) + count
        by_priority[priority] = by_priority.get(priority, 0) + count
        by_facility[facility_id] = by_facility.get(facility_id, 0) + count
        unique_patients = patients  # the same beside every group
    return CareStats(sum(by_facility.values()), unique_patients, by_category, by_priority, by_facility)


def groups(wanted: ColumnElement[bool]) -> Select[Any]:
    """Rows of facility, category, priority, notes, and the distinct patients of all notes that are wanted.

    The index is read twice, once for the groups and once for the patients: to read it once into a temporary table
    that is then read twice (`WITH ... AS MATERIALIZED`) took longer on SQLite, for a day and for a month.
    """
    # Distinct patients do not add up over groups: they are counted once for the whole query. `COUNT(DISTINCT ...)` says
    # the same, and makes PostgreSQL sort the notes where it could hash them.
    each = select(CareNote.patient_id).where(wanted).distinct().correlate(None).subquery()
    patients = select(func.count()).select_from(each).scalar_subquery()
    group = (CareNote.facility_id, CareNote.category, CareNote.priority)
    return select(*group, func.count(), patients).where(wanted).group_by(*group)


_groups = built_once(groups)
