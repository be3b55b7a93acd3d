"""Notebook 01: what the data looks like, and what it costs to load it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import extract, func, select

from carenotes import seeding
from carenotes.backends import new_place
from carenotes.lab.notes.datasets import SeededNotes, facts
from carenotes.lab.runner.study import Measured, Plan, Race, Study
from carenotes.lab.runner.workers import Maker
from carenotes.models import CareNote
from carenotes.seeding import SeedSpec
from carenotes.studies.one_query import smaller_claims as small_claims
from carenotes.studies.seed_data.bulk_load import Load, ReadyTuples, Way, digest_of, some

NOTEBOOK = "01_seed_data"
LOADING = "loading"  # an experiment
PARTS = {"add_all": 10, "executemany": 4, "arrow": 1}  # of the notes, a way loads one in so many
READY_TUPLES = "sqlite3, ready tuples"  # what loading is measured against: the driver with nothing left to convert


def data_facts(study: Study, notes: SeededNotes) -> dict[str, Any]:
    """Counts, days and digest of the notes."""
    return study.dataset("seeded", lambda: facts(notes))


def same_for_any_batch(study: Study, spec: SeedSpec, sizes: Sequence[int]) -> dict[str, str]:
    """The canonical digest of the generated notes for each batch size; all are the same."""
    digests = study.fact("digests", lambda: {str(size): seeding.digest(seeding.batches(spec, size)) for size in sizes})
    return {size: digest[:16] for size, digest in digests.items()}


def shares(study: Study, notes: SeededNotes) -> dict[str, dict[str, int]]:
    """How many notes there are by tenant, by hour of the day, by day of the week and by priority."""
    parts = {
        "tenant": CareNote.tenant_id,
        "hour": extract("hour", CareNote.created_at),
        "weekday": extract("dow", CareNote.created_at),  # 0: Sunday
        "category": CareNote.category,
        "priority": CareNote.priority,
    }
    return {name: study.fact(f"shares/{name}", partial(_counts, notes, column)) for name, column in parts.items()}


def _counts(notes: SeededNotes, by: Any) -> dict[str, int]:
    with notes.engine("none").connect() as connection:
        groups = connection.execute(select(by, func.count()).group_by(by).order_by(by))
        return {str(key): count for key, count in groups}


def measured(study: Study, spec: SeedSpec, folder: Path, sizes: Sequence[int], rounds: int) -> dict[str, Measured]:
    """What a load costs, and what telling of it costs, in the same rounds."""
    plans: dict[str, Plan] = {
        LOADING: partial(loading, spec, folder, sizes),
        small_claims.PROGRESS: partial(small_claims.progress, spec, folder),
    }
    return study.races(plans, rounds)


def loading(spec: SeedSpec, folder: Path, sizes: Sequence[int]) -> Race:
    """Each way to load over batch sizes, and the driver with ready tuples; conditions are named `way/size`.

    The slower a way, the fewer notes it loads: rates compare, and nobody waits for them. A batch larger than what a
    way loads is left out.
    """
    ways = [Way(name, size, max(1, spec.notes // part)) for name, part in PARTS.items() for size in sizes]
    url = new_place(folder.resolve(), "loading")
    makers: dict[str, Maker] = {
        f"{way.name}/{way.size}": partial(Load, spec, url, way) for way in ways if way.size <= way.notes
    }
    makers[READY_TUPLES] = partial(ReadyTuples, spec, url)
    parts = {f"{way.name}/{way.size}": way.notes for way in ways} | {READY_TUPLES: spec.notes}

    def right(name: str, _round: int, part: int) -> list[str]:
        return [digest_of(spec, some(parts[name], part))]

    return Race(makers, right, further=1)  # the best against the ORM at its best
