"""The original's smaller claims, one experiment each: part of notebook 02.

They are tried on fewer notes than the rest: what is compared here reads the same notes, or shares of them that stay
the same in a larger table. Only what is done to fetched rows is tried on more of them.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import select

from carenotes.aggregators import AGGREGATORS, Aggregator
from carenotes.errors import Refused
from carenotes.lab.comparison import Comparison, Stream, compare_together, distinct_queries, entry
from carenotes.lab.notes.copies import Copies
from carenotes.lab.notes.stored import Notes, bytes_of
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Study
from carenotes.models import CareNote
from carenotes.queries import StatsQuery
from carenotes.statements import query_plan
from carenotes.studies.one_query import other_aggregators
from carenotes.studies.one_query.experiment import COMPARED, DESIGNS

FEW = 50_000  # notes; of more, a query without an index takes all the time there is
SEVERAL = 200_000  # notes, where an answer is to rest on thousands
FACILITY, PATIENT, EQUALITY, PARAMETERS = "index-facility", "index-patient", "equality", "parameters"  # experiments
STRUCTURES = {"short": "structures/short", "long": "structures/long"}  # experiments, by span
_JUDGED = ("none", "original")
_PATIENT_INDEX = ("original", "original_without_patient")
_ON_SQLITE = ("original", "covering")  # the designs that the operators are tried under


# Aggregators by the names that their conditions have.
_STRUCTURES: Mapping[str, Aggregator] = {
    "single_pass": AGGREGATORS["single_pass"],
    "counters": other_aggregators.counters,
    "arrays": other_aggregators.arrays,
    "pushdown": AGGREGATORS["pushdown"],
}
_OPERATORS: Mapping[str, Aggregator] = {"equals": other_aggregators.equals, "is_in": other_aggregators.is_in}
_DAYS: Mapping[str, Aggregator] = {
    "day_as_text": other_aggregators.day_as_text,
    "day_as_date": other_aggregators.day_as_date,
    "pushdown": AGGREGATORS["pushdown"],
}
_WRONG_DAYS: Mapping[str, Aggregator] = {
    "text_with_a_t": other_aggregators.text_with_a_t,
    "dates_as_bounds": other_aggregators.dates_as_bounds,
}

# By experiment: what a condition is compared with has this field, and all others are the same.
AGAINST: Mapping[str, Mapping[str, str]] = {
    FACILITY: {"design": "none"},
    PATIENT: {"design": "original_without_patient"},
    **{name: {"aggregator": "single_pass"} for name in STRUCTURES.values()},
    EQUALITY: {"aggregator": "is_in"},
    PARAMETERS: {"aggregator": "day_as_text"},
}


def compared(experiment: str, one: Measured) -> dict[str, str]:
    """The conditions of an experiment that are compared with another one, and that one, by their labels."""
    labels = {of: label for label, of in one.conditions.items()}
    against: Mapping[str, Any] = AGAINST[experiment]
    pairs = {label: labels[replace(of, **against)] for of, label in labels.items()}
    return {label: other for label, other in pairs.items() if label != other}


def some(notes: Notes, count: int, most: int = FEW) -> Copies:
    """At most so many of the notes, of which there are `count`."""
    sample = notes.sample().on("sqlite")  # whose plans the claims are about
    return sample if count <= most else sample.resized(most)


def measured(
    study: Study, asked: Notes, count: int, short_days: int, long_days: int, rounds: int
) -> dict[str, Measured]:
    """Every one that is timed by queries, by its experiment; structures over both spans. There are `count` notes."""
    notes, several, seed = some(asked, count), some(asked, count, SEVERAL), study.random_seed
    comparisons = {
        FACILITY: partial(index_facility, notes, seed, short_days),
        PATIENT: partial(index_patient, notes, seed, short_days),
        STRUCTURES["short"]: partial(structures, several, seed, short_days),
        STRUCTURES["long"]: partial(structures, several, seed, long_days),
        EQUALITY: partial(equality, notes, seed, short_days),
        PARAMETERS: partial(parameters, notes, seed),
    }
    return compare_together(study, comparisons, rounds)


def index_facility(notes: Copies, seed: int, days: int) -> Comparison:
    """Queries that name facilities, `naive` and `pushdown` under each design."""
    entries = [
        # What stands beside is so fast that ten queries, which are enough for the rest, would make no sample.
        entry(notes, design, name, repeats=1 if design in _JUDGED else 4)
        for name in COMPARED
        for design in DESIGNS
    ]
    stream = only(distinct_queries(notes, seed, days), _names_facilities)
    return Comparison(entries, stream, 10, further=len(DESIGNS) - 1)  # `pushdown` without an index is no baseline


def index_patient(notes: Copies, seed: int, days: int) -> Comparison:
    """`pushdown`, which has the database count patients, under the original's indexes with and without that one."""
    return Comparison(
        [entry(notes, design, "pushdown") for design in _PATIENT_INDEX], distinct_queries(notes, seed, days)
    )


def structures(notes: Copies, seed: int, days: int) -> Comparison:
    """The same rows of four columns counted in three ways in Python, and the notes counted by the database."""
    entries = [entry(notes, notes.best_design, name, one) for name, one in _STRUCTURES.items()]
    return Comparison(entries, distinct_queries(notes, seed, days))


def equality(notes: Copies, seed: int, days: int) -> Comparison:
    """Queries about one facility, by `=` and by `IN`, on SQLite under two designs and on DuckDB."""
    with closing(notes.on("duckdb")) as in_duckdb:  # it is opened by workers when this is over
        entries = [
            entry(there, design, name, one, oracle=notes)
            for there, design in _places(notes, in_duckdb)
            for name, one in _OPERATORS.items()
        ]
    return Comparison(entries, only(distinct_queries(notes, seed, days), _names_one_facility), 40)


def _places(notes: Copies, in_duckdb: Copies) -> list[tuple[Copies, str]]:
    """Where the operators are tried: notes and a design."""
    return [*((notes, design) for design in _ON_SQLITE), (in_duckdb, "none")]


def parameters(notes: Copies, seed: int) -> Comparison:
    """Queries about one day, described in three ways that are right, on the index on tenant and time."""
    entries = [entry(notes, "date", name, one) for name, one in _DAYS.items()]
    return Comparison(entries, distinct_queries(notes, seed, 1))


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


# Of an aggregator on an engine with a design: these three by name, `steps` of the plan, and `counted` notes.
Seen = dict[str, Any]


def plans_shown(study: Study, notes: Copies) -> dict[str, list[Seen]]:
    """How the database answers in three experiments, for a day of the largest tenant, and the notes that it counts.

    Beside the aggregators of `parameters` stand two that are wrong on SQLite. They are counted, and not timed.
    """
    finders = {PATIENT: _patient_plans, EQUALITY: _operator_plans, PARAMETERS: _day_plans}
    return {name: study.fact(f"{name}/plans", partial(find, notes)) for name, find in finders.items()}


def _patient_plans(notes: Copies) -> list[Seen]:
    return [
        _seen(notes, design, "pushdown", AGGREGATORS["pushdown"], _largest(notes)) | {"bytes": bytes_of(notes, design)}
        for design in _PATIENT_INDEX
    ]


def _operator_plans(notes: Copies) -> list[Seen]:
    query = _largest(notes, one_facility=True)
    with closing(notes.on("duckdb")) as in_duckdb:
        places = _places(notes, in_duckdb)
        return [_seen(there, design, *one, query) for there, design in places for one in _OPERATORS.items()]


def _day_plans(notes: Copies) -> list[Seen]:
    return [_seen(notes, "date", *one, _largest(notes)) for one in (*_DAYS.items(), *_WRONG_DAYS.items())]


def _seen(notes: Copies, design: str, name: str, aggregator: Aggregator, query: StatsQuery) -> Seen:
    of = {"aggregator": name, "engine": notes.backend, "design": design}
    with notes.engine(design).connect() as connection:
        steps = query_plan(connection, lambda asked: aggregator(asked, query))
        return of | {"steps": steps, "counted": aggregator(connection, query).total_notes}


def _largest(notes: Copies, *, one_facility: bool = False) -> StatsQuery:
    """The first day on which the largest tenant wrote, or the facility that began it."""
    tenants = notes.population.tenants
    tenant = max(tenants, key=lambda one: tenants[one])
    first = select(CareNote.created_at, CareNote.facility_id).where(CareNote.tenant_id == tenant)
    with notes.engine(notes.best_design).connect() as connection:
        moment, facility = connection.execute(first.order_by(CareNote.created_at, CareNote.id).limit(1)).one()
    return StatsQuery.on(tenant, moment.date(), [facility] if one_facility else None)
