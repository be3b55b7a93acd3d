"""Other ways to give the same whole answer, each of which the seed recommends or does without.

All are plain functions of a module, so that a worker process can be told which one to use.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Date, String, and_, func, select, type_coerce

from carenotes.aggregators.notes_of import in_facilities, notes_of
from carenotes.aggregators.pushdown import grouped
from carenotes.models import CareNote
from carenotes.questions import CareStats, StatsQuery


def counters(connection: Connection, question: StatsQuery) -> CareStats:
    """Answer by a `Counter` for each fetched column, and a set of the patients."""
    categories, priorities, facilities, patients = _columns(connection, question)
    return CareStats(len(patients), len(set(patients)), Counter(categories), Counter(priorities), Counter(facilities))


def arrays(connection: Connection, question: StatsQuery) -> CareStats:
    """Answer by `numpy.unique` on each fetched column.

    NumPy drops NUL letters at the end of a text: patients whose ids differ in nothing else would be one.
    """
    categories, priorities, facilities, patients = _columns(connection, question)
    groups = (_unique(categories), _unique(priorities), _unique(facilities))
    return CareStats(len(patients), len(np.unique(np.array(patients))), *groups)


def _columns(connection: Connection, question: StatsQuery) -> Sequence[Sequence[Any]]:
    """Categories, priorities, facilities and patients of the notes."""
    four = select(CareNote.category, CareNote.priority, CareNote.facility_id, CareNote.patient_id)
    rows = connection.execute(four.where(notes_of(question))).all()
    return list(zip(*rows, strict=True)) or [()] * 4


def _unique(values: Sequence[Any]) -> dict[Any, int]:
    found, counts = np.unique(np.array(values), return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def equals(connection: Connection, question: StatsQuery) -> CareStats:
    """Answer about exactly one facility, asked for by `facility_id = ?`."""
    return grouped(connection, and_(_in_days(question), CareNote.facility_id == _only_facility(question)))


def is_in(connection: Connection, question: StatsQuery) -> CareStats:
    """Answer about exactly one facility, asked for by `facility_id IN (?)`."""
    return grouped(connection, and_(_in_days(question), CareNote.facility_id.in_([_only_facility(question)])))


def _in_days(question: StatsQuery) -> ColumnElement[bool]:
    return notes_of(StatsQuery(question.tenant_id, question.first_day, question.last_day))


def _only_facility(question: StatsQuery) -> int:
    [facility_id] = question.facility_ids or ()
    return facility_id


def day_as_text(connection: Connection, question: StatsQuery) -> CareStats:
    """Answer about one day, asked for as the seed does: `date(created_at) = ?`, the day being text."""
    return grouped(connection, _on_day(question, func.date(CareNote.created_at) == _only_day(question).isoformat()))


def day_as_date(connection: Connection, question: StatsQuery) -> CareStats:
    """Answer about one day, asked for by the same comparison, the day being a date."""
    return grouped(connection, _on_day(question, func.date(CareNote.created_at, type_=Date) == _only_day(question)))


def _on_day(question: StatsQuery, day: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(CareNote.tenant_id == question.tenant_id, day, in_facilities(question.facility_ids))


def _only_day(question: StatsQuery) -> date:
    if question.first_day != question.last_day:
        raise ValueError(f"{question.first_day} to {question.last_day}: asked in a way that is about one day")
    return question.first_day


def text_with_a_t(connection: Connection, question: StatsQuery) -> CareStats:
    """Ask for times between ISO texts with a `T`: right on DuckDB, wrong on SQLite, which compares them as texts."""
    moments = question.first_moment.isoformat(), question.last_moment.isoformat()
    return grouped(connection, _on_day(question, type_coerce(CareNote.created_at, String).between(*moments)))


def dates_as_bounds(connection: Connection, question: StatsQuery) -> CareStats:
    """Ask for times between two dates: wrong everywhere, since the last day ends as it begins."""
    days = question.first_day, question.last_day
    return grouped(connection, _on_day(question, type_coerce(CareNote.created_at, Date).between(*days)))
