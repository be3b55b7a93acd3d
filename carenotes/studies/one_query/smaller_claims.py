"""The original's smaller claims, one experiment each: part of notebook 02, and of 01 what is told of a load.

They are tried on fewer notes than the rest: what is compared here reads the same notes, or shares of them that stay
the same in a larger table. Only what is done to fetched rows is tried on more of them.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from carenotes.aggregators import AGGREGATORS, pushdown, single_pass
from carenotes.backends import backend_of, create_database, new_place
from carenotes.errors import Refused
from carenotes.lab.comparison import Comparison, Condition, Stream, compare_together, distinct_queries
from carenotes.lab.notes.datasets import Copies, Notes, bytes_of
from carenotes.lab.runner.study import Measured, Race, Study
from carenotes.lab.runner.workers import Maker
from carenotes.models import CareNote
from carenotes.queries import CareStats, StatsQuery
from carenotes.seeding import SeedSpec, load
from carenotes.statements import query_plan
from carenotes.studies.one_query import other_aggregators as other_ways
from carenotes.studies.seed_data.bulk_load import Load, Telling, ToldLoad, Way, digest_of
from carenotes.studies.seed_data.bulk_load import some as part_of

FEW = 50_000  # notes; of more, a query without an index takes all the time there is
SEVERAL = 200_000  # notes, where an answer is to rest on thousands
BATCH = 5_000  # notes of the original's batch
_PLANS = ("none", "original", "date", "covering")
_JUDGED = ("none", "original")
_AGGREGATORS = ("naive", "pushdown")
_STRUCTURES = {
    "dict and set": single_pass,
    "Counter and set": other_ways.counters,
    "NumPy": other_ways.arrays,
    "the database": pushdown,
}
_OPERATORS = {"=": other_ways.equals, "IN": other_ways.is_in}
_DAYS = {
    "day as text": other_ways.day_as_text,
    "day as a date": other_ways.day_as_date,
    "range of times": pushdown,
}
_WRONG_DAYS = {
    "range of text with a T": other_ways.text_with_a_t,
    "range of dates": other_ways.dates_as_bounds,
}
_ON_SQLITE = ("original", "covering")  # the plans that the operators are tried under
_ON_DUCKDB = "DuckDB"
PROGRESS = "progress"  # an experiment
UNTOLD, TOLD, TELLING = "load, untold", "load with a bar", "the bar alone"

# Each way, and the one that it is compared with, by claim.
AGAINST: Mapping[str, Mapping[str, str]] = {
    "index-facility": {f"{name}/{plan}": f"{name}/none" for name in _AGGREGATORS for plan in _PLANS if plan != "none"},
    "index-patient": {"with idx_patient": "without idx_patient"},
    "structures": {name: "dict and set" for name in _STRUCTURES if name != "dict and set"},
    "equality": {f"=, {where}": f"IN, {where}" for where in (*_ON_SQLITE, _ON_DUCKDB)},
    "parameters": {name: "day as text" for name in _DAYS if name != "day as text"},
}


def some(notes: Notes, count: int, most: int = FEW) -> Copies:
    """At most so many of the notes, of which there are `count`."""
    sample = notes.sample().on("sqlite")  # whose plans the claims are about
    return sample if count <= most else sample.resized(most)


def measured(
    study: Study, asked: Notes, count: int, short_days: int, long_days: int, rounds: int
) -> dict[str, Measured]:
    """Every one that is timed by queries, by its claim; `structures` over both spans. There are `count` notes."""
    notes, several, seed = some(asked, count), some(asked, count, SEVERAL), study.random_seed
    with closing(notes.on("duckdb")) as in_duckdb:
        comparisons = {
            "index-facility": index_facility(notes, seed, short_days),
            "index-patient": index_patient(notes, seed, short_days),
            "structures/short": structures(several, seed, short_days),
            "structures/long": structures(several, seed, long_days),
            "equality": equality(notes, in_duckdb, seed, short_days),
            "parameters": parameters(notes, seed),
        }
        return compare_together(study, comparisons, rounds)


def index_facility(notes: Copies, seed: int, days: int) -> Comparison:
    """Queries that name facilities, `naive` and `pushdown` under each plan."""
    conditions = [
        # What stands beside is so fast that ten queries, which are enough for the rest, would make no sample.
        Condition(f"{name}/{plan}", AGGREGATORS[name], notes, plan, repeats=1 if plan in _JUDGED else 4)
        for name in _AGGREGATORS
        for plan in _PLANS
    ]
    stream = only(distinct_queries(notes, seed, days), _names_facilities)
    return Comparison(conditions, stream, 10, further=len(_PLANS) - 1)  # `pushdown` without an index is no baseline


def index_patient(notes: Copies, seed: int, days: int) -> Comparison:
    """`pushdown`, which has the database count patients, under the original's indexes with and without that one."""
    conditions = [
        Condition("with idx_patient", pushdown, notes, "original"),
        Condition("without idx_patient", pushdown, notes, "original_without_patient"),
    ]
    return Comparison(conditions, distinct_queries(notes, seed, days))


def structures(notes: Copies, seed: int, days: int) -> Comparison:
    """The same rows of four columns counted in three ways in Python, and the notes counted by the database."""
    conditions = [Condition(name, ask, notes, notes.best_plan) for name, ask in _STRUCTURES.items()]
    return Comparison(conditions, distinct_queries(notes, seed, days))


def equality(notes: Copies, in_duckdb: Copies, seed: int, days: int) -> Comparison:
    """Queries about one facility, by `=` and by `IN`, on SQLite under two plans and on DuckDB."""
    conditions = [
        Condition(f"{name}, {where}", ask, there, plan, truth=notes)
        for where, there, plan in _places(notes, in_duckdb)
        for name, ask in _OPERATORS.items()
    ]
    return Comparison(conditions, only(distinct_queries(notes, seed, days), _names_one_facility), 40)


def _places(notes: Copies, in_duckdb: Copies) -> list[tuple[str, Copies, str]]:
    """Where the operators are tried: a name, notes, and a plan."""
    return [*((plan, notes, plan) for plan in _ON_SQLITE), (_ON_DUCKDB, in_duckdb, "none")]


def parameters(notes: Copies, seed: int) -> Comparison:
    """Queries about one day, said in three ways that are right, on the index on tenant and time."""
    conditions = [Condition(name, ask, notes, "date") for name, ask in _DAYS.items()]
    return Comparison(conditions, distinct_queries(notes, seed, 1))


def only(stream: Stream, wanted: Callable[[StatsQuery], bool]) -> Stream:
    """The queries of a stream that are wanted, in its order. Refused when there is none among many."""
    return partial(_only, stream, wanted)


def _only(stream: Stream, wanted: Callable[[StatsQuery], bool], count: int) -> list[StatsQuery]:
    asked = 4 * count
    while len(found := [one for one in stream(asked) if wanted(one)]) < count:
        if not found and asked > 1_000:
            raise Refused("the notes carry no query of this kind")
        asked *= 2
    return found[:count]


def _names_facilities(query: StatsQuery) -> bool:
    return query.facility_ids is not None


def _names_one_facility(query: StatsQuery) -> bool:
    return query.facility_ids is not None and len(query.facility_ids) == 1


Seen = dict[str, dict[str, Any]]  # by way: `steps` of the plan, and `notes` that were counted


def plans_shown(study: Study, notes: Copies) -> dict[str, Seen]:
    """How the database runs each way of three claims, for a day of the largest tenant, and the notes it counts.

    Beside the ways of `parameters` stand two that are wrong on SQLite. They are counted, and not timed.
    """
    finders = {"index-patient": _patient_plans, "equality": _operator_plans, "parameters": _day_plans}
    return {claim: study.fact(f"{claim}/plans", partial(find, notes)) for claim, find in finders.items()}


def _patient_plans(notes: Copies) -> Seen:
    plans = {"with idx_patient": "original", "without idx_patient": "original_without_patient"}
    return {
        name: _seen(notes, plan, pushdown, _largest(notes)) | {"bytes": bytes_of(notes, plan)}
        for name, plan in plans.items()
    }


def _operator_plans(notes: Copies) -> Seen:
    query = _largest(notes, one_facility=True)
    with closing(notes.on("duckdb")) as in_duckdb:
        return {
            f"{name}, {where}": _seen(there, plan, ask, query)
            for where, there, plan in _places(notes, in_duckdb)
            for name, ask in _OPERATORS.items()
        }


def _day_plans(notes: Copies) -> Seen:
    return {name: _seen(notes, "date", ask, _largest(notes)) for name, ask in {**_DAYS, **_WRONG_DAYS}.items()}


def _seen(
    notes: Copies, plan: str, ask: Callable[[Connection, StatsQuery], CareStats], query: StatsQuery
) -> dict[str, Any]:
    with notes.engine(plan).connect() as connection:
        steps = query_plan(connection, lambda asked: ask(asked, query))
        return {"steps": steps, "notes": ask(connection, query).total_notes}


def _largest(notes: Copies, *, one_facility: bool = False) -> StatsQuery:
    """The first day on which the largest tenant wrote, or the facility that began it."""
    tenants = notes.population.tenants
    tenant = max(tenants, key=lambda one: tenants[one])
    first = select(CareNote.created_at, CareNote.facility_id).where(CareNote.tenant_id == tenant)
    with notes.engine(notes.best_plan).connect() as connection:
        moment, facility = connection.execute(first.order_by(CareNote.created_at, CareNote.id).limit(1)).one()
    return StatsQuery.on(tenant, moment.date(), [facility] if one_facility else None)


def progress(spec: SeedSpec, folder: Path) -> Race:
    """A load in the original's batches with a progress bar and without, and the bar alone, told the same."""
    loaded, url = _few_of(spec), new_place(folder.resolve(), "progress")
    way = Way("arrow", BATCH, loaded.notes)
    makers: dict[str, Maker] = {
        UNTOLD: partial(Load, loaded, url, way),
        TOLD: partial(ToldLoad, loaded, url, way),
        TELLING: partial(Telling, way),
    }

    def right(name: str, _round: int, part: int) -> list[str] | None:
        return None if name == TELLING else [digest_of(loaded, part_of(loaded.notes, part))]

    return Race(makers, right, baseline=UNTOLD)


def progress_seen(study: Study, spec: SeedSpec, folder: Path) -> dict[str, int]:
    """What a load in the original's batches tells: its batches, how often it tells of notes, and of how many."""
    found: dict[str, int] = study.fact(
        "progress/seen", partial(_told, _few_of(spec), folder)
    )
    return found


def _few_of(spec: SeedSpec) -> SeedSpec:
    return spec.resized(min(spec.notes, FEW))


def _told(spec: SeedSpec, folder: Path) -> dict[str, int]:
    told: list[int] = []
    url = new_place(folder.resolve(), "told")
    backend_of(url).drop(url)
    engine = create_database(url)
    load(engine, spec, batch_size=BATCH, progress=told.append)
    engine.dispose()
    backend_of(url).drop(url)
    return {"batches": -(-spec.notes // BATCH), "times told": sum(map(bool, told)), "notes told": sum(told)}
