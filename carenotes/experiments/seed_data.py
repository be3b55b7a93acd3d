"""Notebook 01: what the data looks like, and what it costs to load it."""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, String, func, select, type_coerce

from carenotes import seeding
from carenotes.databases import create_database
from carenotes.lab.datasets import SeededNotes, facts, scratch
from carenotes.lab.study import Measured, Study
from carenotes.models import CareNote
from carenotes.seeding import SeedSpec, load

NOTEBOOK = "01_seed_data"
SEED_BATCH = 5_000  # the batch size that the seed calls optimal
FAST_WAYS = ("executemany", "arrow")
READY_TUPLES = "sqlite3, ready tuples"  # what loading is measured against: the driver with nothing left to convert
_INSERT = "INSERT INTO care_notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def data_facts(study: Study, notes: SeededNotes) -> dict[str, Any]:
    """Counts, days and digest of the notes."""
    found: dict[str, Any] = study.finding("data/seeded", lambda: facts(notes))
    return found


def same_for_any_batch(study: Study, spec: SeedSpec, sizes: Sequence[int]) -> dict[str, str]:
    """The canonical digest of the generated notes for each batch size; all are the same."""
    digests = study.finding(
        "digests", lambda: {str(size): seeding.digest(seeding.batches(spec, size)) for size in sizes}
    )
    return {size: digest[:16] for size, digest in digests.items()}


def shares(study: Study, notes: SeededNotes) -> dict[str, dict[str, int]]:
    """How many notes there are by tenant, by hour of the day, by day of the week and by priority."""
    moment = type_coerce(CareNote.created_at, String)
    parts = {
        "tenant": CareNote.tenant_id,
        "hour": func.strftime("%H", moment),
        "weekday": func.strftime("%w", moment),
        "category": CareNote.category,
        "priority": CareNote.priority,
    }
    return {name: study.finding(f"shares/{name}", lambda by=by: _counts(notes.engine("none"), by)) for name, by in parts.items()}  # type: ignore[misc]


def _counts(engine: Engine, by: Any) -> dict[str, int]:
    with engine.connect() as connection:
        groups = connection.execute(select(by, func.count()).group_by(by).order_by(by))
        return {str(key): count for key, count in groups}


def ways_to_load(study: Study, spec: SeedSpec, folder: str, rounds: int) -> Measured:
    """Each way to load with the seed's batch size, and the driver with ready tuples as the measure."""
    loads: dict[str, Callable[[Path], object]] = {way: _load(spec, way, SEED_BATCH) for way in seeding.WRITERS}
    return _timed(study, "ways to load", loads, spec, folder, rounds, SEED_BATCH)


def batch_sizes(study: Study, spec: SeedSpec, folder: str, sizes: Sequence[int], rounds: int) -> Measured:
    """The two fast ways over batch sizes; conditions are named `way/size`."""
    loads = {f"{way}/{size}": _load(spec, way, size) for way in FAST_WAYS for size in sizes}
    return _timed(study, "batch sizes", loads, spec, folder, rounds, max(sizes))


def _timed(
    study: Study,
    experiment: str,
    loads: dict[str, Callable[[Path], object]],
    spec: SeedSpec,
    folder: str,
    rounds: int,
    ready_batch: int,
) -> Measured:
    if not study.is_complete(experiment, rounds):
        file = scratch(folder) / "loading.db"
        expected = seeding.digest(seeding.batches(spec, 50_000))
        contenders = {name: _Loading(one, spec, file, expected) for name, one in loads.items()}
        contenders[READY_TUPLES] = _Loading(_ready_tuples(spec, ready_batch), spec, file, expected)
        study.blocks(experiment, contenders, rounds)
        file.unlink(missing_ok=True)
    return study.measured(experiment)


def _load(spec: SeedSpec, way: str, size: int) -> Callable[[Path], object]:
    return lambda file: load(create_database(f"sqlite:///{file}"), spec, batch_size=size, writer=way)


def _ready_tuples(spec: SeedSpec, size: int) -> Callable[[Path], object]:
    """The standard library's executemany, handed tuples that were made before the clock started."""
    notes = seeding.generate(spec)
    columns = [range(1, spec.notes + 1), *(notes[name].to_pylist() for name in seeding.COLUMNS if name != "created_at")]
    columns.insert(6, [moment.isoformat(" ", "microseconds") for moment in notes["created_at"].to_pylist()])
    rows = list(zip(*columns, strict=True))

    def insert(file: Path) -> None:
        connection = sqlite3.connect(file)
        waiting = iter(rows)
        while part := list(islice(waiting, size)):
            connection.executemany(_INSERT, part)
            connection.commit()
        connection.close()

    return insert


class _Loading:
    """A way to load as a contender: each run fills a new database, whose notes are then compared by digest."""

    def __init__(self, insert: Callable[[Path], object], spec: SeedSpec, file: Path, expected: str) -> None:
        self.units = spec.notes
        self._insert, self._file, self._expected = insert, file, expected

    def prepare(self, round_number: int) -> None:
        self._file.unlink(missing_ok=True)
        create_database(f"sqlite:///{self._file}").dispose()

    def run(self) -> None:
        self._insert(self._file)

    def check(self) -> int:
        engine = create_database(f"sqlite:///{self._file}")
        with engine.connect() as connection:
            digest = seeding.stored_digest(connection)
        engine.dispose()
        return 0 if digest == self._expected else self.units
