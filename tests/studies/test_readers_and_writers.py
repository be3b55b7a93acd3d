"""Readers while others write: what is measured, that nothing is lost, and what is told of it."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, func, select

from carenotes import CareStats, Failed, StatsQuery, open_database
from carenotes.aggregators import pushdown
from carenotes.backends import BACKENDS, parsed
from carenotes.lab.comparison import distinct_queries
from carenotes.lab.configurations import peers, writers
from carenotes.lab.configurations.client import parts_of
from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.configurations.writers import KEPT, LOST, READ_BUSY, WRITE_LATENCY, ReadersAndWriters, Writing
from carenotes.lab.notes.copies import Copies, SeededNotes
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.runner.study import Study
from carenotes.lab.runner.workers import PARTS, TIMED
from carenotes.models import CareNote
from carenotes.seeding import SeedSpec
from carenotes.studies.concurrency import findings
from carenotes.studies.concurrency import readers_and_writers as experiment
from carenotes.studies.concurrency.readers_and_writers import READERS_AND_WRITERS, Writers
from carenotes.studies.concurrency.readers_and_writers_figures import readers_and_writers as figure
from carenotes.studies.concurrency.readers_and_writers_tables import readers_and_writers as table
from tests.lab.planted import wrong_always

pytestmark = pytest.mark.slow  # processes that read and write for a while

UNITS = 12
WRITTEN = [(engine, journal) for engine, one in BACKENDS.items() for journal in one.JOURNALS]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> SeededNotes:
    return SeededNotes(SeedSpec(2_000, tenants=3, facilities=3, patients=5, days=10), tmp_path_factory.mktemp("n"))


@pytest.fixture(params=WRITTEN, ids=lambda one: f"{one[0]}, {one[1]}")
def place(request: pytest.FixtureRequest, base: SeededNotes) -> Iterator[tuple[Copies, str]]:
    engine, journal = request.param
    if not base.possible_on(engine):
        pytest.skip("no server of this engine")
    there = base.on(engine)
    yield there, journal
    url = there.to_be_written(journal, "test")
    there.close()
    BACKENDS[engine].drop(url)


@dataclass
class Beside:
    """Readers with two writers, and what they should say."""

    one: ReadersAndWriters
    truth: Truth
    writing: Writing
    there: Copies

    def part(self, part: int) -> list[str]:
        """The digests of a part; right ones first."""
        self.one.warm_up(0, part)
        self.one.run()
        return list(self.one.digests())

    def notes_of_tenant(self, url: object) -> int:
        engine = open_database(url)  # type: ignore[arg-type]
        with engine.connect() as connection:
            of_them = CareNote.tenant_id == self.writing.tenant
            found = connection.execute(select(func.count()).select_from(CareNote).where(of_them)).scalar_one()
        engine.dispose()
        return int(found)


def beside(base: SeededNotes, there: Copies, journal: str, seconds: float = 0.2, units: int = UNITS) -> Beside:
    stream = distinct_queries(base, 1, 2)(200)
    writing = Writing(2, 3, max(base.population.tenants) + 1, base.population.last_day)
    url = there.to_be_written(journal, "test")
    return Beside(ReadersAndWriters(url, pushdown, stream, 2, units, seconds, writing), Truth(base), writing, there)


def test_readers_are_right_and_nothing_is_lost_while_others_write(base: SeededNotes, place: tuple[Copies, str]) -> None:
    of = beside(base, *place)
    stream, url = distinct_queries(base, 1, 2)(200), place[0].to_be_written(place[1], "test")
    for part in PARTS:
        assert of.part(part) == [*(of.truth.of(query) for query in parts_of(stream, 0, part, UNITS)), KEPT]
        assert of.notes_of_tenant(url) == 0  # the next one finds it as it was
    times = of.one.details()
    assert len(times[LATENCY]) == of.one.units > 0
    assert len(times[WRITE_LATENCY]) > 0
    of.one.rest()


def test_what_a_killed_process_has_left_is_taken_back_first(base: SeededNotes) -> None:
    of = beside(base, base, "write-ahead log")
    writer = writers.Inserting(parsed(base.to_be_written("write-ahead log", "test")), of.writing, 0)
    writer.do(2, Never())  # type: ignore[arg-type]
    writer.close()
    assert of.part(TIMED)[-1] == KEPT
    of.one.close()


class Never:
    """A pipe that says nothing."""

    def poll(self) -> bool:
        return False


def test_readers_who_are_kept_out_stop_in_time_and_their_answers_are_checked_all_the_same(base: SeededNotes) -> None:
    of = beside(base, base, "rollback journal", seconds=0.0, units=100)
    stream = distinct_queries(base, 1, 2)(200)
    found = of.part(TIMED)
    assert found == [*(of.truth.of(query) for query in parts_of(stream, 0, TIMED, 100)), KEPT]
    assert of.one.units < 100
    assert len(of.one.details()[LATENCY]) == of.one.units
    of.one.close()


def test_a_repeated_answer_that_differs_is_the_one_that_is_compared(base: SeededNotes) -> None:
    stream, right = distinct_queries(base, 1, 2)(3), Truth(base)
    reading = writers.Reading(parsed(base.url("covering")), WrongAfter(2 + 5), stream[:2])
    reading.do(stream, Stopping(after=5))  # type: ignore[arg-type]
    found = [one.digest() for one in reading.do(None, Stopping(after=0))]  # type: ignore[arg-type, union-attr]
    assert [one == right.of(query) for one, query in zip(found, stream, strict=True)] == [True, False, True]
    reading.close()


class Stopping:
    """A pipe that says stop after so many queries."""

    def __init__(self, after: int) -> None:
        self._left = after

    def poll(self) -> bool:
        self._left -= 1
        return self._left <= 0


class WrongAfter:
    """Right so many times."""

    def __init__(self, calls: int) -> None:
        self._left = calls

    def __call__(self, connection: Connection, query: StatsQuery) -> CareStats:
        self._left -= 1
        return pushdown(connection, query) if self._left > 0 else wrong_always(connection, query)


def test_a_note_that_is_lost_is_found_out(base: SeededNotes, monkeypatch: pytest.MonkeyPatch) -> None:
    of = beside(base, base, "write-ahead log")
    taken_back = ReadersAndWriters._taken_back

    def lost(one: ReadersAndWriters, *, settled: bool = False) -> list[int]:
        engine = open_database(base.to_be_written("write-ahead log", "test"))
        first = select(func.min(CareNote.id)).where(CareNote.tenant_id == of.writing.tenant).scalar_subquery()
        with engine.begin() as connection:
            connection.execute(delete(CareNote).where(CareNote.id == first))
        engine.dispose()
        return taken_back(one, settled=settled)

    monkeypatch.setattr(ReadersAndWriters, "_taken_back", lost)
    assert of.part(TIMED)[-1] == LOST
    of.one.close()


def test_a_transaction_that_is_given_up_as_busy_is_tried_again_and_counted(base: SeededNotes) -> None:
    """The lock of another process is what SQLite says it is; anything else is an error at once."""
    busy = iter([True, True, False])
    with base.engine("covering").connect() as connection:

        def do(_: object) -> str:
            if next(busy):
                connection.exec_driver_sql("SELECT likely(1)")
                raise writers.DBAPIError("x", None, Exception("database is locked"))  # type: ignore[arg-type]
            return "done"

        found, took = writers.persistent(connection, do)
        assert (found, len(took.given_up)) == ("done", 2)
        assert took.elapsed >= sum(took.given_up) > 0
        with pytest.raises(writers.DBAPIError):
            writers.persistent(connection, partial(_fails, "no such table"))


def _fails(words: str, _: object) -> None:
    raise writers.DBAPIError("x", None, Exception(words))  # type: ignore[arg-type]


def test_a_reader_that_dies_is_told_and_nobody_else_gets_it(base: SeededNotes) -> None:
    of = beside(base, base, "write-ahead log")
    of.one.warm_up(0, TIMED)
    [first, *_] = of.one._readers
    os.kill(first.process, signal.SIGKILL)
    with pytest.raises(Failed, match="has died"):
        of.one.run()
    of.one.close()
    assert first not in peers._IDLE
    assert beside(base, base, "write-ahead log").part(TIMED)[-1] == KEPT


def test_every_engine_and_journal_stands_beside_the_others(base: SeededNotes) -> None:
    one = experiment.readers_and_writers(base, 1, Writers(8, 50, [1, 4]), 2)
    every = [(of.engine, of.get("journal"), of.get("writers"), of.get("writing")) for of in one.makers]
    kinds = [(0, None), *((number, writing) for number in (1, 4) for writing in ("single notes", "batches of 100"))]
    written = [(engine, journal, *kind) for engine, journal in WRITTEN if base.possible_on(engine) for kind in kinds]
    assert sorted(map(str, every)) == sorted(map(str, [*written, ("duckdb", None, 0, None)]))
    assert one.baseline
    assert one.baseline.get("writers") == 1
    copies = {str(make.args[0]) for of, make in one.makers.items() if of.engine != "duckdb"}  # type: ignore[attr-defined]
    assert len(copies) == len(written)


def test_without_a_server_it_is_left_out_and_that_is_told(base: SeededNotes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BACKENDS["postgresql"], "place", lambda *_: None)
    one = experiment.readers_and_writers(base, 1, Writers(8, 50, [1, 4]), 2)
    assert {of.engine for of in one.makers} == {"sqlite", "duckdb"}


@pytest.mark.slow
def test_a_tiny_run_is_measured_and_told(base: SeededNotes, tmp_path: Path) -> None:
    study = Study("05_concurrency", str(tmp_path / "r.sqlite"))
    plan = partial(experiment.readers_and_writers, base, 1, Writers(8, 50, [1, 4]), 2)
    found = study.run({READERS_AND_WRITERS: plan}, 2)[READERS_AND_WRITERS]
    assert found.failed == ()
    shown = table(found, 50)
    assert len(shown.rows) == len(found.conditions)  # type: ignore[union-attr]
    assert "DuckDB: nobody can" in str(shown)
    assert "Every note that was committed was there afterwards, once" in str(findings.readers_and_writers(found))
    assert "Readers by who writes" in str(figure(found))
    of_readers = found.latencies[found.latencies["kind"] == READ_BUSY]
    assert f"{len(of_readers):,} of readers" in str(findings.readers_and_writers(found))
