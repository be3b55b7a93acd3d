"""Every change of a note is marked, whoever makes it and however; nothing else is."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from carenotes import Refused, StatsQuery
from carenotes.backends import create_database, files
from carenotes.backends.upkeep import upkeep_of
from carenotes.designs import prepare, stands
from carenotes.rollup import mark, mark_notes
from carenotes.rollup.building import build
from carenotes.rollup.refreshing import refresh
from carenotes.rollup.tables import MARKS
from carenotes.rollup.verifying import verify
from tests.rollup.kept import ALWAYS, DAY, assert_right, marks, note, write

NEXT = DAY + timedelta(days=1)
HERE, THERE = (3, 1, DAY), (3, 2, DAY)
VALUES = "tenant_id, facility_id, patient_id, category, priority, created_at, created_by"
LATE = f"'{NEXT} 23:59:59.999999'"


def sql(*statements: str) -> Callable[[Engine], None]:
    def run(engine: Engine) -> None:
        with engine.begin() as connection:
            for one in statements:
                connection.exec_driver_sql(one)

    return run


def copied(what: str = "") -> str:
    return f"INSERT INTO care_notes (id, {VALUES}) SELECT id + 10, {VALUES} FROM care_notes {what}"


CHANGES: dict[str, tuple[Callable[[Engine], None], set[Any]]] = {
    "insert": (sql(copied("WHERE id = 1")), {HERE}),
    "insert of many": (sql(copied()), {HERE, THERE}),
    "delete": (sql("DELETE FROM care_notes WHERE id = 2"), {THERE}),
    "delete of all": (sql("DELETE FROM care_notes"), {HERE, THERE}),
    "another day": (sql(f"UPDATE care_notes SET created_at = {LATE} WHERE id = 1"), {HERE, (3, 1, NEXT)}),
    "another facility": (sql("UPDATE care_notes SET facility_id = 7 WHERE id = 1"), {HERE, (3, 7, DAY)}),
    "another tenant": (sql("UPDATE care_notes SET tenant_id = 4 WHERE id = 1"), {HERE, (4, 1, DAY)}),
    "another category": (sql("UPDATE care_notes SET category = 'x' WHERE id = 1"), {HERE}),
    "another priority": (sql("UPDATE care_notes SET priority = -1 WHERE id = 2"), {THERE}),
    "another patient": (sql("UPDATE care_notes SET patient_id = 'P1' WHERE id = 1"), {HERE}),
    "another text": (sql("UPDATE care_notes SET note_text = 'x'"), set()),
    "upsert": (
        sql(f"{copied('WHERE id = 1')} ON CONFLICT (id) DO NOTHING".replace("id + 10", "id")),
        set(),
    ),
    "upsert that changes": (
        sql(f"{copied('WHERE id = 1')} ON CONFLICT (id) DO UPDATE SET facility_id = 9".replace("id + 10", "id")),
        {HERE, (3, 9, DAY)},
    ),
    "nothing": (sql("UPDATE care_notes SET priority = 1 WHERE id = 99", "DELETE FROM care_notes WHERE id = 99"), set()),
}
OF_SQLITE = {
    "replace": (
        sql(f"REPLACE INTO care_notes (id, {VALUES}) SELECT 2, {VALUES} FROM care_notes WHERE id = 1"),
        {HERE, THERE},
    ),
    "update or replace": (sql("UPDATE OR REPLACE care_notes SET id = 2 WHERE id = 1"), {THERE}),
    "insert or fail": (
        sql(*[copied("WHERE id = 1").replace("INSERT", "INSERT OR FAIL").replace("+ 10", f"+ {n}") for n in (10, 20)]),
        {HERE},
    ),
    "insert or ignore": (
        sql(copied("WHERE id = 1").replace("INSERT", "INSERT OR IGNORE").replace("id + 10", "id")),
        {HERE},
    ),
}
OF_POSTGRESQL = {
    "merge": (
        sql("MERGE INTO care_notes n USING (SELECT 1 AS id) s ON n.id = s.id WHEN MATCHED THEN DELETE"),
        {HERE},
    ),
    "swapped": (sql("UPDATE care_notes SET facility_id = 3 - facility_id, patient_id = 'p'"), {HERE, THERE}),
    "truncate": (sql("TRUNCATE care_notes"), set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_marks_the_leaves_that_it_touches_and_answers_stay_right(kept: Engine, change: str) -> None:
    does, expected = CHANGES[change]
    assert_right(kept)
    does(kept)
    there = marks(kept)
    if change == "upsert" and there:  # what is there already is about to be replaced, as far as one can see before
        there -= {HERE}
    assert there == expected
    assert_right(kept)
    refresh(kept)
    assert marks(kept) == set()
    assert_right(kept)


@pytest.mark.parametrize(
    ("dialect", "change"), [("sqlite", one) for one in OF_SQLITE] + [("postgresql", one) for one in OF_POSTGRESQL]
)
def test_so_does_a_change_by_words_that_only_one_engine_has(kept: Engine, dialect: str, change: str) -> None:
    if kept.dialect.name != dialect:
        pytest.skip("not its words")
    does, expected = (OF_SQLITE | OF_POSTGRESQL)[change]
    does(kept)
    assert marks(kept) == expected
    assert_right(kept)
    refresh(kept)
    assert_right(kept)
    write(kept, note(50, patient_id="new"))
    assert_right(kept)


def test_of_two_notes_alike_one_that_changes_is_marked_where_it_was_and_where_it_is(kept: Engine) -> None:
    sql(copied("WHERE id = 1"))(kept)
    refresh(kept)
    sql("UPDATE care_notes SET facility_id = CASE WHEN id = 1 THEN 9 ELSE facility_id END WHERE id IN (1, 11)")(kept)
    assert marks(kept) == {HERE, (3, 9, DAY)}
    assert_right(kept)


def test_a_change_that_is_rolled_back_leaves_no_mark(kept: Engine) -> None:
    with kept.connect() as connection:
        connection.exec_driver_sql(copied())
        assert_right(kept) if kept.dialect.name == "postgresql" else None
        connection.rollback()
    assert marks(kept) == set()
    assert_right(kept)


@pytest.mark.parametrize("day", [date.min, date.max, date(2024, 2, 29)])
def test_the_day_of_a_mark_is_right_at_the_edges_of_the_calendar(kept: Engine, day: date) -> None:
    for number, moment in enumerate((datetime.min.time(), datetime.max.time())):
        write(kept, note(10 + number, created_at=datetime.combine(day, moment)))
        assert marks(kept) == {(3, 1, day)}
        refresh(kept)
    assert_right(kept)


def test_a_trigger_that_was_removed_or_changed_is_noticed(kept: Engine) -> None:
    names = {"sqlite": "carenotes_rollup_marks_deleted", "postgresql": "carenotes_rollup_marks_delete ON care_notes"}
    with kept.begin() as connection:
        assert stands(connection, "rollup")
        connection.exec_driver_sql(f"DROP TRIGGER {names[kept.dialect.name]}")
        assert not stands(connection, "rollup")
    prepare(kept, "rollup")
    with kept.connect() as connection:
        assert stands(connection, "rollup")


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_on_sqlite_a_mark_that_is_there_serves_every_transaction_that_finds_it(url: str, journal: str) -> None:
    """Nobody takes it before they end; and who has seen a mark that was taken since may not write."""
    engine = create_database(url)
    write(engine, note(1))
    prepare(engine, "rollup")
    count = "SELECT count(*) FROM carenotes_rollup_marks"
    with (
        closing(sqlite3.connect(files.file(engine.url), timeout=0, isolation_level=None)) as one,
        closing(sqlite3.connect(files.file(engine.url), timeout=0, isolation_level=None)) as other,
    ):
        assert one.execute(f"PRAGMA journal_mode = {journal}").fetchone() == (journal,)
        write(engine, note(2, patient_id="p2"))
        one.execute("BEGIN")
        one.execute(copied("WHERE id = 1"))
        assert one.execute(count).fetchone() == (1,)  # none of its own
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")  # as a refresh does
        one.execute("COMMIT")
        assert refresh(engine) == 1
        assert_right(engine)

        write(engine, note(3, patient_id="p3"))
        one.execute("BEGIN")
        assert one.execute(count).fetchone() == (1,)
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM carenotes_rollup_marks")
        if journal == "wal":
            other.execute("COMMIT")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                one.execute(copied("WHERE id = 2"))
            one.execute("ROLLBACK")
            sql("UPDATE care_notes SET priority = priority")(engine)  # what was taken here without a refresh
        else:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("COMMIT")
            other.execute("ROLLBACK")
            one.execute(copied("WHERE id = 2"))
            one.execute("COMMIT")
    assert_right(engine)
    assert refresh(engine) == 1
    assert_right(engine)


def test_a_mark_that_was_undone_is_made_again(kept: Engine) -> None:
    with kept.begin() as connection:
        inner = connection.begin_nested()
        connection.exec_driver_sql(copied("WHERE id = 1"))
        inner.rollback()
        connection.exec_driver_sql("DELETE FROM care_notes WHERE id = 1")
    assert marks(kept) == {HERE}
    assert_right(kept)


# What only a server has


@pytest.fixture
def on_server(server: Engine) -> Engine:
    write(server, note(1), note(2, facility_id=2, patient_id="p2"))
    prepare(server, "rollup")
    return server


def test_a_trigger_that_is_switched_off_is_noticed(on_server: Engine) -> None:
    with on_server.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE care_notes DISABLE TRIGGER carenotes_rollup_marks_update")
        assert not stands(connection, "rollup")


def test_whoever_may_write_notes_needs_no_right_on_the_log_and_cannot_lead_it_elsewhere(on_server: Engine) -> None:
    with on_server.begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS carenotes_writer")
        connection.exec_driver_sql("CREATE ROLE carenotes_writer")
        connection.exec_driver_sql("GRANT SELECT, INSERT ON care_notes TO carenotes_writer")
        connection.exec_driver_sql("CREATE SCHEMA theirs AUTHORIZATION carenotes_writer")
    try:
        with on_server.begin() as connection:
            connection.exec_driver_sql("SET LOCAL ROLE carenotes_writer")
            connection.exec_driver_sql("CREATE TABLE theirs.carenotes_rollup_marks (LIKE care_notes)")
            connection.exec_driver_sql("SET LOCAL search_path = theirs, public")
            connection.exec_driver_sql(copied("WHERE id = 1"))
        assert marks(on_server) == {HERE}
    finally:
        with on_server.begin() as connection:
            connection.exec_driver_sql("DROP OWNED BY carenotes_writer CASCADE")
            connection.exec_driver_sql("DROP ROLE carenotes_writer")


def test_a_truncation_that_an_old_snapshot_does_not_see_the_whole_of_leaves_nothing_behind(on_server: Engine) -> None:
    with on_server.connect() as connection:
        connection.execute(text("SELECT 1 FROM care_notes")).all()  # a repeatable read begins
        write(on_server, note(30, NEXT, facility_id=8))
        refresh(on_server)
        connection.exec_driver_sql("TRUNCATE care_notes")
        connection.commit()
    assert_right(on_server)


@pytest.fixture
def raw(server: Engine) -> Engine:
    """A server's database without notes' table."""
    with server.begin() as connection:
        connection.exec_driver_sql("DROP TABLE care_notes")
    return server


COLUMNS = (
    "id bigint, tenant_id bigint, facility_id integer, patient_id text, category text, priority smallint, "
    "created_at {} NOT NULL, created_by text, note_text text"
)


def test_partitions_are_heard_also_when_they_are_written_to_themselves(raw: Engine) -> None:
    sql(
        f"CREATE TABLE care_notes ({COLUMNS.format('timestamp')}) PARTITION BY RANGE (created_at)",
        "CREATE TABLE january PARTITION OF care_notes FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
        "CREATE TABLE february PARTITION OF care_notes FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
    )(raw)
    write(raw, note(1), note(2, date(2026, 1, 31)))
    prepare(raw, "rollup")
    sql(f"INSERT INTO february (id, {VALUES}) SELECT 3, {VALUES} FROM care_notes WHERE id = 1")(raw)
    assert marks(raw) == {HERE}
    assert_right(raw)
    refresh(raw)
    sql("UPDATE care_notes SET created_at = '2026-01-05' WHERE id = 1")(raw)  # from one partition into another
    assert marks(raw) == {HERE, (3, 1, date(2026, 1, 5))}
    sql("DELETE FROM january WHERE id = 2")(raw)
    assert_right(raw)
    refresh(raw)
    assert_right(raw)


def test_a_partition_that_is_detached_is_told_by_a_call(raw: Engine) -> None:
    sql(
        f"CREATE TABLE care_notes ({COLUMNS.format('timestamp')}) PARTITION BY RANGE (created_at)",
        "CREATE TABLE february PARTITION OF care_notes FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
    )(raw)
    write(raw, note(1))
    prepare(raw, "rollup")
    with raw.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE care_notes DETACH PARTITION february")
        mark(connection, *HERE)
    assert_right(raw)
    refresh(raw)
    assert_right(raw)


_LATER = VALUES.replace("created_at", "created_at + interval '{} days'")
PARTITION = "PARTITION OF care_notes FOR VALUES FROM ('2026-{:02d}-01') TO ('2026-{:02d}-01')"
OF_PARTITIONS = {
    "detached": ["ALTER TABLE care_notes DETACH PARTITION february"],
    "dropped": ["DROP TABLE february"],
    "truncated": ["TRUNCATE february"],
    "attached": [f"ALTER TABLE care_notes ATTACH PARTITION march {PARTITION.split('care_notes ')[1].format(3, 4)}"],
    "made": [
        f"CREATE TABLE april {PARTITION.format(4, 5)}",
        f"INSERT INTO april (id, {VALUES}) SELECT 9, {_LATER.format(60)} FROM care_notes WHERE id = 1",
    ],
}


@pytest.mark.parametrize("what", OF_PARTITIONS)
def test_what_is_done_to_a_whole_partition_is_told_by_a_call_and_a_new_one_is_heard(raw: Engine, what: str) -> None:
    own = COLUMNS.format("timestamp")
    sql(
        f"CREATE TABLE care_notes ({own}) PARTITION BY RANGE (created_at)",
        f"CREATE TABLE january {PARTITION.format(1, 2)}",
        f"CREATE TABLE february {PARTITION.format(2, 3)}",
        f"CREATE TABLE march ({own})",
    )(raw)
    write(raw, note(1), note(2, date(2026, 1, 31)), note(3, tenant_id=4), note(4, date(2026, 2, 1), facility_id=2))
    sql(f"INSERT INTO march (id, {VALUES}) SELECT id + 10, {_LATER.format(30)} FROM care_notes WHERE id = 1")(raw)
    prepare(raw, "rollup")
    with raw.begin() as connection:
        before, after = ((DAY - timedelta(days=30), date(2026, 2, 28)), (date(2026, 3, 1), date(2026, 3, 31)))
        if what not in ("attached", "made"):
            mark_notes(connection, *before)
        for one in OF_PARTITIONS[what]:
            connection.exec_driver_sql(one)
        if what == "attached":
            mark_notes(connection, *after)
    assert len(marks(raw)) == (1 if what in ("attached", "made") else 4)
    every = (ALWAYS, StatsQuery(4, date.min, date.max))
    assert_right(raw, *every)
    refresh(raw)
    assert [*verify(raw)] == []
    sql("UPDATE care_notes SET facility_id = 5")(raw)  # whatever came is heard
    assert_right(raw, *every)
    refresh(raw)
    assert [*verify(raw)] == []


def test_partitions_of_ours_give_way_to_a_rollup_and_it_to_them(on_server: Engine) -> None:
    for design in ("partitions", "rollup", "partitions"):
        prepare(on_server, design)
        with on_server.connect() as connection:
            assert [stands(connection, one) for one in ("partitions", "rollup")] == [
                design == "partitions",
                design == "rollup",
            ]
    build(on_server)
    assert_right(on_server)


def test_a_time_with_a_zone_is_of_its_day_in_utc_whatever_the_zone_of_who_writes(raw: Engine) -> None:
    sql(f"CREATE TABLE care_notes ({COLUMNS.format('timestamptz')})")(raw)
    prepare(raw, "rollup")
    sql(
        "SET TIME ZONE 'Asia/Tokyo'",
        f"INSERT INTO care_notes (id, {VALUES}) VALUES (1, 3, 1, 'p', 'c', 1, '2026-02-11 08:59:59', 'x')",
    )(raw)
    raw.dispose()
    assert marks(raw) == {HERE}
    assert_right(raw)
    refresh(raw)
    assert_right(raw)


def test_a_view_is_refused_for_nobody_hears_what_is_written_behind_it(raw: Engine) -> None:
    sql(f"CREATE TABLE theirs ({COLUMNS.format('timestamp')})", "CREATE VIEW care_notes AS SELECT * FROM theirs")(raw)
    with raw.begin() as connection, pytest.raises(Refused, match="care_notes is no table"):
        upkeep_of(raw).hear(connection, MARKS, [MARKS])


def test_another_program_s_connection_is_heard(kept: Engine) -> None:
    other = create_engine(kept.url)
    with other.begin() as connection:
        connection.exec_driver_sql(copied("WHERE id = 2"))
    other.dispose()
    assert marks(kept) == {THERE}
