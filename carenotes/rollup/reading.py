"""The aggregators: a query answered from leaves, or from few nodes of a cover, and from notes where days are marked.

One statement returns nodes and marks: they are of one state of the database. Where days are marked, a second one
returns the marks, the nodes without these days, and the notes of these days. It is sent again when it shows marks that
were not known before.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import zip_longest
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
from sqlalchemy.types import TypeEngine

from carenotes.aggregators.notes_of import ALL, facility_values, in_facilities, of_tenant, shape_of
from carenotes.backends.expressions import Nested, among, spans_in
from carenotes.compiled import rows_of
from carenotes.errors import Refused
from carenotes.models import CareNote
from carenotes.queries import CareStats, StatsQuery
from carenotes.rollup.design import DESIGN
from carenotes.rollup.node import Sum, check_installed
from carenotes.rollup.tables import MARKS, META, NODES, PATIENTS, Built, from_json
from carenotes.rollup.tree import Span, as_times, cover, every, merged, without

_META, _NODE, _MARK, _GROUP, _PATIENT = range(5)  # kinds of rows: each has the kind, a number, a text and bytes


def pyramid(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer from the fewest nodes of the tree over time."""
    return _answered(connection, query, leaves=False)


def rollup(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer from the leaf of each day."""
    return _answered(connection, query, leaves=True)


def _answered(connection: Connection, query: StatsQuery, *, leaves: bool) -> CareStats:
    check_installed()
    shape, span = shape_of(query), (query.first_day.toordinal(), query.last_day.toordinal())
    nodes_of, heard = _leaves if leaves else _nodes, DESIGN.kept(connection.dialect.name)
    values = {"tenant_id": query.tenant_id, "first": span[0], "last": span[1], **facility_values(query)}
    values.update(nodes_of([span], shape))
    rows = rows_of(connection, _statement(shape, leaves, heard), values)
    dirty = _dirty(rows, span)
    known: list[Span] = []
    while dirty != known:
        known = dirty
        values.update(nodes_of(without(span, known), shape), spans=as_times(known))
        rows = rows_of(connection, _statement(shape, leaves, heard, beside_notes=True), values)
        dirty = merged([*known, *_dirty(rows, span)])
    return _added(rows)


def _dirty(rows: Iterable[Any], span: Span) -> list[Span]:
    """The days of a span that no node may answer: those with a mark, and those that were not built."""
    said, notes, marked = "", None, []
    for kind, number, text, *_ in rows:
        if kind == _MARK:
            marked.append((number, number))
        elif kind == _META:
            said, notes = text, number
    built = _understood(said)
    if notes != built.notes:
        raise Refused("the notes are others than those that the rollup was built of; 'carenotes rollup build' makes it")
    if built.first_day > span[0] or built.last_day < span[1]:
        marked += without(span, [(built.first_day, built.last_day)])
    return merged(marked) if marked else marked


@cache
def _understood(said: str) -> Built:
    """What stands in the tables. Kept: it is the same text in each answer."""
    built = from_json(said)
    if built is None or not built.usable:
        raise Refused("the rollup is of another version, or is not finished; 'carenotes rollup build' makes it")
    return built


def _nodes(spans: Sequence[Span], shape: int) -> dict[str, Any]:
    nodes = cover(spans)
    return {"nodes": f"[{','.join(map(str, map(every, nodes) if shape == ALL else nodes))}]"}


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
def _statement(shape: int, leaves: bool, heard: bool, *, beside_notes: bool = False) -> CompoundSelect[Any]:
    """Rows of all kinds, for the facilities of a shape; of notes only where some are answered from them."""
    kinds = _QUIET + _OF_GROUPS if beside_notes else _QUIET
    parts = [_meta(kinds, heard), _of_nodes(kinds, shape, leaves, beside_notes), _of_marks(kinds, shape)]
    if beside_notes:
        parts += [_of_groups(kinds, shape), _of_patients(kinds, shape)]
    return union_all(*parts)


Kinds = tuple[type[TypeEngine[Any]], ...]
_QUIET: Kinds = (BigInteger, String, LargeBinary, LargeBinary)  # of the columns, after the kind of a row
_OF_GROUPS: Kinds = (BigInteger, BigInteger)


def _row(kinds: Kinds, kind: int, *columns: ColumnElement[Any] | None) -> list[ColumnElement[Any]]:
    """The columns of a row of some kind: every statement has as many, whatever the kind of the row."""
    every = zip_longest(columns, kinds)
    of_kind: ColumnElement[Any] = literal_column(str(kind), Integer)
    return [of_kind, *(cast(null(), of) if one is None else type_coerce(one, of) for one, of in every)]


def _meta(kinds: Kinds, heard: bool) -> Select[Any]:
    """What was built; and where nobody hears of changes, how many notes there are now."""
    notes = None if heard else select(func.count()).select_from(CareNote).scalar_subquery()
    return select(*_row(kinds, _META, notes, META.c.built))


def _of_nodes(kinds: Kinds, shape: int, leaves: bool, beside_notes: bool) -> Select[Any]:
    of = NODES.c
    facility = of.facility_id == literal_column("0") if shape == ALL else in_facilities(shape, of.facility_id)
    wanted = among(of.node, "nodes")
    if leaves:
        wanted = of.node.between(bindparam("low", type_=BigInteger), bindparam("high", type_=BigInteger))
        if beside_notes:
            wanted &= ~among(of.node, "not_wanted")
    columns = _row(kinds, _NODE, of.facility_id, of.labels, of.counts, of.patients)
    return select(*columns).where(of_tenant(of.tenant_id), facility, wanted)


def _of_marks(kinds: Kinds, shape: int) -> Select[Any]:
    of = MARKS.c
    days = of.day.between(bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger))
    wanted = (of_tenant(of.tenant_id), days, in_facilities(shape, of.facility_id))
    return select(*_row(kinds, _MARK, of.day)).where(*wanted).distinct()


def _dirty_notes(shape: int) -> tuple[Any, tuple[ColumnElement[bool], ...]]:
    """The notes of the days that are marked: the days first, and an index searched for each."""
    spans, notes = spans_in("spans"), CareNote.__table__
    inside = notes.c.created_at.between(spans.c.first, spans.c.last)
    return Nested(spans, notes, true()), (of_tenant(), inside, in_facilities(shape))


def _of_groups(kinds: Kinds, shape: int) -> Select[Any]:
    of = CareNote.__table__.c
    notes, wanted = _dirty_notes(shape)
    group = (of.facility_id, of.category, of.priority)
    columns = _row(kinds, _GROUP, of.facility_id, of.category, None, None, of.priority, func.count())
    return select(*columns).select_from(notes).where(*wanted).group_by(*group)


def _of_patients(kinds: Kinds, shape: int) -> Select[Any]:
    """The numbers of patients, and the texts of those that have none yet."""
    notes, wanted = _dirty_notes(shape)
    each = select(CareNote.patient_id).select_from(notes).where(*wanted).distinct().subquery()
    of = PATIENTS.c
    there = of_tenant(of.tenant_id) & (of.patient_id == each.c.patient_id)
    text = case((of.number.is_(None), each.c.patient_id))
    return select(*_row(kinds, _PATIENT, of.number, text)).select_from(each.outerjoin(PATIENTS, there))


def _added(rows: Iterable[Any]) -> CareStats:
    """The answer from all rows together."""
    found, nodes, numbers, unnumbered = Sum(), [], [], 0
    for row in rows:
        kind = row[0]
        if kind == _NODE:
            nodes.append(row[1:5])
        elif kind == _GROUP:
            found.add_notes(row[1], row[2], row[5], row[6])
        elif kind == _PATIENT and row[1] is None:
            unnumbered += 1
        elif kind == _PATIENT:
            numbers.append(row[1])
    found.add(nodes)
    patients = found.patients(numbers) + unnumbered
    total = sum(found.by_facility.values())
    return CareStats(total, patients, found.by_category, found.by_priority, found.by_facility)
