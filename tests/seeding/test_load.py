"""A load never loses or doubles a note: whatever the way, the batch size, the moment of a kill, the disk."""

import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session

from carenotes import Failed, Refused, open_database
from carenotes.backends import create_database
from carenotes.backends.bulk.adbc import AdbcWriter
from carenotes.models import CareNote, SeedLoad
from carenotes.seeding import WRITERS, SeedSpec, batches, digest, load, stored_digest
from tests.conftest import started, wait_until

SPEC = SeedSpec(2_500, tenants=3, days=9)
TRUTH = digest(batches(SPEC, 2_500))


def stored(engine: Engine) -> str:
    with engine.connect() as connection:
        return stored_digest(connection)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("size", [1_000, 2_500, 10_000])
def test_what_was_generated_is_what_is_stored(any_url: str, writer: str, size: int) -> None:
    engine = create_database(any_url)
    assert load(engine, SPEC, batch_size=size, writer=writer).written == 2_500
    assert stored(engine) == TRUTH
    with engine.connect() as connection:
        assert connection.execute(select(func.min(CareNote.id), func.max(CareNote.id))).one() == (1, 2_500)


@pytest.mark.parametrize("writer", WRITERS)
def test_times_are_text_in_the_one_format_whichever_way_they_came(url: str, writer: str) -> None:
    engine = create_database(url)
    load(engine, SPEC, writer=writer)
    pattern = (
        "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]"
    )
    odd = text("SELECT count(*) FROM care_notes WHERE typeof(created_at) <> 'text' OR created_at NOT GLOB :pattern")
    with engine.connect() as connection:
        assert connection.execute(odd, {"pattern": pattern}).scalar() == 0
    with Session(engine) as session:
        assert session.scalars(select(CareNote).limit(1)).one().created_at.year == 2026


def test_progress_counts_every_note_once(any_url: str) -> None:
    steps: list[int] = []
    load(create_database(any_url), SPEC, batch_size=1_000, progress=steps.append)
    assert steps == [0, 1_000, 1_000, 500]


def test_the_same_load_again_does_nothing(any_url: str) -> None:
    engine = create_database(any_url)
    load(engine, SPEC)
    again = load(engine, SPEC)
    assert (again.before, again.written) == (2_500, 0)
    assert stored(engine) == TRUTH


def test_other_notes_are_refused_unless_they_are_to_be_appended(any_url: str) -> None:
    engine = create_database(any_url)
    load(engine, SPEC)
    other = SeedSpec(500, random_seed=2)
    with pytest.raises(Refused, match="--append"):
        load(engine, other)
    assert stored(engine) == TRUTH
    load(engine, other, append=True)
    load(engine, other, append=True)  # once more: nothing to do
    assert stored(engine) == digest([*batches(SPEC, 2_500), *batches(other, 500)])


def test_notes_of_somebody_else_are_refused_too(any_url: str) -> None:
    engine = create_database(any_url)
    with engine.begin() as connection:
        insert = "INSERT INTO care_notes VALUES (7, 1, 1, 'p', 'm', 1, '2026-01-01 00:00:00.000000', 's', NULL)"
        connection.execute(text(insert))
    with pytest.raises(Refused, match="other notes"):
        load(engine, SPEC)
    assert load(engine, SPEC, append=True).written == 2_500


def test_a_refusal_leaves_somebody_elses_database_as_it_was(url: str) -> None:
    """Not even the ledger is put into it."""
    file = Path(url.removeprefix("sqlite:///"))
    engine = create_database(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE seed_loads"))
        row = "INSERT INTO care_notes VALUES (7, 1, 1, 'p', 'm', 1, '2026-01-01 00:00:00.000000', 's', NULL)"
        connection.execute(text(row))
    engine.dispose()
    before = file.read_bytes()
    with pytest.raises(Refused, match=r"notes\.db: holds other notes already"):
        load(create_database(url), SPEC)
    assert file.read_bytes() == before
    assert load(create_database(url), SPEC, append=True).written == 2_500


class StopError(Exception):
    """Whatever may end a load midway."""


@settings(deadline=None, max_examples=15)
@given(st.integers(50, 900), st.integers(50, 900), st.integers(0, 5), st.sampled_from(sorted(WRITERS)))
def test_stopped_anywhere_and_run_again_with_any_batch_size_and_way(
    tmp_path_factory: pytest.TempPathFactory, first: int, second: int, survive: int, writer: str
) -> None:
    spec = SeedSpec(1_500, tenants=2, days=3)
    engine = create_database(f"sqlite:///{tmp_path_factory.mktemp('stopped') / 'notes.db'}")
    left = survive

    def stop(_: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise StopError

    with suppress(StopError):
        load(engine, spec, batch_size=first, progress=stop)
    load(engine, spec, batch_size=second, writer=writer)
    assert stored(engine) == digest(batches(spec, 1_500))
    engine.dispose()


def test_an_unfinished_load_must_be_finished_before_another_begins(any_url: str) -> None:
    engine = create_database(any_url)

    def stop(written: int) -> None:
        if written:
            raise StopError

    with pytest.raises(StopError):
        load(engine, SPEC, batch_size=1_000, progress=stop)
    with pytest.raises(Refused, match=r'unfinished.*"notes": 2500'):
        load(engine, SeedSpec(10), append=True)
    load(engine, SPEC)
    assert stored(engine) == TRUTH


# A load of 2,500 notes of the original's workload, as it stood in a ledger when its preset had another name.
FORMER = {
    "load_id": "d9597bb07f0918c0f45661b7d971f654c7036546ad3deb63d8beddc6dcc8c604",
    "arguments": '{"days": 30, "facilities": 3, "last_day": "2026-06-30", "notes": 2500, "patients": 50, '
    '"preset": "seed_workload", "random_seed": 1, "tenants": 5}',
}
FORMER_DIGEST = "c1de42b647a1987d28c61755e4c0f2413cb0924245d21270a3a0c791dfaab0c4"  # of its notes


@pytest.mark.parametrize("written", [1_000, 2_500])
def test_a_load_of_before_whose_preset_had_another_name_is_finished_and_not_taken_for_another(
    any_url: str, written: int
) -> None:
    engine, spec = create_database(any_url), SeedSpec.original_workload(notes=2_500)

    def stop(_: int) -> None:
        with engine.connect() as connection:
            if connection.execute(select(SeedLoad.notes_loaded)).scalar() == written:
                raise StopError

    with suppress(StopError):
        load(engine, spec, batch_size=500, progress=stop)
    with engine.begin() as connection:
        connection.execute(update(SeedLoad).values(**FORMER))
    done = load(engine, spec)
    assert (done.before, done.written) == (written, 2_500 - written)
    assert stored(engine) == FORMER_DIGEST
    with engine.connect() as connection:
        assert connection.execute(select(SeedLoad.notes_loaded)).all() == [(2_500,)]
    with pytest.raises(Refused, match="--append"):
        load(engine, spec.resized(2_501))


@pytest.mark.parametrize("writer", WRITERS)
def test_a_second_load_of_the_same_notes_at_the_same_time_is_found_out(any_url: str, writer: str) -> None:
    engine = create_database(any_url)
    meddled = False

    def meddle(written: int) -> None:
        nonlocal meddled
        if written and not meddled:
            meddled = True
            load(engine, SPEC, batch_size=1_000)

    with pytest.raises(Failed, match="another load of the same notes is at work"):
        load(engine, SPEC, batch_size=1_000, progress=meddle, writer=writer)
    assert stored(engine) == TRUTH


def test_a_batch_that_fails_leaves_nothing_of_itself(url: str) -> None:
    engine = create_database(url)
    with engine.begin() as connection:
        row = "INSERT INTO care_notes VALUES (2400, 1, 1, 'p', 'm', 1, '2026-01-01 00:00:00.000000', 's', NULL)"
        connection.execute(
            text("CREATE TRIGGER late AFTER INSERT ON care_notes WHEN NEW.id = 1000 BEGIN " + row + "; END")
        )
    with pytest.raises(Failed, match="2,000 of 2,500 notes are kept"):
        load(engine, SPEC, batch_size=1_000)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM care_notes WHERE id <> 2400")).scalar() == 2_000


COMMAND = [sys.executable, "-m", "carenotes", "seed", "--notes", "60000", "--batch-size", "1000", "--database"]
KILLED = SeedSpec(60_000)


def loaded(file: Path) -> int:
    """How many notes the ledger counts, seen from outside."""
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            rows = connection.execute("SELECT notes_loaded FROM seed_loads").fetchall()
    except sqlite3.OperationalError:
        return 0
    return rows[0][0] if rows else 0


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_killed_command_is_finished_by_running_it_again(tmp_path: Path, sent: signal.Signals) -> None:
    file = tmp_path / "notes.db"
    with started([*COMMAND, f"sqlite:///{file}"]) as began:
        wait_until(lambda: loaded(file), began)
        began.send_signal(sent)
        _, said = began.communicate(timeout=60)
    assert 0 < loaded(file) < 60_000
    if sent == signal.SIGINT:
        assert began.returncode == 130
        assert said.strip().splitlines() == [
            "carenotes: interrupted; what was finished is kept, the same command goes on"
        ]
    subprocess.run([*COMMAND, f"sqlite:///{file}"], check=True, capture_output=True)
    engine = create_database(f"sqlite:///{file}")
    assert stored(engine) == digest(batches(KILLED, 50_000))


@pytest.mark.slow
def test_a_full_disk_ends_the_load_with_a_clear_word_and_whole_batches(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'notes.db'}"

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))

    full = subprocess.run([*COMMAND, url], capture_output=True, text=True, check=False, preexec_fn=small_disk)
    assert full.returncode == 1
    [line] = full.stderr.strip().splitlines()
    assert "is it full?" in line
    assert "of 60,000 notes are kept: run the same command again to go on" in line
    kept = loaded(tmp_path / "notes.db")
    assert 0 < kept < 60_000
    assert kept % 1_000 == 0
    subprocess.run([*COMMAND, url], check=True, capture_output=True)
    assert stored(create_database(url)) == digest(batches(KILLED, 50_000))


def test_a_batch_size_below_one_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="batch size is 0"):
        load(create_database(url), SPEC, batch_size=0)


def test_the_fastest_way_is_the_one_that_is_used(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []
    written = AdbcWriter.write
    monkeypatch.setattr(AdbcWriter, "write", lambda self, *given: used.append("arrow") or written(self, *given))
    load(create_database(url), SPEC)
    assert used == ["arrow"]


def test_a_database_with_a_write_ahead_log_loses_nothing_whoever_has_it_open(url: str) -> None:
    """Somebody's own may have one. Two libraries of SQLite in one process do not see each other's locks."""
    other, engine = SeedSpec(500, random_seed=2), create_database(url)
    with engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[union-attr]
    engine.dispose()
    engine, reader = create_database(url), open_database(url, read_only=True)
    with reader.connect() as reading:
        assert reading.execute(select(func.count(CareNote.id))).scalar() == 0
        load(engine, SPEC)
        load(engine, other, append=True)
        assert reading.execute(select(func.count(CareNote.id))).scalar() == 0  # in the same transaction
    assert stored(engine) == digest([*batches(SPEC, 2_500), *batches(other, 500)])
    assert load(engine, other, append=True).written == 0


def test_the_originals_own_program_can_read_the_file(url: str) -> None:
    """Its model has the columns but for the text, and dates as SQLAlchemy's DateTime; its statement is `date() =`."""
    engine = create_database(url)
    load(engine, SeedSpec.original_workload(notes=3_000))
    with Session(engine) as session:
        query = select(CareNote).where(
            CareNote.tenant_id == 3, func.date(CareNote.created_at) == date(2026, 6, 2).isoformat()
        )
        notes = session.scalars(query).all()
    assert notes
    assert {one.created_at.date() for one in notes} == {date(2026, 6, 2)}
