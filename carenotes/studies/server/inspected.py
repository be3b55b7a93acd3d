"""What the server says of the designs, and is not timed: plans, bytes, partitions touched, attacks, heap fetches."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import text

from carenotes.aggregators import Aggregator, pushdown
from carenotes.backends import backend_of
from carenotes.backends.postgresql import months
from carenotes.lab.notes.copies import Copies
from carenotes.lab.runner.study import Study
from carenotes.original import program
from carenotes.queries import StatsQuery
from carenotes.statements import query_plan, statements_of
from carenotes.studies.server import attacks, copies, tenants
from carenotes.studies.server.experiment import AFTER_VACUUM, PRUNED, WRITTEN, largest, widened
from carenotes.studies.server.place import DESIGNS, MONTHS, PLAIN, SERVER, Place
from carenotes.studies.server.tenants import ON_ROLE, ON_SETTING

Steps = dict[str, list[str]]  # of a plan, by design


def plans_shown(study: Study, where: Place | None) -> Steps:
    """How the server runs `pushdown`'s statement for a day under each design."""
    if where is None:
        return {}
    return {design: study.fact(f"plan/{design}", partial(_plan, where.notes, design)) for design in DESIGNS}


def plans_as_meant(study: Study, where: Place | None) -> Steps:
    """How each engine runs the original's filter under its indexes as they were meant."""
    if where is None:
        return {}
    each = {engine: where.notes.on(engine) for engine in (SERVER, "sqlite")}
    return {
        engine: study.fact(f"as meant/{engine}", partial(_plan, notes, "original_meant", program.optimized))
        for engine, notes in each.items()
    }


def _plan(notes: Copies, design: str, ask: Aggregator = pushdown) -> list[str]:
    query = StatsQuery.on(largest(notes.population)[0], notes.population.last_day)
    with notes.engine(design).connect() as connection:
        return query_plan(connection, lambda asked: ask(asked, query))


def design_bytes(study: Study, where: Place | None) -> dict[str, int]:
    """The bytes of `care_notes` and its indexes under each design."""
    if where is None:
        return {}
    every = (*DESIGNS, MONTHS)
    return {design: study.fact(f"bytes/{design}", partial(_bytes, where.notes, design)) for design in every}


def _bytes(notes: Copies, design: str) -> int:
    """Of the table alone: what else the server keeps in a database differs from copy to copy."""
    parts = "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'care_notes'::regclass"
    asked = f"SELECT CAST(pg_total_relation_size('care_notes') + coalesce(({parts}), 0) AS bigint)"
    with notes.engine(design).connect() as connection:
        found: int = connection.execute(text(asked)).scalar_one()
        return found


def touched(study: Study, where: Place | None) -> dict[str, int]:
    """How many partitions there are, and how many a query about one month and about twelve touches."""
    if where is None:
        return {}
    found: dict[str, int] = study.fact("partitions touched", partial(_touched, where))
    return found


def _touched(where: Place) -> dict[str, int]:
    who = where.notes.population
    with where.notes.engine(MONTHS).connect() as connection:
        there = months.partitions(connection)
        counts = {"there": len(there)}
        for many in PRUNED:
            query = widened(StatsQuery.on(largest(who)[0], who.last_day), who, many)
            shown = query_plan(connection, lambda asked, query=query: pushdown(asked, query))  # type: ignore[misc]
            counts[f"{many} months"] = sum(any(f"on {name} " in f"{step} " for step in shown) for name in there)
    return counts


def came_through(study: Study, where: Place | None) -> dict[str, dict[str, attacks.Seen]]:
    """What came of each attack on row-level security, by its name and by the policy."""
    if where is None:
        return {}
    found: dict[str, dict[str, attacks.Seen]] = study.fact("attacks", partial(_attacked, where))
    return found


def _attacked(where: Place) -> dict[str, dict[str, attacks.Seen]]:
    notes = where.secured
    own, other = largest(notes.population)
    backend_of(notes.url(PLAIN)).settle(notes.engine(PLAIN))  # so that the server knows how many notes there are
    with tenants.roles(notes.url(PLAIN), (own, other)) as roles:
        by_policy = {policy: attacks.attacked(roles, policy, own, other) for policy in (ON_ROLE, ON_SETTING)}
    return {name: {policy: seen[name] for policy, seen in by_policy.items()} for name in attacks.ATTACKS}


def heap_fetches(study: Study, where: Place | None) -> dict[str, int]:
    """How many rows an index-only scan of the fresh day looked up in the table, before and after VACUUM."""
    if where is None:
        return {}
    return {
        day: study.fact(f"heap fetches/{day}", partial(_fetched, where.with_fresh_day(vacuumed=day == AFTER_VACUUM)))
        for day in (WRITTEN, AFTER_VACUUM)
    }


def _fetched(notes: copies.Changed) -> int:
    who = notes.population
    query = StatsQuery.on(largest(who)[0], who.last_day)
    with notes.engine(PLAIN).connect() as connection:
        with statements_of(connection) as sent:
            pushdown(connection, query)
        [(sql, values)] = sent
        [found] = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values).scalar_one()
        return sum(_heap_fetches(found["Plan"]))


def _heap_fetches(node: Mapping[str, Any]) -> Sequence[int]:
    return [node.get("Heap Fetches", 0), *(one for child in node.get("Plans", ()) for one in _heap_fetches(child))]


def vacuum_settings(study: Study, where: Place | None) -> dict[str, float]:
    """After how many inserted notes the server vacuums a table by itself: so many, and a share of the table."""
    if where is None:
        return {}
    found: dict[str, float] = study.fact("autovacuum", partial(_vacuum_settings, where))
    return found


def _vacuum_settings(where: Place) -> dict[str, float]:
    names = {"threshold": "autovacuum_vacuum_insert_threshold", "share": "autovacuum_vacuum_insert_scale_factor"}
    with where.notes.engine(PLAIN).connect() as connection:
        asked = text("SELECT CAST(current_setting(:name) AS float)")
        return {key: connection.execute(asked, {"name": name}).scalar_one() for key, name in names.items()}
