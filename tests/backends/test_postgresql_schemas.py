"""Somebody's own schema: what is theirs is read right, or refused by name, and never touched."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, select, text

from carenotes import AGGREGATORS, CareStats, StatsQuery, open_database
from carenotes.backends import BACKENDS, create_database, new_place
from carenotes.lab.notes.oracles import PandasOracle
from carenotes.models import CareNote
from carenotes.seeding import batches, digest, ingest, stored_digest
from carenotes.seeding.copying import copy_latest
from tests.backends.conftest import WRITING, Say, one_line
from tests.conftest import ON_ANY_DESIGN
from tests.somebody import SPEC, Somebody

DAY = date(2026, 6, 30)
ZONES = ["Asia/Tokyo", "America/St_Johns", "UTC"]
COLUMNS = {
    "id": "bigint PRIMARY KEY",
    "tenant_id": "int",
    "facility_id": "int",
    "patient_id": "text",
    "category": "text",
    "priority": "int",
    "created_at": "timestamp",
    "created_by": "text",
    "note_text": "text",
}


def table(somebody: Somebody, **kinds: str) -> URL:
    """A database with a table of theirs, whose columns are ours but for these types."""
    url = somebody.database()
    said = ", ".join(f"{name} {kind}" for name, kind in (COLUMNS | kinds).items())
    somebody.sql(url, "CREATE TYPE mood AS ENUM ('medication', 'treatment')", f"CREATE TABLE care_notes ({said})")
    return url


def add(somebody: Somebody, url: URL, rows: Sequence[tuple[int, int, int, datetime]]) -> None:
    """Notes by tenant, facility, priority and time (in UTC)."""
    for number, (tenant, facility, priority, moment) in enumerate(rows, 1):
        values = (
            f"{number}, {tenant}, {facility}, 'p{number}', 'treatment', {priority}, '{moment.isoformat()}', 's', NULL"
        )
        somebody.sql(url, "SET TimeZone = 'UTC'", f"INSERT INTO care_notes VALUES ({values})")


def every_answer(engine: Engine, query: StatsQuery) -> list[CareStats]:
    """By each aggregator that needs no design, and by both ways of the second oracle."""
    with engine.connect() as connection:
        found = [AGGREGATORS[name](connection, query) for name in ON_ANY_DESIGN]
        found.append(PandasOracle(engine).at(connection, query))
    return [*found, PandasOracle(engine)(query)]


@pytest.fixture
def opened() -> Iterator[Any]:
    """Open a database for reading, and let go of it at the end."""
    engines: list[Engine] = []

    def engine(url: URL) -> Engine:
        engines.append(open_database(url, read_only=True))
        return engines[-1]

    yield engine
    for one in engines:
        one.dispose()


# What cannot be compared

ODD = [
    ("id", "uuid", "id is UUID, not an integer"),
    ("tenant_id", "text", "tenant_id is TEXT, not an integer"),
    ("facility_id", "uuid", "facility_id is UUID, not an integer"),
    ("priority", "numeric", "priority is NUMERIC, not an integer"),
    ("patient_id", "uuid", "patient_id is UUID, not text"),
    ("category", "int", "category is INTEGER, not text"),
    ("created_at", "date", "created_at is DATE, not timestamp"),
    ("created_at", "text", "created_at is TEXT, not timestamp"),
    ("created_by", "int", "created_by is INTEGER, not text"),
]


@pytest.mark.parametrize(("column", "kind", "said"), ODD, ids=[f"{one} {kind}" for one, kind, _ in ODD])
@pytest.mark.parametrize("command", ["stats", *WRITING])
def test_a_column_that_cannot_be_compared_is_refused_by_name(
    say: Say, somebody: Somebody, column: str, kind: str, said: str, command: str
) -> None:
    url = table(somebody, **{column: kind})
    assert f"of another schema; {said}" in one_line(say(command, url))


@pytest.mark.parametrize("command", ["stats", *WRITING])
def test_a_table_without_our_columns_is_refused_by_their_names(say: Say, somebody: Somebody, command: str) -> None:
    url = somebody.database()
    somebody.sql(url, "CREATE TABLE care_notes (id bigint PRIMARY KEY, tenant_id int, priority int)")
    assert "care_notes lacks facility_id, patient_id, category, created_at" in one_line(say(command, url))


@pytest.mark.parametrize(
    "kinds",
    [
        {"patient_id": "varchar(50)", "category": "mood", "created_by": "char(8)"},
        {"id": "int PRIMARY KEY", "tenant_id": "smallint", "facility_id": "smallint", "priority": "smallint"},
        {"tenant_id": "bigint", "facility_id": "bigint", "created_at": "timestamp(0)"},
    ],
)
def test_types_that_can_be_compared_are_read(somebody: Somebody, opened: Any, kinds: dict[str, str]) -> None:
    url = table(somebody, **kinds)
    noon = datetime(2026, 6, 30, 12, tzinfo=UTC)
    add(somebody, url, [(1, 2, 3, noon), (1, 4, 5, noon), (2, 2, 3, noon)])
    found = every_answer(opened(url), StatsQuery.on(1, DAY))
    assert found == [found[0]] * len(found)
    assert (found[0].total_notes, dict(found[0].by_facility)) == (2, {2: 1, 4: 1})
    assert [found[0].by_priority[one] for one in (3, 5)] == [1, 1]


# Times with a zone

EDGES = [datetime(2026, 6, 30, tzinfo=UTC) + timedelta(microseconds=one) for one in (-1, 0, 86_400_000_000 - 1)]
EDGES += [datetime(2026, 7, 1, tzinfo=UTC)]


@pytest.fixture(params=ZONES)
def zoned(request: pytest.FixtureRequest, somebody: Somebody) -> URL:
    """Notes at the edges of a day, on a server that lives in another zone."""
    url = table(somebody, created_at="timestamptz")
    somebody.sql(url, f"ALTER DATABASE {url.database} SET TimeZone = '{request.param}'")
    add(somebody, url, [(1, number, 1, moment) for number, moment in enumerate(EDGES, 1)])
    return url


def test_a_day_is_a_utc_day_wherever_the_server_lives(zoned: URL, opened: Any) -> None:
    found = every_answer(opened(zoned), StatsQuery.on(1, DAY))
    assert found == [found[0]] * len(found)
    assert dict(found[0].by_facility) == {2: 1, 3: 1}


@pytest.mark.parametrize("backend", BACKENDS)
def test_copies_of_times_with_a_zone_are_the_same_moments(
    zoned: URL, opened: Any, tmp_path: Path, backend: str
) -> None:
    place = new_place(tmp_path, "copy", backend)
    copy = create_database(place)
    assert copy_latest(opened(zoned), copy, 10) == len(EDGES)
    with copy.connect() as connection:
        times = connection.execute(select(CareNote.created_at).order_by(CareNote.id)).scalars().all()
    copy.dispose()
    assert times == [one.replace(tzinfo=None) for one in EDGES]
    BACKENDS[backend].drop(place)


def test_what_is_written_to_a_column_with_a_zone_is_utc_too(zoned: URL, somebody: Somebody, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    names = "tenant_id,facility_id,patient_id,category,priority,created_at"
    file.write_text(f"{names}\n7,1,p,treatment,1,2026-06-30 00:00:00\n7,1,p,treatment,1,2026-06-30 23:59:59.999999\n")
    engine = create_database(zoned)
    ingest(engine, file, {})
    engine.dispose()
    asked = "SELECT created_at AT TIME ZONE 'UTC' FROM care_notes WHERE tenant_id = 7 ORDER BY id"
    assert [str(one) for (one,) in somebody.sql(zoned, asked)] == ["2026-06-30 00:00:00", "2026-06-30 23:59:59.999999"]


def test_the_digest_of_notes_is_the_same_with_a_zone(somebody: Somebody, opened: Any) -> None:
    url = somebody.notes()
    zone = f"ALTER DATABASE {url.database} SET TimeZone = 'Asia/Tokyo'"
    in_utc = "ALTER TABLE care_notes ALTER created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC'"
    somebody.sql(url, zone, in_utc)
    with opened(url).connect() as connection:
        assert stored_digest(connection) == digest(batches(SPEC, SPEC.notes))


# Numbers

LARGE = [(2**31, 2**31 + 1), (2**40, 2**33), (2**63 - 1, 2**63 - 1)]


@pytest.mark.parametrize(("tenant", "facility"), LARGE)
@pytest.mark.parametrize("others", [0, 2, 600])
def test_large_numbers_are_found(somebody: Somebody, opened: Any, tenant: int, facility: int, others: int) -> None:
    url = table(somebody, tenant_id="bigint", facility_id="bigint", priority="smallint")
    noon = datetime(2026, 6, 30, 12, tzinfo=UTC)
    add(somebody, url, [(tenant, facility, 3, noon), (tenant, 1_000, 3, noon), (tenant % 2**31, facility, 3, noon)])
    query = StatsQuery.on(tenant, DAY, [facility, *range(others)])
    found = every_answer(opened(url), query)
    assert [dict(one.by_facility) for one in found] == [{facility: 1}] * len(found)


@pytest.mark.parametrize("tenant", [2**31, 2**40, 2**63 - 1, -(2**63)])
@pytest.mark.parametrize("facilities", [None, [2**40], [1, 2**40], range(2**40, 2**40 + 600)])
def test_a_number_that_no_column_can_hold_is_a_plain_zero(
    their_notes: URL, opened: Any, tenant: int, facilities: Sequence[int] | None
) -> None:
    engine = opened(their_notes)
    found = every_answer(engine, StatsQuery.on(tenant, DAY, facilities))
    assert [one.total_notes for one in found] == [0] * len(found)
    if facilities is not None:
        assert [one.total_notes for one in every_answer(engine, StatsQuery.on(1, DAY, facilities[-1:]))] == [0] * len(
            found
        )


def test_what_is_too_large_for_their_column_is_not_half_written(say: Say, somebody: Somebody) -> None:
    url = table(somebody, facility_id="smallint")
    somebody.sql(url, "INSERT INTO care_notes VALUES (9, 1, 1, 'p', 'treatment', 1, '2026-06-30', 's', NULL)")
    engine = create_database(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE care_notes ALTER tenant_id TYPE smallint"))
    engine.dispose()
    file = Path("large.csv")
    assert say("stats", url).returncode == 0  # and we stand in a folder of our own
    names = "tenant_id,facility_id,patient_id,category,priority,created_at"
    file.write_text(f"{names}\n1,1,p,treatment,1,2026-06-30 08:00:00\n70000,1,p,treatment,1,2026-06-30 08:00:00\n")
    done = say("ingest", url)
    assert done.returncode == 0
    engine = create_database(url)
    with pytest.raises(Exception, match=r"too large for care_notes\.tenant_id, which is int16; 0 of 2 rows"):
        ingest(engine, file, {})
    engine.dispose()
    assert somebody.sql(url, "SELECT count(*) FROM care_notes") == [(2,)]


# What is theirs


def test_other_tables_beside_ours_stay_as_they_are(say: Say, somebody: Somebody) -> None:
    url = somebody.database()
    somebody.sql(
        url, "CREATE TABLE orders (id int)", "INSERT INTO orders VALUES (1)", "CREATE INDEX theirs ON orders (id)"
    )
    asked = "SELECT oid, relfilenode FROM pg_class WHERE relname IN ('orders', 'theirs') ORDER BY oid"
    before = somebody.sql(url, asked)
    for command in ("seed", "ingest", "index", "stats"):
        assert say(command, url).returncode == 0
    assert somebody.sql(url, asked) == before
    assert somebody.sql(url, "SELECT id FROM orders") == [(1,)]


def test_to_read_select_suffices_and_leaves_no_trace(say: Say, somebody: Somebody) -> None:
    url = somebody.notes()
    reader = somebody.role(url)
    somebody.sql(url, f"GRANT SELECT ON care_notes TO {reader.username}")
    asked = "SELECT oid, relname, relfilenode, relhasindex FROM pg_class ORDER BY oid"
    before = somebody.sql(url, asked)
    done = say("stats", reader)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["total_notes"] > 0
    assert somebody.sql(url, asked) == before
