"""The naive answer in steps: each does all that the one before it does, and one thing more."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select
from sqlalchemy.orm import Session

from carenotes.aggregators.notes_of import built_once
from carenotes.models import CareNote
from carenotes.original import program
from carenotes.queries import CareStats, StatsQuery
from carenotes.statements import driver_time, placeholders

_EVERY_COLUMN = ", ".join(column.name for column in CareNote.__table__.columns)


def found(connection: Connection, query: StatsQuery) -> Any:
    """The notes are found, and only counted."""
    return _driver(connection, "count(*)", query)


def fetched(connection: Connection, query: StatsQuery) -> Any:
    """Every column of every note is fetched, as the driver gives it."""
    return _driver(connection, _EVERY_COLUMN, query)


def _driver(connection: Connection, columns: str, query: StatsQuery) -> Any:
    """The driver alone: SQL text in, tuples out."""
    facilities = query.facility_ids or ()
    tenant, first, last, *places = placeholders(connection, 3 + len(facilities))
    wanted = f" AND facility_id IN ({', '.join(places)})" if facilities else ""
    sql = (
        f"SELECT {columns} FROM care_notes WHERE tenant_id = {tenant} AND created_at BETWEEN {first} AND {last}{wanted}"  # noqa: S608
    )
    days = (driver_time(connection, query.first_moment), driver_time(connection, query.last_moment))
    driver: Any = connection.connection.driver_connection
    return driver.execute(sql, (query.tenant_id, *days, *facilities)).fetchall()


def converted(connection: Connection, query: StatsQuery) -> Any:
    """Every value is made one of Python's, by SQLAlchemy Core."""
    return connection.execute(*_every_row(query)).all()


def objects(connection: Connection, query: StatsQuery) -> Sequence[CareNote]:
    """Every row is made an object."""
    with Session(connection) as session:
        return session.scalars(*_every_note(query)).all()


@built_once
def _every_row(wanted: ColumnElement[bool]) -> Select[Any]:
    return select(CareNote.__table__).where(wanted)


@built_once
def _every_note(wanted: ColumnElement[bool]) -> Select[CareNote]:
    return select(CareNote).where(wanted)


def one_pass(connection: Connection, query: StatsQuery) -> CareStats:
    """The objects are counted in one pass, where `naive` makes five."""
    return program.one_pass(objects(connection, query))
