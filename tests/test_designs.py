"""Index plans are applied and dropped by name, touch nobody else's indexes, and do what the plan says."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from carenotes import Refused, StatsQuery
from carenotes.aggregators import AGGREGATORS, naive, pushdown
from carenotes.backends import backend_of, create_database
from carenotes.designs import INDEX_PLANS, apply_index_plan
from carenotes.seeding import SeedSpec, load
from carenotes.statements import query_plan, statements_of

QUERY = StatsQuery.on(2, date(2026, 6, 25), [1, 2])


@pytest.fixture
def engine(url: str) -> Engine:
    engine = create_database(url)
    load(engine, SeedSpec(2_000, tenants=3, days=10))
    return engine


def index_names(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        names: set[str] = backend_of(connection).index_names(connection)
        return names


@pytest.mark.parametrize("before", INDEX_PLANS)
@pytest.mark.parametrize("after", INDEX_PLANS)
def test_after_any_other_plan_only_its_own_indexes_are_there(engine: Engine, before: str, after: str) -> None:
    apply_index_plan(engine, before)
    apply_index_plan(engine, after)
    assert index_names(engine) == {index.name for index in INDEX_PLANS[after]}


def test_indexes_are_made_in_the_order_of_the_plan(engine: Engine) -> None:
    """Of two that serve alike SQLite takes the one made last: another order would be another plan."""
    apply_index_plan(engine, "original")
    with engine.connect() as connection:
        made = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY rowid")).scalars()
        assert [name for name in made if name.startswith("idx_")] == [index.name for index in INDEX_PLANS["original"]]


def test_the_seed_without_its_patient_index_lacks_that_one_only() -> None:
    with_it, without = (
        {index.name for index in INDEX_PLANS[name]} for name in ("original", "original_without_patient")
    )
    assert with_it - without == {"idx_patient"}
    assert without < with_it


def test_an_index_of_somebody_else_stays(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE INDEX theirs ON care_notes (created_by)"))
    for plan in INDEX_PLANS:
        apply_index_plan(engine, plan)
        assert "theirs" in index_names(engine)


def test_an_unknown_plan_is_refused_with_the_names_that_are_allowed(engine: Engine) -> None:
    with pytest.raises(Refused, match=r"allowed: none, original, date, covering, original_without_patient$"):
        apply_index_plan(engine, "all")


def steps(engine: Engine, plan: str) -> str:
    apply_index_plan(engine, plan)
    with engine.connect() as connection:
        return "\n".join(query_plan(connection, lambda asked: pushdown(asked, QUERY)))


def test_without_an_index_the_whole_table_is_scanned(engine: Engine) -> None:
    assert "SCAN care_notes" in steps(engine, "none")


def test_the_seeds_indexes_are_searched_by_tenant_and_never_by_time(engine: Engine) -> None:
    """Its date indexes end in a constant: `func.date("created_at")` names a string, not the column."""
    plan = steps(engine, "original")
    assert "SEARCH care_notes USING INDEX idx_" in plan
    assert "created_at" not in plan
    with engine.connect() as connection:
        sql = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'idx_tenant_date'")).scalar_one()
    assert "date('created_at')" in sql


def test_the_date_plan_searches_by_tenant_and_time(engine: Engine) -> None:
    assert "USING INDEX carenotes_tenant_created (tenant_id=? AND created_at>? AND created_at<?)" in steps(
        engine, "date"
    )


def test_the_covering_plan_never_touches_the_table_itself(engine: Engine) -> None:
    plan = steps(engine, "covering")
    assert plan.count("USING COVERING INDEX carenotes_covering") == 2
    assert "SCAN care_notes" not in plan


@pytest.mark.parametrize("plan", INDEX_PLANS)
def test_no_plan_changes_an_answer(engine: Engine, plan: str) -> None:
    with engine.connect() as connection:
        truth = naive(connection, QUERY)
    apply_index_plan(engine, plan)
    with engine.connect() as connection:
        assert truth.total_notes > 0
        assert {name: answer(connection, QUERY) for name, answer in AGGREGATORS.items()} == dict.fromkeys(
            AGGREGATORS, truth
        )


def test_statements_are_collected_only_while_asked_to(engine: Engine) -> None:
    with engine.connect() as connection:
        with statements_of(connection) as sent:
            connection.execute(text("SELECT 1"))
        connection.execute(text("SELECT 2"))
    assert [sql for sql, _ in sent] == ["SELECT 1"]


def test_duckdb_takes_every_plan_but_the_seeds_and_says_so(tmp_path: Path) -> None:
    engine = create_database(f"duckdb:///{tmp_path / 'notes.duckdb'}")
    load(engine, SeedSpec(2_000, tenants=3, days=10))
    for plan in ("date", "covering"):
        apply_index_plan(engine, plan)
        assert index_names(engine) == {index.name for index in INDEX_PLANS[plan]}
    for plan in ("original", "original_without_patient"):
        with pytest.raises(Refused, match=f"^{plan}: only SQLite takes its indexes; DuckDB allows none"):
            apply_index_plan(engine, plan)
    assert index_names(engine) == {index.name for index in INDEX_PLANS["covering"]}
    with engine.connect() as connection:
        plan_shown = query_plan(connection, lambda asked: pushdown(asked, QUERY))
    assert any("SCAN" in step and "care_notes" in step for step in plan_shown)
    engine.dispose()
