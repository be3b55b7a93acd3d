"""Other aggregators: the original report recommends each, or does without; one is `pushdown` without a measure.

All are plain functions of a module, so that a worker process can call them by name.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Date,
    Select,
    String,
    and_,
    bindparam,
    func,
    select,
    type_coerce,
)

from carenotes.aggregators.notes_of import (
    ALL,
    built_once,
    facility_values,
    in_facilities,
    notes_of,
    of_tenant,
    shape_of,
    values_of,
)
from carenotes.aggregators.pushdown import from_groups, groups
from carenotes.backends.expressions import OnDay
from carenotes.compiled import rows_of
from carenotes.models import CareNote
from carenotes.queries import CareStats, StatsQuery


def compiled_anew(connection: Connection, query: StatsQuery) -> CareStats:
    """`pushdown`'s statement, compiled for each query: SQLAlchemy without its cache of what it has compiled."""
    without = connection.execution_options(compiled_cache=None)
    return from_groups(without.execute(_groups_of(notes_of, shape_of(query)), values_of(query)).all())


def counters(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer by a `Counter` for each fetched column, and a set of the patients."""
    categories, priorities, facilities, patients = _columns(connection, query)
    return CareStats(len(patients), len(set(patients)), Counter(categories), Counter(priorities), Counter(facilities))


def arrays(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer by `numpy.unique` on each fetched column.

    NumPy drops NUL characters at the end of a text: patients whose ids differ in nothing else would be one.
    """
    categories, priorities, facilities, patients = _columns(connection, query)
    groups = (_unique(categories), _unique(priorities), _unique(facilities))
    return CareStats(len(patients), len(np.unique(np.array(patients))), *groups)


def _columns(connection: Connection, query: StatsQuery) -> Sequence[Sequence[Any]]:
    """Categories, priorities, facilities and patients of the notes."""
    rows = rows_of(connection, *_four(query))
    return list(zip(*rows, strict=True)) or [()] * 4


@built_once
def _four(wanted: ColumnElement[bool]) -> Select[str, int, int, str]:
    return select(CareNote.category, CareNote.priority, CareNote.facility_id, CareNote.patient_id).where(wanted)


def _unique(values: Sequence[Any]) -> dict[Any, int]:
    found, counts = np.unique(np.array(values), return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


Where = Callable[[int], ColumnElement[bool]]  # from the shape of a query, which notes are wanted


def _grouped(connection: Connection, query: StatsQuery, wanted: Where, **values: Any) -> CareStats:
    """Answer as `pushdown` does about notes that are described in another way, by a statement built once."""
    statement = _groups_of(wanted, shape_of(query))
    return from_groups(rows_of(connection, statement, {"tenant_id": query.tenant_id, **values}))


@cache
def _groups_of(wanted: Where, shape: int) -> Select[Any]:
    return groups(wanted(shape))


def equals(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer about exactly one facility, by `facility_id = ?`."""
    return _grouped(connection, query, _equal, **_of_one_facility(query))


def is_in(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer about exactly one facility, by `facility_id IN (?)`."""
    return _grouped(connection, query, _in_list, **_of_one_facility(query))


def _equal(_shape: int) -> ColumnElement[bool]:
    return and_(notes_of(ALL), CareNote.facility_id == bindparam("facility_id", type_=BigInteger))


def _in_list(_shape: int) -> ColumnElement[bool]:
    return and_(notes_of(ALL), CareNote.facility_id.in_([bindparam("facility_id", type_=BigInteger)]))


def _of_one_facility(query: StatsQuery) -> dict[str, Any]:
    [facility_id] = query.facility_ids or ()
    days = {"first_moment": query.first_moment, "last_moment": query.last_moment}
    return {**days, "facility_id": facility_id}


def day_as_text(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer about one day, as the original does: `date(created_at) = ?`, the day being text."""
    return _grouped(connection, query, _text_of_day, **_of_one_day(query, _only_day(query).isoformat()))


def day_as_date(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer about one day, by the same comparison, the day being a date."""
    return _grouped(connection, query, _date_of_day, **_of_one_day(query, _only_day(query)))


def _text_of_day(shape: int) -> ColumnElement[bool]:
    return and_(of_tenant(), OnDay(CareNote.created_at, bindparam("day", type_=String)), in_facilities(shape))


def _date_of_day(shape: int) -> ColumnElement[bool]:
    return and_(of_tenant(), func.date(CareNote.created_at, type_=Date) == bindparam("day"), in_facilities(shape))


def _of_one_day(query: StatsQuery, day: object) -> dict[str, Any]:
    return {"day": day, **facility_values(query)}


def _only_day(query: StatsQuery) -> date:
    if query.first_day != query.last_day:
        raise ValueError(f"{query.first_day} to {query.last_day}: this aggregator answers about one day")
    return query.first_day


def text_with_a_t(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer about times between ISO texts with a `T`: right on DuckDB, wrong on SQLite, which compares texts."""
    moments = query.first_moment.isoformat(), query.last_moment.isoformat()
    return _grouped(connection, query, _between_texts, **_bounds(query, *moments))


def dates_as_bounds(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer about times between two dates: wrong everywhere, since the last day ends as it begins."""
    return _grouped(connection, query, _between_dates, **_bounds(query, query.first_day, query.last_day))


def _between_texts(shape: int) -> ColumnElement[bool]:
    return _between(String, shape)


def _between_dates(shape: int) -> ColumnElement[bool]:
    return _between(Date, shape)


def _between(kind: type[String] | type[Date], shape: int) -> ColumnElement[bool]:
    first, last = (bindparam(name, type_=kind) for name in ("first", "last"))
    return and_(of_tenant(), type_coerce(CareNote.created_at, kind).between(first, last), in_facilities(shape))


def _bounds(query: StatsQuery, first: object, last: object) -> dict[str, Any]:
    return {"first": first, "last": last, **facility_values(query)}
