"""Named effects of notebook 02: for whoever judges a claim or advises a measure, and knows no experiment."""

from collections.abc import Mapping
from typing import Any

from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import measured
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Evidence
from carenotes.studies.one_query import smaller_claims
from carenotes.studies.one_query.ceilings import UNITS
from carenotes.studies.one_query.experiment import (
    ANATOMY,
    BY_DESIGN,
    CEILINGS,
    FIVE_PASSES,
    NOTEBOOK,
    ONE_PASS,
    OPTIMIZED,
    OURS,
    PAUSED,
    UNPAUSED,
)


def of_design(seen: Evidence, aggregator: str, design: str) -> Estimate | None:
    """The speedup of an aggregator on a design over the same one without an index."""
    return _by_design(seen, BY_DESIGN, aggregator, design)


def of_design_where_facilities_are_named(seen: Evidence, aggregator: str, design: str) -> Estimate | None:
    """The same for queries that name facilities."""
    return _by_design(seen, smaller_claims.FACILITY, aggregator, design)


def _by_design(seen: Evidence, experiment: str, aggregator: str, design: str) -> Estimate | None:
    fast, slow = ({"aggregator": aggregator, "design": one} for one in (design, "none"))
    return seen.speedup(NOTEBOOK, experiment, fast, slow)


def of_all_measures(seen: Evidence) -> Estimate | None:
    """The speedup of `pushdown` on the covering index over `naive` without an index."""
    return seen.speedup(NOTEBOOK, BY_DESIGN, OURS, {"aggregator": "naive", "design": "none"})


def of_all_measures_on_the_originals_notes(seen: Evidence) -> Estimate | None:
    """The speedup of `pushdown` on the covering index over the original's first program without its pause."""
    return seen.speedup(NOTEBOOK, "original/single", OURS, UNPAUSED)


def of_the_originals_optimized(seen: Evidence, table: str, *, pause: bool) -> Estimate | None:
    """The speedup of the original's optimized program over its first one, in the table `single` or `filtered`."""
    return seen.speedup(NOTEBOOK, f"original/{table}", OPTIMIZED, PAUSED if pause else UNPAUSED)


def of_patient_index(seen: Evidence) -> Estimate | None:
    """The speedup of `pushdown` under the original's indexes by the one on patients."""
    fast, slow = ({"design": one} for one in ("original", "original_without_patient"))
    return seen.speedup(NOTEBOOK, smaller_claims.PATIENT, fast, slow)


def of_structure(seen: Evidence, aggregator: str, span: str) -> Estimate | None:
    """The speedup of an aggregator over the one with dict and set, over a `short` or a `long` span."""
    fast, slow = ({"aggregator": one} for one in (aggregator, "single_pass"))
    return seen.speedup(NOTEBOOK, smaller_claims.STRUCTURES[span], fast, slow)


def of_equality(seen: Evidence, engine: str, design: str) -> Estimate | None:
    """The speedup of `=` over `IN` for one facility."""
    fast, slow = ({"aggregator": one, "engine": engine, "design": design} for one in ("equals", "is_in"))
    return seen.speedup(NOTEBOOK, smaller_claims.EQUALITY, fast, slow)


def of_day(seen: Evidence, aggregator: str) -> Estimate | None:
    """The speedup of an aggregator about one day over the one that compares the day as text."""
    fast, slow = ({"aggregator": one} for one in (aggregator, "day_as_text"))
    return seen.speedup(NOTEBOOK, smaller_claims.PARAMETERS, fast, slow)


def of_one_pass(seen: Evidence) -> Estimate | None:
    """The speedup of one pass over the objects over five, of the whole answer."""
    return seen.speedup(NOTEBOOK, ANATOMY, {"step": ONE_PASS}, {"step": FIVE_PASSES})


Plans = list[Mapping[str, Any]]  # each by its `aggregator`, `engine` and `design`: `steps`, and how many it `counted`


def patient_plans(seen: Evidence) -> Plans | None:
    """What was seen of the plan with the index on patients, and of that without; of each also the file's `bytes`."""
    return _plans(seen, smaller_claims.PATIENT)


def equality_plans(seen: Evidence, engine: str, design: str) -> Plans | None:
    """What was seen of the plan by `=` and of that by `IN`."""
    return _plans(seen, smaller_claims.EQUALITY, engine=engine, design=design)


def day_plans(seen: Evidence) -> Plans | None:
    """What was seen of the plans of aggregators about one day, two of them wrong on SQLite."""
    return _plans(seen, smaller_claims.PARAMETERS)


def _plans(seen: Evidence, experiment: str, **fields: str) -> Plans | None:
    known = seen.fact(NOTEBOOK, f"{experiment}/plans")
    if known is None:
        return None
    return [one for one in known if all(one[name] == value for name, value in fields.items())]


def times_the_file(seen: Evidence, design: str) -> float | None:
    """How many times as large the database file is under a design as without an index."""
    with_it, without = (seen.fact(NOTEBOOK, f"bytes/{one}") for one in (design, "none"))
    return with_it / without if with_it and without else None


def measured_ceilings(results: Results) -> dict[str, tuple[Estimate, str]]:
    """What the machine, the interpreter and the stack can do at best, each with its unit."""
    one = measured(results, NOTEBOOK, CEILINGS)
    limits = {str(one.conditions[label].get("limit")): found for label, found in one.medians.items()}
    return {limit: (found, f"s/{UNITS.get(limit, 'time')}") for limit, found in limits.items()}
