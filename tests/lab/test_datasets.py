"""Copies of notes are the same notes: in another engine, with longer texts, fewer of them; nothing is copied twice."""

from pathlib import Path

import pytest

from carenotes import StatsQuery, open_database
from carenotes.aggregators import Needs, naive, pushdown
from carenotes.design import DATE, ORIGINAL
from carenotes.lab.notes.copies import Copies, SeededNotes
from carenotes.lab.notes.own import OwnNotes
from carenotes.lab.notes.stored import AS_IT_IS, facts
from carenotes.seeding import SeedSpec

SPEC = SeedSpec(1_500, tenants=3, facilities=3, patients=5, days=10)


@pytest.fixture(params=["seeded", "own", "own in DuckDB"])
def notes(request: pytest.FixtureRequest, tmp_path: Path) -> Copies:
    made = SeededNotes(SPEC, tmp_path / "made", "duckdb" if "DuckDB" in request.param else "sqlite")
    (tmp_path / "made").mkdir()
    (tmp_path / "copies").mkdir()
    if request.param == "seeded":
        return made
    url = str(made.engine("none").url)
    made.close()
    return OwnNotes(url, tmp_path / "copies", 1_500).sample()


def test_on_another_engine_they_are_the_same_notes(notes: Copies) -> None:
    other = notes.on("duckdb")
    assert other.engine("none").dialect.name == "duckdb"
    assert facts(other)["digest"] == facts(notes)["digest"]
    other.close()


def test_fewer_notes_are_as_many_as_were_asked_for(notes: Copies) -> None:
    assert notes.resized(700).population.notes == 700
    assert notes.most() >= 1_500


def test_longer_texts_change_no_answer(notes: Copies) -> None:
    wide = notes.wider(300)
    query = StatsQuery(1, notes.population.first_day, notes.population.last_day)
    with notes.engine("none").connect() as narrow, wide.engine("covering").connect() as connection:
        assert pushdown(connection, query) == naive(narrow, query)
        lengths = connection.exec_driver_sql("SELECT DISTINCT length(note_text) FROM care_notes").scalars().all()
    assert lengths == [300]


def test_a_copy_that_was_cut_off_is_made_anew(notes: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = notes.wider(10)
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        wide.engine("none")
    monkeypatch.undo()
    again = notes.wider(10)
    assert again.population.notes == 1_500


def test_the_files_of_copies_are_databases_of_ours(notes: Copies) -> None:
    for plan in ("none", "covering"):
        with open_database(notes.url(plan), read_only=True).connect() as connection:
            assert naive(connection, StatsQuery.on(99, SPEC.last_day)).total_notes == 0


def test_an_aggregator_is_timed_on_the_design_that_it_needs(
    notes: Copies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert notes.design_for("pushdown") == notes.best_design
    own = OwnNotes(notes.url("none"), tmp_path, 100)
    notes.close()
    assert own.design_for("pushdown") == AS_IT_IS
    for module in ("copies", "own"):
        needs = {"another": Needs(DATE), "none": Needs(ORIGINAL)}
        monkeypatch.setattr(f"carenotes.lab.notes.{module}.NEEDS", needs)
    assert notes.design_for("another") == "date"
    assert notes.design_for("none") == ("original" if notes.backend == "sqlite" else None)
    assert own.design_for("another") is None  # the index is not there, and is not made in somebody's database
    dated = OwnNotes(notes.url("date"), tmp_path, 100)
    notes.close()
    assert dated.design_for("another") == AS_IT_IS
