"""There are two definitions of right, and they are held equal."""

import sqlite3
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from carenotes import Failed, StatsQuery
from carenotes.aggregators import naive
from carenotes.backends import create_database, open_database
from carenotes.lab.notes import oracles
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.oracles import PandasOracle, Truth
from carenotes.models import CareNote
from carenotes.seeding import SeedSpec
from tests.lab.planted import wrong_always

SPEC = SeedSpec(3_000, tenants=3, facilities=4, patients=6, days=12)


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> SeededNotes:
    return SeededNotes(SPEC, tmp_path_factory.mktemp("notes"))


@pytest.fixture(scope="module", params=["sqlite", "duckdb"])
def oracle(request: pytest.FixtureRequest, notes: SeededNotes) -> PandasOracle:
    of = notes if request.param == "sqlite" else notes.on("duckdb")
    return PandasOracle(of.engine(of.best_design))


@given(
    tenant=st.integers(0, 4),
    first=st.integers(-1, 12),
    days=st.integers(0, 13),
    facilities=st.none() | st.sets(st.integers(0, 5), min_size=1),
)
def test_the_second_oracle_answers_as_the_first(
    oracle: PandasOracle, notes: SeededNotes, tenant: int, first: int, days: int, facilities: set[int] | None
) -> None:
    begin = SPEC.last_day - timedelta(days=11 - first)
    query = StatsQuery(tenant, begin, begin + timedelta(days=days), facilities)
    with notes.engine("covering").connect() as connection:
        assert oracle(query) == naive(connection, query)


def test_the_second_oracle_knows_every_day_there_can_be(oracle: PandasOracle) -> None:
    assert oracle(StatsQuery(1, date.min, date.max)).total_notes > 0


def test_the_second_oracle_counts_the_first_and_the_last_moment_of_a_day_and_none_beyond(tmp_path: Path) -> None:
    engine = create_database(f"sqlite:///{tmp_path / 'notes.db'}")
    day, least = datetime(2026, 2, 10), timedelta(microseconds=1)  # noqa: DTZ001 - as the contract has it
    with Session(engine) as session:
        for moment in (day - least, day, day + timedelta(days=1) - least, day + timedelta(days=1)):
            session.add(
                CareNote(tenant_id=1, facility_id=1, patient_id="P1", category="medication", priority=1,
                         created_at=moment, created_by="nurse")
            )  # fmt: skip
        session.commit()
    assert PandasOracle(engine)(StatsQuery.on(1, day.date())).total_notes == 2


ODD = ["p", "p\0", "P", "p ", "", "\u00e9", "e\u0301", None]  # texts, and none at all, which is one patient


def test_the_second_oracle_tells_odd_texts_and_ids_apart_as_the_first_does(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    with closing(sqlite3.connect(file)) as connection:
        columns = ", ".join(column.name for column in CareNote.__table__.columns)
        connection.execute(f"CREATE TABLE care_notes ({columns})")  # somebody's own, in which anything may be NULL
        for number, text in enumerate(ODD * 2):
            facility = -(2**63) if number % 2 else 2**63 - 1
            row = (number, 1, facility, text, text or "none", number - 3, "2026-02-10 08:00:00.000000", "staff_1", None)
            connection.execute("INSERT INTO care_notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.commit()
    engine = open_database(f"sqlite:///{file}")
    second = PandasOracle(engine)
    with engine.connect() as connection:
        for facilities in (None, [2**63 - 1], [-(2**63), 5]):
            query = StatsQuery.on(1, date(2026, 2, 10), facilities)
            assert second(query) == second.at(connection, query) == naive(connection, query)
    assert second(StatsQuery.on(1, date(2026, 2, 10))).unique_patients == len(ODD)
    engine.dispose()


def test_when_the_oracles_differ_nothing_is_called_right(
    notes: SeededNotes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    queries = [StatsQuery.on(1, SPEC.last_day)]
    Truth(notes).hold_oracles_equal(queries)
    monkeypatch.setattr(oracles, "naive", wrong_always)
    Truth(notes).hold_oracles_equal(queries)  # once for all experiments on the same notes
    with pytest.raises(Failed, match="the two oracles differ over StatsQuery"):
        Truth(notes).hold_oracles_equal([*queries, StatsQuery.on(2, SPEC.last_day)])
