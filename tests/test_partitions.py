"""Designs on PostgreSQL: what `prepare` makes of them; partitions by month, there and back, and what they refuse."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from carenotes import Refused, StatsQuery, open_database
from carenotes.aggregators import naive, pushdown
from carenotes.backends import BACKENDS, backend_of, create_database
from carenotes.backends.postgresql import months
from carenotes.designs import DESIGNS, prepare, stands
from carenotes.seeding import SeedSpec, load, stored_digest
from carenotes.seeding.ingest import ingest
from carenotes.statements import query_plan
from tests.conftest import Command, one_line_refusal
from tests.stopped import killed_preparing

pytestmark = pytest.mark.slow  # all of it on a server

SPEC = SeedSpec(3_000, tenants=3, days=70)  # from 22 April to 30 June
MONTHS = [f"carenotes_notes_2026_{month:02d}" for month in (4, 5, 6)]
# Without those that have tables of their own.
HERE = {
    name: one
    for name, one in DESIGNS.items()
    if one.possible_on("postgresql") and one.structures in ((), DESIGNS["partitions"].structures)
}
QUERY = StatsQuery(2, date(2026, 6, 20), date(2026, 6, 25), [1, 2])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    place = BACKENDS["postgresql"].place(tmp_path, "notes")
    if place is None:
        pytest.skip("no server of this engine")
    engine = create_database(place)
    load(engine, SPEC)
    yield engine
    engine.dispose()
    BACKENDS["postgresql"].drop(place)


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def partitions(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return months.partitions(connection)


def ours(engine: Engine) -> set[str]:
    """Tables and indexes of ours, without those of partitions."""
    with engine.connect() as connection:
        tables = {name for name in inspect(connection).get_table_names() if name.startswith("carenotes_")}
        return (tables - {months.REST, *MONTHS}) | backend_of(connection).index_names(connection)


def notes(engine: Engine) -> tuple[int, str]:
    with engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM care_notes")).scalar_one()
        connection.rollback()
        return count, stored_digest(connection)


def test_after_any_other_design_only_what_is_its_own_is_there_and_no_note_is_lost(engine: Engine) -> None:
    before = notes(engine)
    with engine.connect() as connection:
        truth = naive(connection, QUERY)
    for first in HERE:
        for after in HERE:
            prepare(engine, first)
            prepare(engine, after)
            assert ours(engine) == {index.name for index in HERE[after].indexes}
            assert partitions(engine) == ([*MONTHS, months.REST] if after == "partitions" else [])
            with engine.connect() as connection:
                assert stands(connection, after)
                assert pushdown(connection, QUERY) == truth
    assert notes(engine) == before


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("none", "Seq Scan on care_notes"),
        ("original_meant", "using carenotes_meant_tenant_date"),
        ("date", "using carenotes_tenant_created"),
        ("covering", "Index Only Scan on care_notes using carenotes_covering "),
        ("covering_include", "Index Only Scan on care_notes using carenotes_covering_include "),
        ("brin", "Bitmap Index Scan using carenotes_brin"),
        ("partitions", "Index Only Scan on carenotes_notes_2026_06"),
    ],
)
def test_a_design_is_used_for_what_it_is_there_for(engine: Engine, name: str, step: str) -> None:
    prepare(engine, name)
    backend_of(engine).settle(engine)
    with engine.connect() as connection:
        if name == "brin":  # of so few notes a scan is cheaper
            connection.execute(text("SET enable_seqscan = off"))
        if name == "original_meant":  # what it is meant for names the day
            day = text("SELECT count(*) FROM care_notes WHERE tenant_id = 2 AND date(created_at) = '2026-06-20'")
            shown = query_plan(connection, lambda asked: asked.execute(day))
        else:
            shown = query_plan(connection, lambda asked: pushdown(asked, StatsQuery.on(2, date(2026, 6, 20))))
    assert any(step in one for one in shown), shown


def test_a_query_about_a_month_touches_no_other_partition(engine: Engine) -> None:
    prepare(engine, "partitions")
    with engine.connect() as connection:
        shown = query_plan(connection, lambda asked: pushdown(asked, QUERY))
    assert {name for name in [*MONTHS, months.REST] if any(name in step for step in shown)} == {MONTHS[2]}


def test_what_is_there_is_not_made_again(engine: Engine) -> None:
    def oid() -> int:
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT 'care_notes'::regclass::oid::int")).scalar_one())

    prepare(engine, "partitions")
    before = oid()
    prepare(engine, "partitions")
    assert oid() == before
    prepare(engine, "covering")
    assert oid() != before


# Notes that come later


def test_notes_of_a_new_month_find_the_default_partition_and_then_a_month_of_their_own(engine: Engine) -> None:
    prepare(engine, "partitions")
    later = SeedSpec(500, tenants=3, days=20, last_day=date(2026, 8, 3), random_seed=2)
    load(engine, later, append=True)  # by ADBC
    load(engine, SeedSpec(50, tenants=3, days=2, random_seed=3), append=True, writer="executemany")
    before = notes(engine)
    assert partitions(engine) == [*MONTHS, months.REST]
    with engine.begin() as connection:
        made = months.make_months(connection, 2)
    assert made == [f"carenotes_notes_2026_{month:02d}" for month in (7, 8, 9, 10)]
    with engine.begin() as connection:
        assert months.make_months(connection, 2) == []
        assert connection.execute(text(f"SELECT count(*) FROM {months.REST}")).scalar_one() == 0
    assert notes(engine) == before
    assert before[0] == 3_550


def test_the_command_makes_months_ahead_of_the_latest_note(engine: Engine, carenotes: Command) -> None:
    address = engine.url.render_as_string(hide_password=False)
    done = carenotes("index", "--database", address, "--plan", "partitions", "--months-ahead", "2")
    assert done.returncode == 0, done.stderr
    assert "months made: carenotes_notes_2026_07, carenotes_notes_2026_08\n" in done.stdout
    said = one_line_refusal(carenotes("index", "--database", address, "--plan", "date", "--months-ahead", "2"))
    assert said.endswith("--months-ahead is a number of months, 0 or more, and goes with --plan partitions alone")


def test_a_file_is_ingested_into_partitions(engine: Engine, tmp_path: Path) -> None:
    prepare(engine, "partitions")
    file = tmp_path / "notes.csv"
    names = ("tenant_id", "facility_id", "patient_id", "category", "priority", "created_at")
    rows = [f"{tenant},1,p1,medication,3,2026-0{5 + tenant}-01 10:00:00" for tenant in (1, 2, 3)]
    file.write_text("\n".join([",".join(names), *rows]) + "\n")
    ingest(engine, file, {})
    assert notes(engine)[0] == 3_003


def test_notes_at_the_ends_of_the_calendar_have_a_place_there_and_back(engine: Engine) -> None:
    copied = "tenant_id, facility_id, patient_id, category, priority, created_by"
    far = ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999")
    run(engine, *(f"INSERT INTO care_notes ({copied}, id, created_at) SELECT {copied}, {number} + 100000, '{one}' "
                  "FROM care_notes WHERE id = 1" for number, one in enumerate(far)))  # fmt: skip
    before = notes(engine)
    prepare(engine, "partitions")
    with engine.begin() as connection:
        assert months.make_months(connection, 3) == []
        found = connection.execute(text(f"SELECT created_at FROM {months.REST}")).scalars().all()
    assert found == [datetime.fromisoformat(far[1])]
    assert partitions(engine)[0] == "carenotes_notes_0001_01"
    prepare(engine, "none")
    assert notes(engine) == before


def test_a_note_that_is_committed_while_the_table_waits_to_be_renewed_is_kept(engine: Engine) -> None:
    """What a transaction sees is settled by its first look: the lock must come before."""
    copied = "tenant_id, facility_id, patient_id, category, priority, created_at, created_by"
    late = text(f"INSERT INTO care_notes (id, {copied}) SELECT id + 100000, {copied} FROM care_notes WHERE id = 1")
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND database = "
                   "(SELECT oid FROM pg_database WHERE datname = current_database())")  # fmt: skip
    with ThreadPoolExecutor(1) as threads:
        for number, design in enumerate(("partitions", "none")):
            with engine.connect() as writing, engine.connect() as looking:
                writing.execute(text("DELETE FROM care_notes WHERE id > 100000"))
                writing.execute(late)
                made = threads.submit(prepare, engine, design)
                while not looking.execute(waiting).scalar_one():
                    assert not made.done(), number
                writing.commit()
            made.result(60)
            assert notes(engine)[0] == 3_001


# Killed, refused


@pytest.mark.parametrize(
    ("before", "after", "reached"),
    [
        ("covering", "partitions", "ALTER TABLE"),
        ("covering", "partitions", "CREATE TABLE"),
        ("covering", "partitions", "INSERT INTO"),
        ("covering", "partitions", "DROP TABLE"),
        ("partitions", "none", "INSERT INTO"),
        ("partitions", "none", "DROP TABLE"),
    ],
)
def test_killed_in_the_middle_nothing_is_lost_and_the_next_prepare_is_right(
    engine: Engine, before: str, after: str, reached: str
) -> None:
    prepare(engine, before)
    there = notes(engine)
    address = engine.url.render_as_string(hide_password=False)
    killed_preparing(address, after, reached)
    engine.dispose()
    engine = open_database(address)
    with engine.connect() as connection:  # waits for the server to see that its client is gone
        assert stands(connection, before)
    assert notes(engine) == there
    prepare(engine, after)
    assert ours(engine) == {index.name for index in HERE[after].indexes}
    assert notes(engine) == there
    engine.dispose()


@pytest.mark.parametrize(
    ("what", "tie"),
    [
        ("views", "CREATE VIEW theirs AS SELECT * FROM care_notes"),
        ("indexes of others", "CREATE INDEX theirs ON care_notes (created_by)"),
        ("grants", "GRANT SELECT ON care_notes TO public"),
        ("policies", "CREATE POLICY theirs ON care_notes USING (true)"),
        ("foreign keys", "CREATE TABLE theirs (note bigint, moment timestamp, {key})"),
        ("a publication", "CREATE PUBLICATION theirs FOR TABLE care_notes"),
        ("triggers", "CREATE TRIGGER theirs BEFORE UPDATE ON care_notes FOR EACH ROW "
                     "EXECUTE FUNCTION suppress_redundant_updates_trigger()"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["none", "partitions"])
def test_what_somebody_tied_to_the_table_is_not_lost_but_told(engine: Engine, before: str, what: str, tie: str) -> None:
    prepare(engine, before)
    columns = "(note) REFERENCES care_notes (id)" if before == "none" else "(note, moment) REFERENCES care_notes"
    run(engine, tie.format(key=f"FOREIGN KEY {columns}"))
    with pytest.raises(Refused, match=f"^partitions: care_notes has {what}, which a new table would not have"):
        prepare(engine, "partitions" if before == "none" else "none")
    with engine.connect() as connection:
        assert stands(connection, before)
        assert notes(engine)[0] == 3_000


def test_what_somebody_else_partitioned_or_a_view_is_not_touched(engine: Engine) -> None:
    run(engine, "ALTER TABLE care_notes RENAME TO theirs", "CREATE VIEW care_notes AS SELECT * FROM theirs")
    with pytest.raises(Refused, match="care_notes is a view; allowed: to read it"):
        prepare(engine, "partitions")
    run(engine, "DROP VIEW care_notes", "CREATE TABLE care_notes (LIKE theirs) PARTITION BY LIST (tenant_id)")
    for name in ("none", "partitions"):
        with engine.connect() as connection:
            assert not stands(connection, "partitions")
        if name == "partitions":
            with pytest.raises(Refused, match="care_notes is no plain table of its own"):
                prepare(engine, name)
        else:
            prepare(engine, name)


def test_a_table_without_a_key_or_with_notes_of_no_month_is_refused_and_kept(engine: Engine) -> None:
    run(engine, "ALTER TABLE care_notes DROP CONSTRAINT care_notes_pkey")
    with pytest.raises(Refused, match="care_notes has no primary key; allowed: one on id"):
        prepare(engine, "partitions")
    run(
        engine,
        "ALTER TABLE care_notes ADD PRIMARY KEY (id), ALTER created_at DROP NOT NULL",
        "UPDATE care_notes SET created_at = NULL WHERE id = 7",
    )
    with pytest.raises(Refused, match="care_notes holds notes whose created_at is NULL"):
        prepare(engine, "partitions")
    assert partitions(engine) == []
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM care_notes")).scalar_one() == 3_000


def test_ids_that_two_months_share_are_told_and_kept(engine: Engine) -> None:
    prepare(engine, "partitions")
    copied = "tenant_id, facility_id, patient_id, category, priority, created_by"
    run(engine, f"INSERT INTO care_notes (id, created_at, {copied}) SELECT id, '2026-09-01', {copied} FROM care_notes "
                "WHERE id = 7")  # fmt: skip
    with pytest.raises(Refused, match="two months hold the same id"):
        prepare(engine, "none")
    with engine.connect() as connection:
        assert stands(connection, "partitions")
    assert notes(engine)[0] == 3_001


def test_a_month_that_was_detached_is_somebodys_own_and_told(engine: Engine) -> None:
    prepare(engine, "partitions")
    run(engine, f"ALTER TABLE care_notes DETACH PARTITION {MONTHS[0]}")
    with engine.begin() as connection:
        assert months.make_months(connection, 0) == []
        assert stands(connection, "partitions")
    prepare(engine, "none")
    with engine.connect() as connection:
        kept = connection.execute(text(f"SELECT count(*) FROM {MONTHS[0]}")).scalar_one()
        left = connection.execute(text("SELECT count(*) FROM care_notes")).scalar_one()
    assert (kept > 0, kept + left) == (True, 3_000)
    run(engine, f"INSERT INTO care_notes SELECT * FROM {MONTHS[0]}")
    with pytest.raises(Refused, match=rf"{MONTHS[0]} is there and no part of care_notes"):
        prepare(engine, "partitions")


@pytest.mark.parametrize("lost", [months.REST, MONTHS[1]])
def test_a_partition_that_somebody_dropped_does_not_hold_up_the_way_back(engine: Engine, lost: str) -> None:
    prepare(engine, "partitions")
    run(engine, f"DROP TABLE {lost}")
    with engine.connect() as connection:
        assert stands(connection, "partitions") == (lost != months.REST)
    left = notes(engine)
    prepare(engine, "partitions")
    assert months.REST in partitions(engine)
    prepare(engine, "none")
    assert notes(engine) == left
