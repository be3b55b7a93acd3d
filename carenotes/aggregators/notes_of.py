"""Which notes a question is about: the one WHERE clause that every aggregator over notes shares."""

from sqlalchemy import ColumnElement, and_, true

from carenotes.databases.expressions import numbers_in
from carenotes.models import CareNote
from carenotes.questions import StatsQuery

# Databases bound the number of parameters; a longer list travels as one JSON text.
LONGEST_IN = 500


def notes_of(question: StatsQuery) -> ColumnElement[bool]:
    """The condition that a note belongs to the question: always its tenant, its days, and its facilities."""
    return and_(
        CareNote.tenant_id == question.tenant_id,
        CareNote.created_at.between(question.first_moment, question.last_moment),
        in_facilities(question.facility_ids),
    )


def in_facilities(facility_ids: tuple[int, ...] | None) -> ColumnElement[bool]:
    """The condition that a note was written in one of these facilities; None asks for nothing."""
    if facility_ids is None:
        return true()
    if len(facility_ids) == 1:
        return CareNote.facility_id == facility_ids[0]
    if len(facility_ids) <= LONGEST_IN:
        return CareNote.facility_id.in_(facility_ids)
    return CareNote.facility_id.in_(numbers_in(facility_ids))
