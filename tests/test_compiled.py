"""Statements that are compiled once: they say, and answer, what SQLAlchemy would."""

from datetime import datetime

import pytest
from sqlalchemy import BigInteger, bindparam, insert, literal_column, select

from carenotes import compiled
from carenotes.backends import create_database
from carenotes.compiled import rows_of, send
from carenotes.models import CareNote
from carenotes.statements import statements_of

MOMENT = datetime.fromisoformat("2026-01-02 23:59:59.999999")
NOTE = {
    "id": 1, "tenant_id": 7, "facility_id": 2, "patient_id": "50 %", "category": "o'clock", "priority": 3,
    "created_at": MOMENT, "created_by": "staff_1", "note_text": None,
}  # fmt: skip
# With a value of its own, one that is given twice, and a time, which not every driver takes as it is.
MINE = CareNote.tenant_id == bindparam("tenant_id", type_=BigInteger)
UNTIL = (
    select(CareNote.tenant_id, CareNote.patient_id, CareNote.category)
    .where(MINE, CareNote.priority < 4, CareNote.patient_id.like("%0 %"))
    .where(CareNote.created_at <= bindparam("moment"), CareNote.tenant_id <= bindparam("tenant_id", type_=BigInteger))
)


def test_on_every_engine_the_same_is_sent_and_answered(any_url: str) -> None:
    engine = create_database(any_url)
    with engine.begin() as connection:
        connection.execute(insert(CareNote), [NOTE])
    with engine.connect() as connection, statements_of(connection) as sent:
        for values in ({"tenant_id": 7, "moment": MOMENT}, {"tenant_id": 8, "moment": MOMENT}) * 2:
            usual = connection.execute(UNTIL, values).all()
            assert rows_of(connection, UNTIL, values) == [tuple(row) for row in usual]
            (text, given), (sent_text, sent_values) = sent[-2:]
            assert (sent_text, sent_values) == (text, given)
        assert rows_of(connection, UNTIL, {"tenant_id": 7, "moment": MOMENT}) == [(7, "50 %", "o'clock")]
    engine.dispose()


def test_a_value_that_is_missing_is_an_error_and_nothing_is_sent(any_url: str) -> None:
    engine = create_database(any_url)
    with engine.connect() as connection, statements_of(connection) as sent:
        with pytest.raises(KeyError, match="moment"):
            send(connection, UNTIL, {"tenant_id": 7})
        assert sent == []
    engine.dispose()


def test_statements_that_are_made_anew_each_time_do_not_fill_the_memory(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "_TEXTS", {})
    monkeypatch.setattr(compiled, "_MOST", 3)
    engine = create_database(url)
    with engine.connect() as connection:
        for number in range(10):
            assert rows_of(connection, select(literal_column(str(number))), {}) == [(number,)]
            assert 1 <= len(compiled._TEXTS) <= 3
    engine.dispose()
