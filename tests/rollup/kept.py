"""A database with a rollup, written to and looked at by tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Connection, Engine, event, insert, select

from carenotes import AGGREGATORS, StatsQuery
from carenotes.aggregators import NEEDS
from carenotes.models import CareNote
from carenotes.rollup.design import DESIGN
from carenotes.rollup.tables import MARKS

DAY = date(2026, 2, 10)
KEPT = [name for name, needs in NEEDS.items() if needs.design == DESIGN]  # aggregators
ALWAYS = StatsQuery(3, date.min, date.max)


def note(number: int, day: date = DAY, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": number,
        "tenant_id": 3,
        "facility_id": 1,
        "patient_id": "p1",
        "category": "medication",
        "priority": 3,
        "created_at": datetime.combine(day, time(12)),
        "created_by": "staff_1",
    }
    return fields | changes


def write(engine: Engine, *notes: dict[str, Any]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(CareNote), list(notes))


def marks(engine: Engine) -> set[tuple[int, int, date]]:
    """Tenant, facility and day of what is in the log."""
    with engine.connect() as connection:
        found = connection.execute(select(MARKS.c.tenant_id, MARKS.c.facility_id, MARKS.c.day)).all()
    return {(tenant, facility, date.fromordinal(max(day, 1))) for tenant, facility, day in found}


def assert_right(engine: Engine, *queries: StatsQuery) -> None:
    """What is kept gives the answers of the oracle, in one snapshot."""
    with engine.begin() as connection:  # else the oracle's session would begin one of its own, and end it
        for query in queries or (ALWAYS,):
            truth = AGGREGATORS["naive"](connection, query)
            assert {name: AGGREGATORS[name](connection, query) for name in KEPT} == dict.fromkeys(KEPT, truth), query


@contextmanager
def before_statement(connection: Connection, number: int, does: Any) -> Iterator[list[str]]:
    """Do something before the so-manyeth statement of a connection; the statements that it sends are given."""
    sent: list[str] = []

    def look(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        sent.append(sql)
        if len(sent) == number:
            does()

    event.listen(connection, "before_cursor_execute", look)
    try:
        yield sent
    finally:
        event.remove(connection, "before_cursor_execute", look)
