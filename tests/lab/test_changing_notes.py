"""Notes that are written while a report reads them: no writer waits for it, and no answer is called wrong for it."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select

from carenotes import AGGREGATORS, designs, open_database
from carenotes.aggregators import Aggregator
from carenotes.backends import create_database, pages
from carenotes.lab.comparison import Comparison, compare, distinct_queries, entry, floor
from carenotes.lab.notes import oracles
from carenotes.lab.notes.own import OwnNotes
from carenotes.lab.notes.stored import AS_IT_IS, facts
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Study
from carenotes.models import CareNote
from carenotes.report.finding import correctness
from carenotes.seeding import SeedSpec, load
from carenotes.studies.concurrency import experiment as concurrency
from carenotes.studies.concurrency import readers_and_writers
from carenotes.studies.concurrency.readers_and_writers import Writers
from tests.conftest import ON_ANY_DESIGN
from tests.lab.planted import wrong_always

pytestmark = pytest.mark.slow  # a writer beside each of them

SPEC = SeedSpec(4_000, tenants=3, facilities=3, patients=5, days=10)
QUERY = select(CareNote.id, CareNote.tenant_id)
PATIENCE = 2.0  # seconds that a writer waits for a lock
_INSERT = (
    "INSERT INTO care_notes (tenant_id, facility_id, patient_id, category, priority, created_at, created_by) "
    "VALUES (?, ?, 'p new', 'treatment', 3, ?, 'somebody')"
)


@pytest.fixture
def own(tmp_path: Path) -> OwnNotes:
    address = f"sqlite:///{tmp_path / 'own.db'}"
    engine = create_database(address)
    load(engine, SPEC)
    designs.prepare(engine, "date")
    engine.dispose()
    return OwnNotes(address, tmp_path, 4_000)


class Writer(threading.Thread):
    """Writes a note each few milliseconds, a transaction each, until it is told to stop."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file, self.stop = file, threading.Event()
        self.written, self.failed = 0, []  # type: ignore[var-annotated]

    def run(self) -> None:
        random = Random(1)
        connection = sqlite3.connect(self._file, timeout=PATIENCE, isolation_level=None)
        connection.execute("PRAGMA synchronous=OFF")  # the disk of a test machine is not what is tried here
        while not self.stop.wait(0.02):
            day = date.fromordinal(SPEC.last_day.toordinal() - random.randrange(10))
            try:
                connection.execute(
                    _INSERT,
                    (random.randint(1, 3), random.randint(1, 3), f"{day} 12:00:00.{random.randrange(10**6):06}"),
                )
                self.written += 1
            except sqlite3.OperationalError as error:
                self.failed.append(str(error))
        connection.close()


@contextmanager
def being_written(own: OwnNotes) -> Iterator[Writer]:
    writer = Writer(Path(str(own.url(AS_IT_IS)).removeprefix("sqlite:///")))
    writer.start()
    try:
        yield writer
    finally:
        writer.stop.set()
        writer.join()


def compared(own: OwnNotes, **aggregators: Aggregator) -> Measured:
    entries = [entry(own, AS_IT_IS, name, aggregator) for name, aggregator in aggregators.items()]
    one = Comparison([*entries, floor(own, AS_IT_IS)], distinct_queries(own, 1, 5), 10)
    return compare(Study("t"), "changing", lambda: one, 2)


def test_notes_that_are_written_meanwhile_make_no_answer_wrong_and_no_writer_fail(own: OwnNotes) -> None:
    with being_written(own) as writer:
        facts(own)
        found = compared(own, **{name: AGGREGATORS[name] for name in ON_ANY_DESIGN})
    assert writer.failed == []
    assert writer.written > 20
    assert found.failed == ()
    assert found.changed > 0
    assert "The data changed while it was measured" in str(correctness(found))


def test_a_wrong_aggregator_is_wrong_on_changing_notes_as_well(own: OwnNotes) -> None:
    with being_written(own):
        found = compared(own, pushdown=AGGREGATORS["pushdown"], wrong=wrong_always)
    assert found.failed == (found.of(aggregator="wrong"),)


def test_of_notes_that_nobody_writes_none_have_changed(own: OwnNotes) -> None:
    found = compared(own, pushdown=AGGREGATORS["pushdown"])
    assert (found.failed, found.changed) == ((), 0)
    assert "changed" not in str(correctness(found))


@pytest.mark.slow
def test_clients_of_changing_notes_are_right_and_let_others_write(
    own: OwnNotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        readers_and_writers, "_ENGINES", ("sqlite",)
    )  # they are about a sample, which nobody else writes
    sizes = concurrency.Sizes([2], 4, [2], 2, 5, 500, 4, Writers(8, 50, [1]))
    with being_written(own) as writer:
        found = concurrency.measured(Study("05_concurrency"), own, own, 5, sizes, 1)
    assert writer.failed == []
    assert [name for name, one in found.items() if one.failed] == []
    assert sum(one.changed for one in found.values()) > 0


def test_what_was_sampled_is_the_same_on_every_engine_whatever_was_written_since(own: OwnNotes) -> None:
    sample = own.sample()
    before = facts(sample)["digest"]
    with being_written(own) as writer:
        while writer.written < 5:
            writer.join(0.01)
        elsewhere = sample.on("duckdb")
        assert facts(elsewhere)["digest"] == before
    assert facts(elsewhere.on(sample.backend))["digest"] == before


def test_a_copy_of_the_latest_notes_lets_others_write(own: OwnNotes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 100)
    with being_written(own) as writer:
        there = own.sample().population.notes
    assert there == 4_000
    assert writer.failed == []


def test_no_reading_of_many_notes_holds_a_lock_for_longer_than_a_page(
    own: OwnNotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that waits for nobody gets in between two pages, however slowly they are read."""
    monkeypatch.setattr(pages, "PAGE", 500)
    monkeypatch.setattr(oracles, "_PAGE", 500)
    file = Path(str(own.url(AS_IT_IS)).removeprefix("sqlite:///"))
    impatient = sqlite3.connect(file, timeout=0, isolation_level=None)

    def write() -> None:
        impatient.execute(_INSERT, (1, 1, f"{SPEC.last_day} 12:00:00.000000"))

    def there() -> int:
        return int(impatient.execute("SELECT count(*) FROM care_notes").fetchone()[0])

    with open_database(own.url(AS_IT_IS), read_only=True).connect() as connection:
        for _ in pages.id_ranges(connection, 500):
            write()
        for _ in pages.pages(connection, QUERY):
            write()
        for _ in oracles._pages(connection, 1):
            write()
    assert there() > 4_000 + 8 + 8  # each of the first two readings of 4,000 notes has eight pages
    impatient.close()


def test_pages_hold_every_note_once_from_the_highest_id_down(own: OwnNotes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 700)
    with open_database(own.url(AS_IT_IS), read_only=True).connect() as connection:
        ids = [row[0] for page in pages.pages(connection, QUERY) for row in page]
        assert ids == list(range(4_000, 0, -1))
        assert [len(page) for page in pages.pages(connection, QUERY, 1_500)] == [700, 700, 100]
        assert list(pages.id_ranges(connection, 1_500)) == [(1, 1_500), (1_501, 3_000), (3_001, 4_000)]
        assert list(pages.id_ranges(connection, 4_000)) == [(1, 4_000)]
