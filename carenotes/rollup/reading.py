"""The aggregators: a query answered from leaves, or from few nodes of a cover, and from notes where days are marked.

One statement returns nodes and marks: they are of one state of the database. Where days are marked, a second one
returns the marks, the nodes without these days, and the notes of these days. It is sent again when it shows marks that
were not known before.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    LargeBinary,
    Select,
    String,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.sql import ColumnElement, CompoundSelect

from carenotes.aggregators.notes_of import ALL, facility_values, in_facilities, of_tenant, shape_of
from carenotes.backends.expressions import Nested, among, spans_in
from carenotes.errors import Refused
from carenotes.models import CareNote
from carenotes.queries import CareStats, StatsQuery
from carenotes.rollup.node import BitMap, Sum, check_installed
from carenotes.rollup.tables import MARKS, META, NODES, PATIENTS, from_json
from carenotes.rollup.tree import FIRST_DAY, LAST_DAY, Span, as_times, cover, every, merged, without

_META, _NODE, _MARK, _GROUP, _PATIENT = range(5)  # kinds of rows: each has the kind, a number, a text and bytes
_WHOLE = (FIRST_DAY, LAST_DAY)


def pyramid(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer from the fewest nodes of the tree over time."""
    return _answered(connection, query, leaves=False)


def rollup(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer from the leaf of each day."""
    return _answered(connection, query, leaves=True)


def _answered(connection: Connection, query: StatsQuery, *, leaves: bool) -> CareStats:
    check_installed()
    shape, span = shape_of(query), (query.first_day.toordinal(), query.last_day.toordinal())
    nodes_of = _leaves if leaves else _nodes
    values = {"tenant_id": query.tenant_id, "first": span[0], "last": span[1], **facility_values(query)}
    rows = connection.execute(_statement(shape, leaves), values | nodes_of([span], shape)).all()
    known: list[Span] = []
    while (dirty := merged([*known, *_dirty(rows, span)])) != known:
        known = dirty
        values |= {"spans": as_times(known)} | nodes_of(without(span, known), shape)
        rows = connection.execute(_statement(shape, leaves, beside_notes=True), values).all()
    return _added(rows)


def _dirty(rows: Iterable[Any], span: Span) -> list[Span]:
    """The days of a span that no node may answer: those with a mark, and those that were not built."""
    marked = [(row[1], row[1]) for row in rows if row[0] == _MARK]
    said = next((row[2] for row in rows if row[0] == _META), "")
    return [*_outside(said, span), *marked]


@cache
def _understood(said: str) -> Span:
    """The days that were built. Kept: it is the same text in each answer."""
    built = from_json(said)
    if built is None or not built.usable:
        raise Refused("the rollup is of another version, or is not finished; 'carenotes rollup build' makes it")
    return built.first_day, built.last_day


def _outside(said: str, span: Span) -> list[Span]:
    built = _understood(said)
    return [] if built == _WHOLE else without(span, [built])


def _nodes(spans: Sequence[Span], shape: int) -> dict[str, Any]:
    nodes = cover(spans)
    return {"nodes": json.dumps([every(one) for one in nodes] if shape == ALL else nodes)}


def _leaves(spans: Sequence[Span], shape: int) -> dict[str, Any]:
    """A range of leaves, and those in it that are not wanted."""
    if not spans:
        return {"low": 1, "high": 0, "not_wanted": "[]"}
    low, high = spans[0][0], spans[-1][1]
    between = [day for first, last in without((low, high), spans) for day in range(first, last + 1)]
    if shape == ALL:
        low, high, between = every(high), every(low), [every(day) for day in between]
    return {"low": low, "high": high, "not_wanted": json.dumps(between)}


@cache
def _statement(shape: int, leaves: bool, *, beside_notes: bool = False) -> CompoundSelect[Any]:
    """Rows of all kinds, for the facilities of a shape; of notes only where some are answered from them."""
    parts = [select(*_row(_META, text=META.c.built)), _of_nodes(shape, leaves, beside_notes), _of_marks(shape)]
    if beside_notes:
        parts += [_of_groups(shape), _of_patients(shape)]
    return union_all(*parts)


def _row(
    kind: int,
    number: ColumnElement[Any] | None = None,
    text: ColumnElement[Any] | None = None,
    data: ColumnElement[Any] | None = None,
    priority: ColumnElement[Any] | None = None,
    notes: ColumnElement[Any] | None = None,
) -> list[ColumnElement[Any]]:
    given = ((number, BigInteger), (text, String), (data, LargeBinary), (priority, BigInteger), (notes, BigInteger))
    columns: list[ColumnElement[Any]] = [literal_column(str(kind), Integer)]
    return columns + [cast(null(), kind) if one is None else type_coerce(one, kind) for one, kind in given]


def _of_nodes(shape: int, leaves: bool, beside_notes: bool) -> Select[Any]:
    of = NODES.c
    facility = of.facility_id == 0 if shape == ALL else in_facilities(shape, of.facility_id)
    wanted = among(of.node, "nodes")
    if leaves:
        wanted = of.node.between(bindparam("low", type_=BigInteger), bindparam("high", type_=BigInteger))
        if beside_notes:
            wanted &= ~among(of.node, "not_wanted")
    columns = _row(_NODE, of.facility_id, of.counts, of.patients)
    return select(*columns).where(of_tenant(of.tenant_id), facility, wanted)


def _of_marks(shape: int) -> Select[Any]:
    of = MARKS.c
    days = of.day.between(bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger))
    wanted = (of_tenant(of.tenant_id), days, in_facilities(shape, of.facility_id))
    return select(*_row(_MARK, of.day)).where(*wanted).distinct()


def _dirty_notes(shape: int) -> tuple[Any, tuple[ColumnElement[bool], ...]]:
    """The notes of the days that are marked: the days first, and an index searched for each."""
    spans, notes = spans_in("spans"), CareNote.__table__
    inside = notes.c.created_at.between(spans.c.first, spans.c.last)
    return Nested(spans, notes, true()), (of_tenant(), inside, in_facilities(shape))


def _of_groups(shape: int) -> Select[Any]:
    of = CareNote.__table__.c
    notes, wanted = _dirty_notes(shape)
    group = (of.facility_id, of.category, of.priority)
    columns = _row(_GROUP, of.facility_id, of.category, None, of.priority, func.count())
    return select(*columns).select_from(notes).where(*wanted).group_by(*group)


def _of_patients(shape: int) -> Select[Any]:
    """The numbers of patients, and the texts of those that have none yet."""
    notes, wanted = _dirty_notes(shape)
    each = select(CareNote.patient_id).select_from(notes).where(*wanted).distinct().subquery()
    of = PATIENTS.c
    there = of_tenant(of.tenant_id) & (of.patient_id == each.c.patient_id)
    text = case((of.number.is_(None), each.c.patient_id))
    return select(*_row(_PATIENT, of.number, text)).select_from(each.outerjoin(PATIENTS, there))


def _added(rows: Iterable[Any]) -> CareStats:
    """The answer from all rows together."""
    found, numbers, unnumbered = Sum(), [], 0
    for kind, number, text, data, priority, notes in rows:
        if kind == _NODE:
            found.add(number, text, data)
        elif kind == _GROUP:
            found.add_notes(number, text, priority, notes)
        elif kind == _PATIENT and number is None:
            unnumbered += 1
        elif kind == _PATIENT:
            numbers.append(number)
    patients = len(found.union(BitMap(numbers))) + unnumbered
    total = sum(found.by_facility.values())
    return CareStats(total, patients, found.by_category, found.by_priority, found.by_facility)
