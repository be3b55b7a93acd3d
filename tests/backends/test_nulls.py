"""NULL in somebody's own table: what can be answered is, as the oracle does, and the rest is refused in one line."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from carenotes import AGGREGATORS, Refused, StatsQuery, open_database
from carenotes.backends import create_database
from carenotes.designs import DESIGNS, prepare
from carenotes.lab.notes.oracles import PandasOracle
from carenotes.lab.notes.own import OwnNotes
from carenotes.rollup.building import build
from carenotes.seeding import SeedSpec, load
from carenotes.seeding.copying import copy_latest
from tests.conftest import ON_ANY_DESIGN, Command, one_line_refusal

SPEC = SeedSpec(1_000, tenants=3, facilities=2, patients=4, days=5)
DAYS = (date(2026, 6, 26), date(2026, 6, 30))
QUERY = StatsQuery(1, *DAYS)
ASKED = ["--tenant", "1", "--day", f"{DAYS[0]}", "--last-day", f"{DAYS[1]}"]
COUNTED = ("facility_id", "category", "priority")
NEEDED = (*COUNTED, "tenant_id", "patient_id", "created_at", "created_by")

Somebodys = Callable[[str], str]


@pytest.fixture
def somebodys(any_url: str) -> Iterator[Somebodys]:
    """The URL of notes in a table of theirs without a constraint, of which one in ten holds NULL in a column."""
    engine = create_database(any_url)
    load(engine, SPEC)

    def url(column: str) -> str:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE care_notes RENAME TO theirs"))
            connection.execute(text("CREATE TABLE care_notes AS SELECT * FROM theirs"))
            connection.execute(text(f"UPDATE care_notes SET {column} = NULL WHERE id % 10 = 0"))
        engine.dispose()
        return any_url

    yield url
    engine.dispose()


def said_of(column: str) -> str:
    return f"care_notes holds notes whose {column} is NULL; allowed: a view of that name without them"


def opened(url: str) -> Engine:
    return open_database(url, read_only=True)


@pytest.mark.parametrize("column", ["patient_id", "tenant_id", "created_at", "created_by"])
def test_what_can_be_answered_is_alike_by_every_aggregator(somebodys: Somebodys, column: str) -> None:
    """Notes of nobody and of no time are in no answer; those without a patient count as one patient's."""
    engine = opened(somebodys(column))
    with engine.connect() as connection:
        found = [AGGREGATORS[name](connection, QUERY) for name in ON_ANY_DESIGN]
        found.append(PandasOracle(engine).at(connection, QUERY))
        days = f"created_at BETWEEN '{DAYS[0]}' AND '2026-07-01'"
        kept = f"SELECT count(*) FROM theirs WHERE tenant_id = 1 AND {days}"
        every = connection.execute(text(kept)).scalar_one()
        lost = connection.execute(text(f"{kept} AND id % 10 = 0")).scalar_one()
        patients = connection.execute(text("SELECT count(DISTINCT patient_id) FROM care_notes WHERE tenant_id = 1"))
        known = patients.scalar_one()
    engine.dispose()
    assert found == [found[0]] * len(found)
    assert lost > 0
    assert found[0].total_notes == (every - lost if column in ("tenant_id", "created_at") else every)
    assert found[0].unique_patients == (known + 1 if column == "patient_id" else known)


@pytest.mark.parametrize("column", COUNTED)
def test_what_cannot_be_counted_is_refused_by_its_name(
    somebodys: Somebodys, column: str, carenotes_here: Command
) -> None:
    url = somebodys(column)
    for name in ON_ANY_DESIGN:
        done = carenotes_here("stats", "--database", url, *ASKED, "--aggregator", name)
        assert one_line_refusal(done) == f"carenotes: {said_of(column)}"
    without = carenotes_here("stats", "--database", url, "--tenant", "99", "--day", f"{DAYS[0]}")
    assert json.loads(without.stdout)["total_notes"] == 0


@pytest.mark.parametrize("column", NEEDED)
def test_a_report_refuses_before_it_begins_and_so_does_a_copy(
    somebodys: Somebodys, column: str, carenotes_here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARENOTES_DATABASE", "")
    url = somebodys(column)
    done = carenotes_here("report", "--profile", "smoke", "--database", url, "--out", "run")
    assert one_line_refusal(done).endswith(f": {said_of(column)}")
    assert not (tmp_path / "run").exists()
    own = OwnNotes(url, tmp_path, 500)
    with pytest.raises(Refused, match=said_of(column)):
        _ = own.population
    with pytest.raises(Refused, match=said_of(column)):
        copy_latest(own.engine(), create_database(f"sqlite:///{tmp_path / 'copy.sqlite'}"), 500)
    own.engine().dispose()


@pytest.mark.parametrize("column", [*COUNTED, "patient_id"])
def test_a_rollup_is_refused_and_nothing_is_left_of_it(somebodys: Somebodys, column: str) -> None:
    engine = open_database(somebodys(column))
    with pytest.raises(Refused, match=said_of(column)):
        prepare(engine, "rollup")
    with engine.connect() as connection:
        assert not any(part.stands(connection) for part in DESIGNS["rollup"].structures)
    with pytest.raises(Refused, match=said_of(column)):
        build(engine)
    engine.dispose()


@pytest.mark.parametrize("column", ["tenant_id", "created_at"])
def test_a_plan_is_shown_of_a_note_that_has_a_tenant_and_a_time(
    somebodys: Somebodys, column: str, carenotes_here: Command
) -> None:
    url = somebodys(column)
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM care_notes WHERE id < 10"))
    engine.dispose()
    done = carenotes_here("index", "--database", url, "--plan", "date")
    assert (done.returncode, done.stderr) == (0, "")
    assert "pushdown, tenant " in done.stdout


def test_columns_that_may_hold_null_and_hold_none_are_no_hindrance(somebodys: Somebodys, tmp_path: Path) -> None:
    url = somebodys("note_text")
    own = OwnNotes(url, tmp_path, 500)
    assert own.population.notes == 1_000
    own.engine().dispose()
