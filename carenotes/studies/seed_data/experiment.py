"""Notebook 01: what the data looks like, and what it costs to load it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import extract, func, select

from carenotes import seeding
from carenotes.backends import backend_of, create_database, new_place
from carenotes.lab.conditions import Condition, condition
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.stored import facts
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Plan, Study
from carenotes.lab.runner.workers import Maker
from carenotes.models import CareNote
from carenotes.seeding import SeedSpec, load
from carenotes.studies.seed_data.bulk_load import BarAlone, Batches, Load, LoadWithBar, ReadyTuples, digest_of, some

NOTEBOOK = "01_seed_data"
LOADING, PROGRESS = "loading", "progress"  # experiments
PARTS = {"add_all": 10, "executemany": 4, "arrow": 1}  # of the notes, a writer loads one in so many
READY_TUPLES = "sqlite3, ready tuples"  # a writer, and the limit of the others: the driver with nothing to convert
WITHOUT_BAR, WITH_BAR, BAR_ALONE = "without a bar", "with a bar", "the bar alone"  # a `load` with progress, or not
FEW = 50_000  # notes at most, of which progress is shown
BATCH = 5_000  # notes of the original's batch


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
    """What a load costs, and what it costs to show its progress, in the same rounds."""
    plans: dict[str, Plan] = {
        LOADING: partial(loading, spec, folder, sizes),
        PROGRESS: partial(progress, spec, folder),
    }
    return study.run(plans, rounds)


def loading(spec: SeedSpec, folder: Path, sizes: Sequence[int]) -> Experiment:
    """Each writer over batch sizes, and the driver with ready tuples.

    The slower a writer, the fewer notes it loads: rates compare, and nobody waits for them. A batch larger than what a
    writer loads is left out.
    """
    url = new_place(folder.resolve(), "loading")
    batches = [Batches(name, size, max(1, spec.notes // part)) for name, part in PARTS.items() for size in sizes]
    by_writer = {
        condition(engine=url.get_backend_name(), writer=one.writer, notes_a_batch=one.size): one
        for one in batches
        if one.size <= one.notes
    }
    ready = condition(engine=url.get_backend_name(), writer=READY_TUPLES)
    makers: dict[Condition, Maker] = {of: partial(Load, spec, url, one) for of, one in by_writer.items()}
    makers[ready] = partial(ReadyTuples, spec, url)
    notes = {of: one.notes for of, one in by_writer.items()} | {ready: spec.notes}

    def right(of: Condition, _round: int, part: int) -> list[str]:
        return [digest_of(spec, some(notes[of], part))]

    return Experiment(makers, right, further=1)  # the best against the ORM at its best


def progress(spec: SeedSpec, folder: Path) -> Experiment:
    """A load in the original's batches with a progress bar and without, and the bar alone, given the same reports."""
    loaded, url = _few_of(spec), new_place(folder.resolve(), "progress")
    batches = Batches("arrow", BATCH, loaded.notes)
    without, with_bar, alone = (condition(load=one) for one in (WITHOUT_BAR, WITH_BAR, BAR_ALONE))
    makers: dict[Condition, Maker] = {
        without: partial(Load, loaded, url, batches),
        with_bar: partial(LoadWithBar, loaded, url, batches),
        alone: partial(BarAlone, batches),
    }

    def right(of: Condition, _round: int, part: int) -> list[str] | None:
        return None if of == alone else [digest_of(loaded, some(loaded.notes, part))]

    return Experiment(makers, right, baseline=without)


def reports(study: Study, spec: SeedSpec, folder: Path) -> dict[str, int]:
    """How a load in the original's batches reports its progress: its batches, its reports, and the notes in these."""
    found: dict[str, int] = study.fact("progress/reports", partial(_reports, _few_of(spec), folder))
    return found


def _few_of(spec: SeedSpec) -> SeedSpec:
    return spec.resized(min(spec.notes, FEW))


def _reports(spec: SeedSpec, folder: Path) -> dict[str, int]:
    reported: list[int] = []
    url = new_place(folder.resolve(), "reports")
    backend_of(url).drop(url)
    engine = create_database(url)
    load(engine, spec, batch_size=BATCH, progress=reported.append)
    engine.dispose()
    backend_of(url).drop(url)
    return {"batches": -(-spec.notes // BATCH), "reports": sum(map(bool, reported)), "notes": sum(reported)}
