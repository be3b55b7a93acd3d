"""Counts of each facility and day, and who the patients were: kept by triggers, or by a server's materialized views.

Distinct patients do not add up. So that any period and any facilities are answered exactly, each patient of a facility
and a day is a row, and a query counts the different ones among the rows that it meets.
"""

from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, MetaData, Select, String, Table, bindparam, cast, func, select

from carenotes.aggregators.notes_of import facility_values, in_facilities, of_tenant, shape_of
from carenotes.aggregators.pushdown import from_groups
from carenotes.compiled import rows_of
from carenotes.queries import CareStats, StatsQuery

OWN = MetaData()


def _table(name: str, *columns: Column[Any]) -> Table:
    keys = [Column(one, BigInteger, primary_key=True, autoincrement=False) for one in ("tenant_id", "day")]
    facility = Column("facility_id", BigInteger, primary_key=True, autoincrement=False)
    notes = Column("notes", BigInteger, nullable=False)
    return Table(name, OWN, *keys, facility, *columns, notes, sqlite_with_rowid=False)


# How many notes there are of each; a row may be left that counts none.
GROUPS = _table(
    "carenotes_counted_groups",
    Column("category", String, primary_key=True),
    Column("priority", BigInteger, primary_key=True, autoincrement=False),
)
PATIENTS = _table("carenotes_counted_patients", Column("patient_id", String, primary_key=True))


def counted(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer from these counts, in one statement."""
    days = {"first": query.first_day.toordinal(), "last": query.last_day.toordinal()}
    values = {"tenant_id": query.tenant_id, **days, **facility_values(query)}
    return from_groups(rows_of(connection, _statement(shape_of(query)), values))


@cache
def _statement(shape: int) -> Select[Any]:
    each = select(PATIENTS.c.patient_id).where(*_wanted(PATIENTS, shape)).distinct().subquery()
    patients = select(func.count()).select_from(each).scalar_subquery()
    of = GROUPS.c
    group = (of.facility_id, of.category, of.priority)
    notes = cast(func.sum(of.notes), BigInteger)
    return select(*group, notes, patients).where(*_wanted(GROUPS, shape)).group_by(*group)


def _wanted(table: Table, shape: int) -> tuple[Any, ...]:
    of = table.c
    days = of.day.between(bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger))
    return of_tenant(of.tenant_id), days, in_facilities(shape, of.facility_id), of.notes > 0
