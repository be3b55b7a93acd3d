"""Few rows by their key and one statement; more where days are marked; never another answer than the oracle's."""

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, delete, insert, update

from carenotes import AGGREGATORS, CareStats, Refused, StatsQuery, designs
from carenotes.backends import create_database, files
from carenotes.backends.upkeep import upkeep_of
from carenotes.models import CareNote
from carenotes.rollup.building import build
from carenotes.rollup.node import BitMap
from carenotes.rollup.refreshing import refresh
from carenotes.rollup.tables import META, NODES, PATIENTS, Built
from carenotes.seeding import SeedSpec, load
from carenotes.statements import query_plan, statements_of
from tests.rollup.kept import ALWAYS, DAY, KEPT, assert_right, before_statement, note, write

YEAR = StatsQuery(2, date(2025, 7, 3), date(2026, 6, 30))
SPEC = SeedSpec(3_000, tenants=3, facilities=5, patients=4, days=365)


@pytest.fixture
def seeded_year(empty: Engine) -> Engine:
    load(empty, SPEC)
    designs.prepare(empty, "rollup")
    return empty


def ask(name: str, query: StatsQuery, connection: Connection) -> CareStats:
    return AGGREGATORS[name](connection, query)


PERIODS = [
    YEAR,
    StatsQuery(2, date(2026, 6, 30), date(2026, 6, 30)),
    StatsQuery(2, date(2026, 1, 5), date(2026, 5, 17)),
    StatsQuery(2, date(1990, 1, 1), date(2025, 8, 1)),
    StatsQuery(2, date(2026, 7, 1), date.max),
    StatsQuery(2, date.min, date.max),
    StatsQuery(1, date(2026, 1, 5), date(2026, 5, 17), [2]),
    StatsQuery(1, date(2025, 12, 5), date(2026, 5, 17), [1, 2, 3]),
    StatsQuery(1, date(2025, 12, 5), date(2026, 5, 17), range(2, 700)),
    StatsQuery(9, date(2025, 12, 5), date(2026, 5, 17)),
]


def test_any_period_and_list_of_facilities_is_answered_right(seeded_year: Engine) -> None:
    assert_right(seeded_year, *PERIODS)


@pytest.mark.parametrize("name", KEPT)
def test_it_is_one_statement_while_nothing_is_marked(seeded_year: Engine, name: str) -> None:
    with seeded_year.connect() as connection:
        for query in PERIODS:
            with statements_of(connection) as sent:
                AGGREGATORS[name](connection, query)
            assert len(sent) == 1
            assert ("FROM care_notes" in sent[0][0]) == (not upkeep_of(connection).HEARS)  # there they are only counted


@pytest.mark.parametrize("query", PERIODS)
def test_on_sqlite_nodes_are_searched_by_their_whole_key(url: str, query: StatsQuery) -> None:
    engine = create_database(url)
    designs.prepare(engine, "rollup")
    with engine.connect() as connection:
        plans = {name: query_plan(connection, partial(ask, name, query)) for name in KEPT}
    key = "USING PRIMARY KEY (tenant_id=? AND facility_id=? AND node"
    for name, ends in (("pyramid", "=?)"), ("rollup", ">? AND node<?)")):
        [nodes] = [step for step in plans[name] if "carenotes_rollup_nodes" in step]
        assert f"SEARCH carenotes_rollup_nodes {key}{ends}" in nodes
        [marks] = [step for step in plans[name] if "carenotes_rollup_marks " in step]
        assert "USING COVERING INDEX carenotes_rollup_marks_days (tenant_id=? AND day>? AND day<?" in marks
        assert not any("SCAN carenotes_rollup_nodes" in step for step in plans[name])


def test_on_sqlite_notes_of_marked_days_are_searched_by_their_days(url: str) -> None:
    engine = create_database(url)
    load(engine, SPEC)
    designs.prepare(engine, "rollup")
    with engine.begin() as connection:
        connection.execute(delete(CareNote).where(CareNote.id < 200))
    with engine.connect() as connection:
        plan = query_plan(connection, partial(ask, "pyramid", YEAR))
    notes = [step for step in plan if "care_notes" in step]
    assert len(notes) == 2
    assert all(
        "USING COVERING INDEX carenotes_covering (tenant_id=? AND created_at>? AND created_at<?" in n for n in notes
    )


def test_on_postgresql_nodes_are_searched_by_their_whole_key(seeded_year: Engine) -> None:
    if seeded_year.dialect.name != "postgresql":
        pytest.skip("of a server")
    with seeded_year.connect() as connection:
        for query in (YEAR, StatsQuery(1, date(2025, 12, 5), date(2026, 5, 17), [1, 2, 3])):
            plan = "\n".join(query_plan(connection, partial(ask, "pyramid", query)))
            assert "carenotes_rollup_nodes_pkey" in plan
            assert "(node = ANY" in plan.split("Filter")[0]


def test_a_year_is_few_nodes(seeded_year: Engine) -> None:
    with seeded_year.connect() as connection, statements_of(connection) as sent:
        AGGREGATORS["pyramid"](connection, YEAR)
        [(sql, values)] = sent
        assert len(connection.exec_driver_sql(sql, values).all()) <= 20


def test_where_days_are_marked_it_is_two_and_in_one_snapshot_never_more(kept: Engine) -> None:
    write(kept, note(5, patient_id="new"), note(6, DAY + timedelta(days=1), facility_id=2, patient_id="p1"))
    for name in KEPT:
        with kept.connect() as connection, statements_of(connection) as sent:
            AGGREGATORS[name](connection, ALWAYS)
            assert len(sent) == 2
            sent.clear()
            AGGREGATORS[name](connection, StatsQuery.on(3, DAY - timedelta(days=1)))
            AGGREGATORS[name](connection, StatsQuery.on(4, DAY))
            AGGREGATORS[name](connection, StatsQuery.on(3, DAY + timedelta(days=1), [1]))  # of another facility
            assert len(sent) == 3
    assert_right(kept, ALWAYS, *(StatsQuery(3, DAY, DAY + timedelta(days=1), some) for some in ([1], [2], [1, 2])))


@pytest.mark.parametrize("name", KEPT)
def test_marks_that_come_between_two_statements_are_seen(kept: Engine, name: str) -> None:
    """Each statement has a snapshot of its own: a note that is moved between them is neither lost nor doubled."""
    if kept.dialect.name != "postgresql":
        pytest.skip("where a reader holds its one snapshot anyway")
    write(kept, note(5))

    def move() -> None:
        with kept.begin() as other:
            other.execute(
                update(CareNote).where(CareNote.id == 2).values(created_at=note(2, date(2026, 3, 1))["created_at"])
            )

    with upkeep_of(kept).fresh(kept).connect() as connection:
        with before_statement(connection, 2, move) as sent:
            found = AGGREGATORS[name](connection, ALWAYS)
        assert len(sent) == 3
        assert found == AGGREGATORS["naive"](connection, ALWAYS)


@pytest.mark.parametrize("name", KEPT)
def test_a_refresh_between_two_statements_does_no_harm(kept: Engine, name: str) -> None:
    if kept.dialect.name != "postgresql":
        pytest.skip("where a reader holds its one snapshot anyway")
    write(kept, note(5, patient_id="new"))
    with upkeep_of(kept).fresh(kept).connect() as connection:
        with before_statement(connection, 2, lambda: refresh(kept)):
            found = AGGREGATORS[name](connection, ALWAYS)
        assert found == AGGREGATORS["naive"](connection, ALWAYS)


# Days that were not built


@pytest.mark.parametrize(
    ("first", "last"), [(DAY, date.max), (date.min, DAY), (DAY, DAY), (date(2030, 1, 1), date.max)]
)
def test_days_that_were_not_built_are_answered_from_notes(empty: Engine, first: date, last: date) -> None:
    days = [DAY + timedelta(days=offset) for offset in (-900, -2, -1, 0, 1, 2, 900)]
    write(empty, *[note(number, day, patient_id=f"p{number % 3}") for number, day in enumerate(days)])
    build(empty, first, last)
    for low in days:
        assert_right(empty, *[StatsQuery(3, low, high, some) for high in days if high >= low for some in (None, [1])])
    if upkeep_of(empty).HEARS:
        write(empty, *[note(100 + number, day) for number, day in enumerate(days)])
        assert_right(empty, ALWAYS)
        refresh(empty)
        assert_right(empty, ALWAYS)
        with empty.connect() as connection, statements_of(connection) as sent:
            AGGREGATORS["pyramid"](connection, StatsQuery(3, first, first))
        assert len(sent) == 1


# What cannot be used


@pytest.mark.parametrize("what", [Built(whole=False), Built(version=99), Built(fanout=7), "{}", "[]", "no JSON", None])
def test_what_is_half_built_or_of_another_version_is_refused_in_a_line(empty: Engine, what: Built | str | None) -> None:
    designs.prepare(empty, "rollup")
    with empty.begin() as connection:
        connection.execute(delete(META))
        if what is not None:
            said = what.as_json() if isinstance(what, Built) else what
            connection.execute(insert(META).values(id=1, built=said))
    with empty.connect() as connection:
        if what == "{}":  # all as it is by default
            designs.check_needs(connection, "pyramid")
            return
        for name in KEPT:
            with pytest.raises(
                Refused, match=r"rollup is of another version, or is not finished; 'carenotes rollup bui"
            ):
                AGGREGATORS[name](connection, ALWAYS)
            with pytest.raises(Refused, match=f"^{name}: needs the design rollup, which is not there"):
                designs.check_needs(connection, name)
    designs.prepare(empty, "rollup")
    assert_right(empty)


def test_without_the_library_for_bitmaps_it_is_said_how_to_get_it(seeded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carenotes.rollup.node.BitMap", None)
    with (
        create_database(seeded).connect() as connection,
        pytest.raises(Refused, match=r"pip install 'carenotes\[rollups\]'"),
    ):
        AGGREGATORS["pyramid"](connection, ALWAYS)


# Who is who

ODD = ["p1", "P1", "p1 ", " p1", "", "é", "e\u0301", "x" * 5_000, "\U0001f600", "it's", '"', "\\", "p1\n", "%s", ":a"]


def test_patients_are_told_apart_to_the_letter_with_and_without_numbers(empty: Engine) -> None:
    ids = ODD if empty.dialect.name == "postgresql" else [*ODD, "p1\0", "p1\0\0", "\0"]
    rows = [note(number, patient_id=one) for number, one in enumerate(ids)]
    write(empty, *rows)
    designs.prepare(empty, "rollup")
    assert_right(empty)
    if upkeep_of(empty).HEARS:
        write(empty, *[note(100 + one["id"], patient_id=one["patient_id"] + "+") for one in rows])
        assert_right(empty)
        write(empty, *[note(200 + one["id"], DAY - timedelta(days=1), patient_id=one["patient_id"]) for one in rows])
        assert_right(empty)
        refresh(empty)
    assert_right(empty)
    with empty.connect() as connection:
        known = connection.execute(PATIENTS.select()).all()
        assert len(known) == len({one.number for one in known}) == len({one.patient_id for one in known})
        assert {one.patient_id for one in known} >= set(ids)


@pytest.mark.slow
def test_there_may_be_more_patients_than_two_bytes_can_number(url: str) -> None:
    engine = create_database(url)
    many = (1 << 16) + 1_000
    write(engine, *[note(number, DAY + timedelta(days=number % 3), patient_id=f"p{number}") for number in range(many)])
    designs.prepare(engine, "rollup")
    write(engine, note(many, patient_id="p1"), note(many + 1, patient_id="one more"))
    assert_right(engine, StatsQuery.on(3, DAY))
    refresh(engine)
    assert_right(engine)
    with engine.connect() as connection:
        [top] = connection.execute(NODES.select().where(NODES.c.facility_id == 0).order_by(NODES.c.node).limit(1)).all()
    assert len(BitMap.deserialize(top.patients)) == many + 1
    with closing(sqlite3.connect(files.file(engine.url))) as plain:
        assert plain.execute("SELECT count(*) FROM carenotes_rollup_patients").fetchone() == (many + 1,)
