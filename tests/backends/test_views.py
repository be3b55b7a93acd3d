"""A view named `care_notes` is read like a table, whatever the engine, and nothing is written to it."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from carenotes import AGGREGATORS, CareStats, Refused, StatsQuery, open_database
from carenotes.backends import create_database
from carenotes.designs import prepare
from carenotes.lab.notes.own import OwnNotes
from carenotes.lab.notes.stored import facts
from carenotes.seeding import SeedSpec, load
from tests.conftest import ON_ANY_DESIGN, Command, one_line_refusal

SPEC = SeedSpec(1_000, tenants=3, facilities=2, patients=4, days=5)
QUERY = StatsQuery(1, date(2026, 6, 26), date(2026, 6, 30))


def answers(url: str) -> list[CareStats]:
    engine = open_database(url, read_only=True)
    with engine.connect() as connection:
        found = [AGGREGATORS[name](connection, QUERY) for name in ON_ANY_DESIGN]
    engine.dispose()
    return found


@pytest.fixture
def view(any_url: str) -> str:
    """Somebody's table, and a view of it that has our names."""
    engine = create_database(any_url)
    load(engine, SPEC)
    engine.dispose()
    before = answers(any_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE care_notes RENAME TO theirs"))
        connection.execute(text("CREATE VIEW care_notes AS SELECT * FROM theirs"))
    engine.dispose()
    assert answers(any_url) == before
    return any_url


def test_a_view_is_read_like_a_table(view: str, tmp_path: Path) -> None:
    found = answers(view)
    assert found[0].total_notes > 0
    assert found == [found[0]] * len(found)
    own = OwnNotes(view, tmp_path / "copies", 700)
    (tmp_path / "copies").mkdir()
    assert facts(own)["notes"] == 1_000
    assert own.sample().population.notes == 700
    own.engine().dispose()


def test_a_view_is_not_written_to(view: str, tmp_path: Path, carenotes_here: Command) -> None:
    (tmp_path / "own.csv").write_text(
        "tenant_id,facility_id,patient_id,category,priority,created_at\n1,1,p,treatment,1,2026-06-30 08:00:00\n"
    )
    for command in (
        ["seed", "--database", view, "--notes", "100", "--append"],
        ["ingest", "own.csv", "--database", view],
        ["index", "--database", view, "--plan", "covering"],
    ):
        said = one_line_refusal(carenotes_here(*command))
        assert said.endswith("care_notes is a view; allowed: to read it; to write, a table of that name")
    engine = open_database(view)
    with pytest.raises(Refused, match="is a view"):
        prepare(engine, "none")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM theirs")).scalar() == 1_000
        assert inspect(connection).get_indexes("theirs") == []
    engine.dispose()
