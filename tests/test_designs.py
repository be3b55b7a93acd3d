"""A design by name is what `prepare` makes it: whole, the only one of ours, from whatever was there before."""

import re
import runpy
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects import sqlite

from carenotes import AGGREGATORS, Refused, StatsQuery, designs, open_database
from carenotes.aggregators import NEEDS, Needs, naive, pushdown
from carenotes.backends import BACKENDS, backend_of, create_database
from carenotes.design import COVERING, INDEX_PLANS, NONE, Design
from carenotes.designs import DESIGNS, Structure, check_needs, ddl, prepare, stands, title
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.revisions import race, regression
from carenotes.rollup import tables
from carenotes.seeding import SeedSpec, load
from carenotes.statements import query_plan, statements_of
from tests.conftest import ROOT, Command, one_line_refusal
from tests.stopped import killed_preparing

QUERY = StatsQuery.on(2, date(2026, 6, 25), [1, 2])
SPEC = SeedSpec(2_000, tenants=3, days=10)


def from_the_page() -> Design:
    """The design that the page about aggregators adds: the one that is more than indexes."""
    page = (ROOT / "docs" / "how-do-i" / "add-an-aggregator.md").read_text()
    [code] = re.findall(r"tallies/design\.py <<'END'\n(.*?)^END$", page, flags=re.S | re.M)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "design.py"
        file.write_text(code)
        design: Design = runpy.run_path(str(file))["DESIGN"]
        return design


TALLIES = from_the_page()
EVERY = {**DESIGNS, TALLIES.name: TALLIES}
ON_SQLITE = {name: one for name, one in EVERY.items() if one.possible_on("sqlite")}
WHOLE = {"carenotes_tallies"} | {f"carenotes_tallies_{event}" for event in ("inserted", "deleted", "updated")}
HEARD = ("inserted", "deleted", "updated", "replaced", "renumbered")
OURS = {
    "tallies": WHOLE,
    "rollup": set(tables.OWN.tables) | {f"carenotes_rollup_marks_{event}" for event in HEARD},
}


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    """An aggregator that needs the design is there, as after the page."""
    monkeypatch.setattr(designs, "DESIGNS", MappingProxyType(EVERY))
    for module in (designs, race):
        monkeypatch.setattr(module, "NEEDS", {**NEEDS, "tallies": Needs(TALLIES)})


@pytest.fixture
def engine(url: str) -> Engine:
    engine = create_database(url)
    load(engine, SPEC)
    return engine


def index_names(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        names: set[str] = backend_of(connection).index_names(connection)
        return names


def ours(engine: Engine) -> set[str]:
    """Tables and triggers of ours."""
    with engine.connect() as connection:
        found = connection.execute(text("SELECT name FROM sqlite_master WHERE type <> 'index'")).scalars()
        return {name for name in found if name.startswith("carenotes_")}


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def assert_true(engine: Engine) -> None:
    """The tallies are there, and are what counting the notes gives."""
    key = "tenant_id, {day}, facility_id, category, priority, patient_id"
    with engine.connect() as connection:
        assert stands(connection, "tallies")
        notes = connection.execute(text(f"SELECT {key} FROM care_notes".format(day="substr(created_at, 1, 10)"))).all()
        kept = connection.execute(text(f"SELECT {key}, notes FROM carenotes_tallies".format(day="day"))).all()
    assert {tuple(row[:-1]): row[-1] for row in kept} == Counter(map(tuple, notes))
    assert len(kept) == len(set(map(tuple, notes)))


# What prepare makes


@pytest.mark.parametrize("before", ON_SQLITE)
@pytest.mark.parametrize("after", ON_SQLITE)
def test_after_any_other_design_only_what_is_its_own_is_there(engine: Engine, before: str, after: str) -> None:
    prepare(engine, before)
    prepare(engine, after)
    assert index_names(engine) == {index.name for index in EVERY[after].indexes}
    assert ours(engine) == OURS.get(after, set())
    with engine.connect() as connection:
        assert [name for name in ON_SQLITE if stands(connection, name)] == [
            name
            for name, one in ON_SQLITE.items()
            if set(one.indexes) <= set(EVERY[after].indexes) and one.structures in ((), EVERY[after].structures)
        ]


@pytest.mark.parametrize("name", ON_SQLITE)
def test_a_design_that_is_there_is_not_made_again(engine: Engine, name: str) -> None:
    def changes() -> int:
        with engine.connect() as connection:
            return int(connection.execute(text("PRAGMA schema_version")).scalar_one())

    prepare(engine, name)
    before = changes()
    prepare(engine, name)
    assert changes() == before
    prepare(engine, "date" if name == "none" else "none")
    assert changes() > before


def test_indexes_are_made_in_the_order_of_the_design_from_the_first_that_is_missing(engine: Engine) -> None:
    """Of two that serve alike SQLite takes the one made last: another order would be another design."""

    def in_order() -> dict[str, int]:
        with engine.connect() as connection:
            made = connection.execute(
                text("SELECT name, rootpage FROM sqlite_master WHERE type = 'index' ORDER BY rowid")
            ).all()
            return {name: page for name, page in made if name.startswith("idx_")}

    names = [str(index.name) for index in DESIGNS["original"].indexes]
    prepare(engine, "original")
    assert [*in_order()] == names
    first = in_order()[names[0]]
    run(engine, f"DROP INDEX {names[1]}")
    prepare(engine, "original")
    assert [*in_order()] == names
    assert in_order()[names[0]] == first  # it stayed where it was


def test_a_design_that_is_not_known_by_name_is_made_and_completed_alike(engine: Engine) -> None:
    """One that no aggregator here needs: handed over as it is."""
    own = Design(
        "own", "own", tuple(designs.notes_index(f"carenotes_{one}", one) for one in ("patient_id", "category"))
    )
    names = {"carenotes_patient_id", "carenotes_category"}
    for lost in (None, *names):
        if lost is not None:
            run(engine, f"DROP INDEX {lost}")
        prepare(engine, own)
        assert index_names(engine) == names
        with engine.connect() as connection:
            assert stands(connection, own)


# What is not ours


@pytest.mark.parametrize("name", ON_SQLITE)
def test_what_is_somebody_else_s_stays(engine: Engine, name: str) -> None:
    theirs = [
        "CREATE INDEX theirs ON care_notes (created_by)",
        "CREATE TABLE note_tallies (tenant_id INTEGER)",
        "CREATE INDEX of_theirs ON note_tallies (tenant_id)",
        "CREATE TRIGGER on_ours AFTER INSERT ON care_notes BEGIN INSERT INTO note_tallies VALUES (new.tenant_id); END",
    ]
    run(engine, *theirs, "INSERT INTO note_tallies VALUES (7)")
    prepare(engine, name)
    prepare(engine, "tallies")
    prepare(engine, "none")
    with engine.connect() as connection:
        found = set(connection.execute(text("SELECT sql FROM sqlite_master")).scalars())
        assert set(theirs) <= found
        assert connection.execute(text("SELECT tenant_id FROM note_tallies")).scalars().all() == [7]


# What was there by half


@pytest.mark.parametrize("lost", sorted(WHOLE))
def test_what_is_there_by_half_is_made_anew(engine: Engine, lost: str) -> None:
    prepare(engine, "tallies")
    run(engine, f"DROP {'TABLE' if lost == 'carenotes_tallies' else 'TRIGGER'} {lost}")
    if lost != "carenotes_tallies":  # meanwhile notes change, and nobody counts
        run(engine, "DELETE FROM care_notes WHERE id < 100", "UPDATE care_notes SET priority = 1 WHERE id < 200")
        copied = "tenant_id, facility_id, patient_id, category, priority, created_at, created_by"
        run(engine, f"INSERT INTO care_notes ({copied}) SELECT {copied} FROM care_notes WHERE id < 300")
    with engine.connect() as connection:
        assert not stands(connection, "tallies")
    prepare(engine, "tallies")
    assert_true(engine)


@pytest.mark.parametrize("lost", sorted(WHOLE))
@pytest.mark.parametrize("after", ["none", "covering"])
def test_what_is_there_by_half_and_not_wanted_goes(engine: Engine, lost: str, after: str) -> None:
    prepare(engine, "tallies")
    run(engine, f"DROP {'TABLE' if lost == 'carenotes_tallies' else 'TRIGGER'} {lost}")
    prepare(engine, after)
    assert ours(engine) == set()


def test_a_trigger_of_an_older_version_is_not_taken_for_the_one_of_now(engine: Engine) -> None:
    prepare(engine, "tallies")
    run(
        engine,
        "DROP TRIGGER carenotes_tallies_deleted",
        "CREATE TRIGGER carenotes_tallies_deleted AFTER DELETE ON care_notes BEGIN SELECT 1; END",
        "DELETE FROM care_notes WHERE id < 100",
    )
    prepare(engine, "tallies")
    assert_true(engine)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("tallies", "DROP INDEX carenotes_covering"),
        ("tallies", "CREATE TABLE carenotes_tallies"),
        ("tallies", "CREATE TRIGGER carenotes_tallies_updated"),
        ("tallies", "INSERT INTO carenotes_tallies"),
        ("original", "CREATE INDEX idx_tenant_facility_date"),
    ],
)
def test_killed_in_the_middle_nothing_is_lost_and_the_next_prepare_is_right(url: str, name: str, reached: str) -> None:
    engine = create_database(url)
    load(engine, SeedSpec(20_000, tenants=3, days=10))
    prepare(engine, "covering")
    engine.dispose()
    killed_preparing(url, name, reached, first="PRAGMA cache_size = 10")  # what is written goes to the file at once
    if reached.startswith("INSERT"):
        assert Path(f"{engine.url.database}".removeprefix("file:") + "-journal").stat().st_size > 0
    engine = open_database(url)
    with engine.connect() as connection:
        assert (stands(connection, "covering"), stands(connection, name)) == (True, False)
        assert connection.execute(text("SELECT count(*) FROM care_notes")).scalar_one() == 20_000
    assert ours(engine) == set()
    prepare(engine, name)
    assert index_names(engine) == {index.name for index in EVERY[name].indexes}
    if name == "tallies":
        assert_true(engine)
        with engine.connect() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"


def test_a_build_that_fails_leaves_everything_as_it_was(engine: Engine) -> None:
    def fails(connection: Connection) -> None:
        raise RuntimeError("half way")

    never = Structure("broken", lambda connection: False, fails, lambda connection: None)
    prepare(engine, "covering")
    with pytest.raises(RuntimeError, match="half way"):
        prepare(engine, Design("broken", "broken", structures=(*TALLIES.structures, never)))
    assert index_names(engine) == {index.name for index in COVERING.indexes}
    assert ours(engine) == set()


def test_notes_that_are_loaded_later_are_counted_whichever_way_they_come(url: str) -> None:
    engine = create_database(url)
    prepare(engine, "tallies")
    load(engine, SPEC)  # through ADBC, past SQLAlchemy
    load(engine, SeedSpec(500, tenants=2, days=5), append=True, writer="executemany")
    run(engine, "UPDATE care_notes SET facility_id = 99, created_at = '2026-01-01 00:00:00.000000' WHERE id % 7 = 0")
    run(engine, "DELETE FROM care_notes WHERE id % 5 = 0")
    assert_true(engine)
    run(engine, "DELETE FROM care_notes")
    assert_true(engine)


# What cannot be


def test_an_unknown_design_is_refused_with_the_names_that_are_allowed(engine: Engine) -> None:
    known = (
        r"^all: no such design; allowed: none, original, original_meant, date, covering, facility, "
        r"original_without_patient, covering_include, brin, partitions, rollup, tallies$"
    )
    with pytest.raises(Refused, match=known):
        prepare(engine, "all")


@pytest.fixture
def in_duckdb(tmp_path: Path) -> Iterator[Engine]:
    engine = create_database(f"duckdb:///{tmp_path / 'notes.duckdb'}")
    load(engine, SPEC)
    yield engine
    engine.dispose()


def test_an_engine_takes_every_design_that_it_can_have_and_is_refused_the_others(in_duckdb: Engine) -> None:
    for name in ("date", "none", "covering", "covering"):
        prepare(in_duckdb, name)
        assert index_names(in_duckdb) == {index.name for index in EVERY[name].indexes}
    for name in ("original", "original_without_patient", "tallies"):
        with pytest.raises(Refused, match=f"^{name}: a design that duckdb cannot have; allowed: sqlite$"):
            prepare(in_duckdb, name)
        with in_duckdb.connect() as connection:
            assert not stands(connection, name)
    assert index_names(in_duckdb) == {index.name for index in COVERING.indexes}
    with in_duckdb.connect() as connection:
        plan_shown = query_plan(connection, lambda asked: pushdown(asked, QUERY))
        with pytest.raises(Refused, match=r"^tallies: a design that duckdb cannot have; allowed: sqlite$"):
            check_needs(connection, "tallies")
    assert any("SCAN" in step and "care_notes" in step for step in plan_shown)


def test_an_aggregator_without_its_design_is_refused_with_the_command_that_makes_it(engine: Engine) -> None:
    why = "^tallies: needs the design tallies, which is not there; 'carenotes index .*--plan tallies' makes it$"
    with engine.connect() as connection:
        check_needs(connection, "pushdown")
        with pytest.raises(Refused, match=why):
            check_needs(connection, "tallies")
    prepare(engine, "tallies")
    with engine.connect() as connection:
        check_needs(connection, "tallies")
        check_needs(connection, "pushdown")  # right on every design


def test_the_command_line_refuses_a_design_that_the_engine_cannot_have(carenotes: Command, in_duckdb: Engine) -> None:
    in_duckdb.dispose()
    done = carenotes("index", "--database", str(in_duckdb.url), "--plan", "original")
    assert one_line_refusal(done) == "carenotes: original: a design that duckdb cannot have; allowed: sqlite"


# A design by name, in every place


def test_the_designs_are_those_that_are_nobodys_own_and_what_aggregators_need() -> None:
    of_engines = {one for backend in BACKENDS.values() for one in backend.OWN_DESIGNS}
    assert of_engines
    assert set(DESIGNS.values()) == set(INDEX_PLANS) | of_engines | {needs.design for needs in NEEDS.values()}
    assert [*NEEDS] == [*AGGREGATORS]
    assert all(DESIGNS[needs.design.name] is needs.design for needs in NEEDS.values())
    assert all(one.name == name for name, one in DESIGNS.items())
    assert NEEDS["pushdown"] == Needs(NONE, 1)


def test_what_is_made_by_one_name_is_one_thing_and_tells_whose_it_is() -> None:
    every = {index for one in EVERY.values() for index in one.indexes}
    names = [str(index.name) for index in every]
    assert len(names) == len(set(names))
    originals = {str(index.name) for index in DESIGNS["original"].indexes}
    assert all(name.startswith("carenotes_") for name in names if name not in originals)


def test_aggregators_know_no_designs_by_name() -> None:
    loaded = (
        "import sys, carenotes; assert 'carenotes.design' in sys.modules; assert 'carenotes.designs' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, check=True)


def test_a_known_design_has_a_title_and_an_unknown_one_its_name() -> None:
    assert title("covering") == "covering index"
    assert title("none") == "no index"
    assert title("as it is") == "as it is"
    titles = [one.title for one in EVERY.values()]
    assert len(titles) == len(set(titles))


def test_the_ddl_is_what_the_engine_is_sent(engine: Engine) -> None:
    for name in ("none", "date", "original"):
        prepare(engine, name)
        with engine.connect() as connection:
            made = connection.execute(
                text("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'care_notes' ORDER BY rowid")
            ).scalars()
            assert ddl(name, sqlite.dialect()) == list(made)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", ON_SQLITE)
def test_copies_are_prepared_by_name(name: str, tmp_path: Path) -> None:
    notes = SeededNotes(SPEC, tmp_path)
    with notes.engine(name).connect() as connection:
        assert stands(connection, name)
    notes.close()


def test_the_gate_asks_each_subject_on_what_it_needs(tmp_path: Path) -> None:
    assert [race.design_for(one).name for one in ("naive", "hit", "of an older revision", "tallies")] == [
        "covering",
        "covering",
        "covering",
        "tallies",
    ]
    notes = SeededNotes(SPEC, tmp_path)
    raced = race.Race(notes, ["pushdown", "tallies"], 1)
    for subject, needed in (("pushdown", "covering"), ("tallies", "tallies")):
        with open_database(raced._databases[subject], read_only=True).connect() as connection:
            assert stands(connection, needed)
    notes.close()


def test_the_gate_leaves_out_whose_design_its_engine_cannot_have(monkeypatch: pytest.MonkeyPatch) -> None:
    offered, settings = [["naive", "tallies", "hit"]] * 2, regression.Settings()
    assert regression._chosen(offered, settings) == ["naive", "tallies", "hit"]
    elsewhere = Needs(Design("elsewhere", "elsewhere", backends=("postgresql",)))
    monkeypatch.setattr(race, "NEEDS", {**NEEDS, "tallies": elsewhere})
    assert regression._chosen(offered, settings) == ["naive", "hit"]


# What a design does for a query


def steps(engine: Engine, name: str) -> str:
    prepare(engine, name)
    with engine.connect() as connection:
        return "\n".join(query_plan(connection, lambda asked: pushdown(asked, QUERY)))


def test_without_an_index_the_whole_table_is_scanned(engine: Engine) -> None:
    assert "SCAN care_notes" in steps(engine, "none")


def test_the_originals_indexes_are_searched_by_tenant_and_never_by_time(engine: Engine) -> None:
    """Its date indexes end in a constant: `func.date("created_at")` names a string, not the column."""
    plan = steps(engine, "original")
    assert "SEARCH care_notes USING INDEX idx_" in plan
    assert "created_at" not in plan
    with engine.connect() as connection:
        sql = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'idx_tenant_date'")).scalar_one()
    assert "date('created_at')" in sql


def test_the_original_without_its_patient_index_lacks_that_one_only() -> None:
    with_it, without = ({index.name for index in DESIGNS[f"original{end}"].indexes} for end in ("", "_without_patient"))
    assert with_it - without == {"idx_patient"}
    assert without < with_it


def test_the_date_plan_searches_by_tenant_and_time(engine: Engine) -> None:
    assert "USING INDEX carenotes_tenant_created (tenant_id=? AND created_at>? AND created_at<?)" in steps(
        engine, "date"
    )


def test_the_covering_plan_never_touches_the_table_itself(engine: Engine) -> None:
    plan = steps(engine, "covering")
    assert plan.count("USING COVERING INDEX carenotes_covering") == 2
    assert "SCAN care_notes" not in plan


@pytest.mark.parametrize("name", ON_SQLITE)
def test_no_design_changes_an_answer(engine: Engine, name: str) -> None:
    with engine.connect() as connection:
        truth = naive(connection, QUERY)
    prepare(engine, name)
    right = [one for one, needs in NEEDS.items() if needs.design in (NONE, EVERY[name])]
    with engine.connect() as connection:
        assert truth.total_notes > 0
        assert {one: AGGREGATORS[one](connection, QUERY) for one in right} == dict.fromkeys(right, truth)


def test_statements_are_collected_only_while_asked_to(engine: Engine) -> None:
    with engine.connect() as connection:
        with statements_of(connection) as sent:
            connection.execute(text("SELECT 1"))
        connection.execute(text("SELECT 2"))
    assert [sql for sql, _ in sent] == ["SELECT 1"]
