"""Notebook 02: one query asked in many ways; which measure buys how much, and where the time goes."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from carenotes import designs as index_plans_of
from carenotes.aggregators import AGGREGATORS, Aggregator, pushdown
from carenotes.lab.comparison import (
    SELECT_1,
    SHORTEST_SAMPLE,
    Comparison,
    Condition,
    alone,
    compare_together,
    distinct_queries,
    floor,
    planned,
)
from carenotes.lab.configurations.client import FrozenHeapClient, ReconnectingClient
from carenotes.lab.notes.datasets import Copies, Notes, SeededNotes, bytes_of, facts
from carenotes.lab.runner.study import Measured, Race, Study
from carenotes.lab.runner.workers import TIMED, Maker
from carenotes.original import program as program
from carenotes.queries import StatsQuery
from carenotes.seeding import SeedSpec
from carenotes.statements import query_plan, statements_only
from carenotes.studies.one_query import ablation, steps
from carenotes.studies.one_query.ceilings import ceilings_of
from carenotes.studies.one_query.inserts import Inserts

NOTEBOOK = "02_one_query"
ON_DUCKDB = "pushdown on DuckDB"
FROZEN = "naive, its heap frozen"
INDEX_PLANS, ANATOMY, CEILINGS, INSERTS = "index plans", "anatomy", "ceilings", "inserts"  # experiments
INSERTED = 4_000  # notes in a sample
CONFIGURATIONS = {name: name for name in (*AGGREGATORS, ON_DUCKDB)}
COMPARED = ("naive", "pushdown")  # under each index plan
PLANS = ("none", "original", "date", "covering")
ORIGINAL_TENANT, ORIGINAL_FACILITY = 3, 1  # what the original's two tables ask about
ORIGINAL_TABLES: dict[str, tuple[list[int] | None, int]] = {  # facilities, and calls a sample
    "single": (None, 10),
    "filtered": (
        [ORIGINAL_FACILITY],
        10,
    ),  # where the original report has one, which takes less than a sample is to last
}


FULL_STACK, NEW_CONNECTION = "pushdown/covering", "new connection/covering"
TAKEN_AWAY = {  # what only the ablation asks for
    "single_pass/covering": AGGREGATORS["single_pass"],
    "compiled anew/covering": ablation.compiled_anew,
}
ABLATION = {  # conditions of `index_plans`, by what is taken away of the full stack
    "pushdown/none": "the index",
    "single_pass/covering": "grouping in the database: columns are fetched",
    "naive/covering": "that, and columns: whole objects are fetched",
    NEW_CONNECTION: "the kept connection",
    "compiled anew/covering": "the memory of compiled statements",
}


def sample(asked: Notes) -> Copies:
    """Notes of which copies with each index plan are made: on SQLite, which alone takes all of them."""
    return asked.sample().on("sqlite")


def data_facts(study: Study, name: str, notes: Notes) -> dict[str, Any]:
    """Counts, days and digest of the notes."""
    return study.dataset(name, lambda: facts(notes))


def measured(
    study: Study, asked: Notes, sample: Copies, short_days: int, long_days: int, rounds: int
) -> dict[str, Measured]:
    """The comparisons, the index plans, the limits and the anatomy, in the same rounds."""
    seed = study.random_seed
    comparisons = {
        f"comparison/{short_days} d": comparison(asked, seed, short_days),
        f"comparison/{long_days} d": comparison(asked, seed, long_days),
        INDEX_PLANS: index_plans(sample, seed, short_days),
        ANATOMY: anatomy(asked, seed, short_days),
    }
    spelled(study, sample)
    plans = {name: planned(study, name, one, rounds) for name, one in comparisons.items()}
    return study.races({**plans, CEILINGS: partial(ceilings, sample), INSERTS: partial(inserts, sample)}, rounds)


def spelled(study: Study, notes: Copies) -> None:
    """Keep what is measured as somebody would copy it: the DDL of each index plan, the SQL of each aggregator."""
    for plan in PLANS:
        study.fact(f"ddl/{plan}", partial(_ddl, notes, plan))
    for name in AGGREGATORS:
        study.fact(f"sql/{name}", partial(_sql, notes, AGGREGATORS[name]))


def _ddl(notes: Copies, plan: str) -> list[str]:
    return index_plans_of.ddl(plan, notes.engine(notes.best_plan).dialect)


def _sql(notes: Copies, ask: Aggregator) -> str:
    """What it sends for a day of a tenant, with names in the place of values."""
    query = StatsQuery.on(max(notes.population.tenants), notes.population.first_day)
    engine = create_engine(notes.url(notes.best_plan), paramstyle="named")
    with engine.connect() as connection:
        [(sql, _)] = statements_only(connection, lambda asked: ask(asked, query))
    engine.dispose()
    return sql


def inserts(notes: Copies) -> Race:
    """What each index plan costs whoever writes: a note inserted, and not made permanent; by plan."""
    makers: dict[str, Maker] = {plan: partial(Inserts, notes.url(plan), INSERTED) for plan in PLANS}
    there = min(INSERTED, notes.population.notes)

    def right(_name: str, _round: int, part: int) -> list[str]:
        return [str(there if part == TIMED else max(1, there // 10))]

    return Race(makers, right, baseline="none")


def comparisons(found: Mapping[str, Measured], short_days: int, long_days: int) -> dict[str, Measured]:
    """The comparisons among what was `measured`, by their span in words."""
    words = {days: f"{days} days" if days > 1 else "one day" for days in (short_days, long_days)}
    return {said: found[f"comparison/{days} d"] for days, said in words.items()}


def comparison(notes: Notes, seed: int, days: int) -> Comparison:
    """Every aggregator on the best indexes that the notes have, the fastest on DuckDB too.

    Limits beside them: `SELECT 1` is the floor of the stack; nearest to a configuration is what it sends, by the driver alone.
    """
    plan = notes.best_plan
    configurations = [Condition(name, ask, notes, plan) for name, ask in AGGREGATORS.items()]
    configurations += [alone(one) for one in configurations]
    configurations.append(Condition(FROZEN, AGGREGATORS["naive"], notes, plan, client=FrozenHeapClient))
    if isinstance(notes, Copies):
        configurations.append(Condition(ON_DUCKDB, pushdown, notes.on("duckdb"), "none", truth=notes))
    return Comparison([*configurations, floor(notes, plan)], distinct_queries(notes, seed, days), baseline="naive")


def index_plans(notes: Copies, seed: int, days: int) -> Comparison:
    """`naive` and `pushdown` under each index plan, and the floor; conditions are named `aggregator/plan`.

    In the same rounds: the fast path with one measure taken away (see `ABLATION`).
    """
    conditions = [Condition(f"{name}/{plan}", AGGREGATORS[name], notes, plan) for name in COMPARED for plan in PLANS]
    conditions += [Condition(name, ask, notes, "covering") for name, ask in TAKEN_AWAY.items()]
    conditions.append(Condition(NEW_CONNECTION, pushdown, notes, "covering", client=ReconnectingClient))
    conditions.append(floor(notes, notes.best_plan))
    without = (len(COMPARED) - 1) * (len(PLANS) - 1)  # each plan of the others against no index
    stream = distinct_queries(notes, seed, days)
    return Comparison(conditions, stream, baseline="naive/none", further=len(ABLATION) + without)


def plans_shown(study: Study, notes: Copies) -> dict[str, list[str]]:
    """How SQLite runs `pushdown`'s statement under each index plan."""
    return {plan: study.fact(f"plan/{plan}", partial(_plan, notes, plan)) for plan in PLANS}


def plan_bytes(study: Study, notes: Copies) -> dict[str, int]:
    """The size in bytes of the database file under each index plan."""
    return {plan: study.fact(f"bytes/{plan}", partial(bytes_of, notes, plan)) for plan in PLANS}


def _plan(notes: Copies, plan: str) -> list[str]:
    tenant = max(notes.population.tenants)
    query = StatsQuery.on(tenant, notes.population.first_day)
    with notes.engine(plan).connect() as connection:
        return query_plan(connection, lambda asked: pushdown(asked, query))


def original_tables(study: Study, notes: Notes, rounds: int) -> dict[str, Measured]:
    """The original's single and filtered tables: its workload, its two programs, with and without its pause.

    As the original report did: one fixed query, asked over and over. Nothing when the notes are somebody's own.
    """
    if not isinstance(notes, SeededNotes):
        return {}
    tables = {
        f"original/{name}": _original_table(
            notes, StatsQuery.on(ORIGINAL_TENANT, notes.spec.last_day, facilities), calls
        )
        for name, (facilities, calls) in ORIGINAL_TABLES.items()
    }
    found = compare_together(study, tables, rounds)
    return {name: found[f"original/{name}"] for name in ORIGINAL_TABLES}


def _original_table(notes: SeededNotes, query: StatsQuery, calls: int) -> Comparison:
    conditions = [
        Condition("original, with its pause", program.Original(program.PAUSE), notes, "original"),
        Condition("original, without", program.Original(0.0), notes, "original"),
        Condition("optimized", program.optimized, notes, "original"),
        # So fast that ten calls make no sample; the query is one and the same anyway.
        Condition("pushdown, covering index", pushdown, notes, "covering", repeats=5),
    ]
    # Further: the saving against the original with its pause.
    return Comparison(conditions, lambda count: [query] * count, calls, "original, without", further=1)


def original_workload(notes: Notes, spec: SeedSpec, folder: Path) -> Notes:
    """The notes that the original's tables are about; somebody's own stay themselves."""
    return SeededNotes(spec, folder) if isinstance(notes, SeededNotes) else notes


def notes_met(study: Study, notes: Notes) -> dict[str, int]:
    """How many notes the queries of the original's two tables meet."""
    if not isinstance(notes, SeededNotes):
        return {}
    single = StatsQuery.on(ORIGINAL_TENANT, notes.spec.last_day)
    filtered = StatsQuery.on(ORIGINAL_TENANT, notes.spec.last_day, [ORIGINAL_FACILITY])
    found: dict[str, int] = study.fact(
        "original/notes met", lambda: {"single": _total(notes, single), "filtered": _total(notes, filtered)}
    )
    return found


def _total(notes: SeededNotes, query: StatsQuery) -> int:
    with notes.engine("covering").connect() as connection:
        return pushdown(connection, query).total_notes


ONE_PASS = "one pass instead"  # noqa: S105
STEPS = (SELECT_1, "rows found", "rows fetched", "values converted", "objects made", "five passes")


def anatomy(notes: Notes, seed: int, days: int) -> Comparison:
    """The naive answer in steps, each doing all that the one before it does and one thing more."""
    plan = notes.best_plan
    parts = [
        floor(notes, plan),
        Condition("rows found", steps.found, notes, plan, checked=False),
        Condition("rows fetched", steps.fetched, notes, plan, checked=False),
        Condition("values converted", steps.converted, notes, plan, checked=False),
        Condition("objects made", steps.objects, notes, plan, checked=False),
        Condition("five passes", AGGREGATORS["naive"], notes, plan),
        Condition(ONE_PASS, steps.one_pass, notes, plan),
    ]
    # Its first steps take a thirtieth of the whole.
    return Comparison(parts, distinct_queries(notes, seed, days), shortest=5 * SHORTEST_SAMPLE)


def ceilings(notes: Copies) -> Race:
    """What this machine, this interpreter and this stack can do at best, on the notes without an index."""
    return Race(ceilings_of(notes.url("none")), _unchecked)


def _unchecked(*_: object) -> None:
    """A limit answers nothing that could be checked."""
