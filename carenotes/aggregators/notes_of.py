"""Which notes a query is about: the one WHERE clause that every aggregator over notes shares.

A statement is built once for each of a few shapes, and asked again with other values: to build it costs more than to
run it over the notes of a day.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

from sqlalchemy import BigInteger, ColumnElement, SQLColumnExpression, and_, bindparam, true

from carenotes.backends.expressions import numbers_in
from carenotes.models import CareNote
from carenotes.queries import StatsQuery

# Databases bound the number of parameters; a longer list travels as one JSON text.
LONGEST_IN = 512
ALL, ONE, JSON_LIST = 0, 1, -1  # shapes; the others are how many places an IN has

Values = dict[str, Any]
Statement = TypeVar("Statement")


def built_once(
    build: Callable[[ColumnElement[bool]], Statement],
) -> Callable[[StatsQuery], tuple[Statement, Values]]:
    """From a function that builds a statement about the notes that are wanted, one that takes a query.

    It gives the statement, which is the same object for all queries of a shape, and the values to send beside it.
    """
    of_shape = cache(lambda shape: build(notes_of(shape)))

    @wraps(build)
    def statement(query: StatsQuery) -> tuple[Statement, Values]:
        return of_shape(shape_of(query)), values_of(query)

    return statement


def shape_of(query: StatsQuery) -> int:
    """How the facilities of a query are spelled: not at all, by `=`, by an IN of so many places, or as one text.

    The places are a power of two, so that there are few shapes: the last facility fills those that are left.
    """
    if query.facility_ids is None:
        return ALL
    places = 1 << (len(query.facility_ids) - 1).bit_length()
    return places if places <= LONGEST_IN else JSON_LIST


def values_of(query: StatsQuery) -> Values:
    """The values of a query by the names that `notes_of` gives them."""
    values: Values = {
        "tenant_id": query.tenant_id,
        "first_moment": query.first_moment,
        "last_moment": query.last_moment,
    }
    return values | facility_values(query)


def facility_values(query: StatsQuery) -> Values:
    """Those of the facilities alone."""
    facilities, shape = query.facility_ids, shape_of(query)
    if facilities is None:
        return {}
    if shape == JSON_LIST:
        return {"facilities": f"[{','.join(map(str, facilities))}]"}
    return {_place(number): facilities[min(number, len(facilities) - 1)] for number in range(shape)}


def notes_of(shape: int) -> ColumnElement[bool]:
    """The condition that a note belongs to a query of a shape: always its tenant, its days, and its facilities."""
    days = CareNote.created_at.between(bindparam("first_moment"), bindparam("last_moment"))
    return and_(of_tenant(), days, in_facilities(shape))


def of_tenant(tenant: SQLColumnExpression[int] = CareNote.tenant_id) -> ColumnElement[bool]:
    """The condition that a note, or a row of a table made from notes, is the tenant's."""
    return tenant == bindparam("tenant_id", type_=BigInteger)


def in_facilities(shape: int, facility: SQLColumnExpression[int] = CareNote.facility_id) -> ColumnElement[bool]:
    """The condition that a note was written in one of the facilities, or such a row is of one of them."""
    if shape == ALL:
        return true()
    if shape == ONE:
        return facility == bindparam(_place(0), type_=BigInteger)
    if shape == JSON_LIST:
        return facility.in_(numbers_in("facilities"))
    return facility.in_([bindparam(_place(number), type_=BigInteger) for number in range(shape)])


def _place(number: int) -> str:
    return f"facility_{number}"
