"""Named effects of notebook 08: for whoever judges a claim or advises a measure, and knows no experiment."""

from carenotes.lab.conditions import Value
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Evidence
from carenotes.studies.upkeep.experiment import NOTEBOOK, READS, REFRESHES, WRITES
from carenotes.studies.upkeep.keeping import ONE
from carenotes.studies.upkeep.ways import INDEX, MARKED, NOTHING, POSTGRESQL, REFRESHED, VIEWED, WHOLE
from carenotes.studies.upkeep.writes import ONE_BY_ONE

Bytes = dict[str, int]


def of_views(seen: Evidence, days: int) -> Estimate | None:
    """The speedup of a query about so many days by materialized views over `pushdown` on the covering index."""
    there: dict[str, Value | None] = {"engine": POSTGRESQL, "design": "covering", "notes": notes(seen)}
    fast = {"aggregator": "counted", **there, "kept": VIEWED}
    slow = {"aggregator": "pushdown", **there, "kept": INDEX}
    return seen.speedup(NOTEBOOK, READS[days], fast, slow) if _is_there(seen, READS[days]) else None


def of_refresh_after_one_note(seen: Evidence) -> Estimate | None:
    """The speedup of the rollup's refresh over computing materialized views anew, on PostgreSQL, each after a note."""
    there: dict[str, Value | None] = {"engine": POSTGRESQL, "notes": notes(seen), "after": ONE}
    fast, slow = {**there, "kept": MARKED, "refresh": REFRESHED}, {**there, "kept": VIEWED, "refresh": WHOLE}
    return seen.speedup(NOTEBOOK, REFRESHES, fast, slow) if _is_there(seen, REFRESHES) else None


def of_marking(seen: Evidence, engine: str = POSTGRESQL) -> Estimate | None:
    """The speedup of an insert whose change is marked over one that is not: below 1."""
    there: dict[str, Value | None] = {"engine": engine, "notes": notes(seen), "act": ONE_BY_ONE}
    marked, plain = {**there, "kept": MARKED}, {**there, "kept": INDEX}
    return seen.speedup(NOTEBOOK, WRITES, marked, plain) if _is_there(seen, WRITES, engine) else None


def wrong(seen: Evidence) -> list[str]:
    """What was wrong of the rollup, after inserts, corrections, deletes and refreshes."""
    found = [seen.measured(NOTEBOOK, name) for name in (WRITES, REFRESHES)]
    return [label for one in found for label in one.failed if one.conditions[label].get("kept") == MARKED]


def share_of_views(seen: Evidence) -> float | None:
    """The bytes of the materialized views, of those of the notes table without indexes."""
    return _share(seen, VIEWED)


def share_of_rollup(seen: Evidence, engine: str = POSTGRESQL) -> float | None:
    """The bytes of the rollup, of those of the notes table without indexes."""
    return _share(seen, MARKED, engine)


def seconds_of_views(seen: Evidence) -> Estimate | None:
    """What a refresh of the materialized views takes that lets nobody read."""
    fields: dict[str, Value | None] = {"engine": POSTGRESQL, "notes": notes(seen), "after": ONE, "kept": VIEWED}
    return seen.seconds(NOTEBOOK, REFRESHES, {**fields, "refresh": WHOLE}) if _is_there(seen, REFRESHES) else None


def _share(seen: Evidence, way: str, engine: str = POSTGRESQL) -> float | None:
    found: Bytes | None = seen.fact(NOTEBOOK, f"bytes/{engine}")
    return found[way] / found[NOTHING] if found else None


def notes(seen: Evidence) -> Value | None:
    """How many notes there are: the same for all conditions."""
    known = seen.measured(NOTEBOOK, WRITES).values("notes")
    return known[0] if len(known) == 1 else None


def _is_there(seen: Evidence, experiment: str, engine: str = POSTGRESQL) -> bool:
    """Whether the engine was: without a server, none of its conditions is known."""
    return engine in (seen.fact(NOTEBOOK, "engines") or ()) and bool(seen.measured(NOTEBOOK, experiment).conditions)
