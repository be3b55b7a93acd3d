"""A load or an ingest that is killed in the middle, or whose server is, goes on: nothing is lost, doubled or half."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from carenotes import Failed, open_database
from carenotes.backends import create_database
from carenotes.seeding import SeedSpec, batches, digest, ingest, load, stored_digest
from tests.backends.conftest import one_line
from tests.conftest import run_in, started, wait_until
from tests.somebody import Somebody, killed, own_server, started_again, text_of

SPEC = SeedSpec(6_000, tenants=3, days=9)
SIZE, KEPT = 1_000, 2_000
TRUTH = digest(batches(SPEC, SPEC.notes))
SEED = ["seed", "--notes", "6000", "--tenants", "3", "--days", "9", "--batch-size", str(SIZE), "--database"]
HELD = (  # once so many notes are there, each batch begins by what is said
    "CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF (SELECT count(*) FROM care_notes) >= {kept} THEN PERFORM {said}; END IF; RETURN NULL; END $$"
)
TRIGGER = "CREATE TRIGGER held BEFORE INSERT ON care_notes FOR EACH STATEMENT EXECUTE FUNCTION held()"
LET_GO = "DROP FUNCTION held CASCADE"
LOST, LONG = "pg_terminate_backend(pg_backend_pid())", "pg_sleep(0.4)"


def held(somebody: Somebody, said: str) -> URL:
    """A new database in which loads come to a point and then meet what is said."""
    url = somebody.database()
    create_database(url).dispose()
    somebody.sql(url, HELD.format(kept=KEPT, said=said), TRIGGER)
    return url


def whole(url: URL) -> bool:
    """Whether the notes of the spec are there, each once."""
    engine = open_database(url, read_only=True)
    with engine.connect() as connection:
        found = stored_digest(connection) == TRUTH
    engine.dispose()
    return found


def counted(somebody: Somebody, url: URL) -> tuple[int, int]:
    """Notes that are there, and notes that the ledger counts."""
    [(notes,)] = somebody.sql(url, "SELECT count(*) FROM care_notes")
    [(loaded,)] = somebody.sql(url, "SELECT coalesce(max(notes_loaded), 0) FROM seed_loads")
    return notes, loaded  # type: ignore[return-value]


def test_a_load_whose_session_is_ended_keeps_whole_batches_and_goes_on(somebody: Somebody, tmp_path: Path) -> None:
    url = held(somebody, LOST)
    said = one_line(run_in(tmp_path, *SEED, text_of(url)), 1)
    assert "the connection was lost (was the server stopped, or out of disk?); 2,000 of 6,000 notes are kept" in said
    assert counted(somebody, url) == (KEPT, KEPT)
    somebody.sql(url, LET_GO)
    assert load(create_database(url), SPEC).before == KEPT
    assert whole(url)


def test_a_load_that_is_killed_goes_on(somebody: Somebody, tmp_path: Path) -> None:
    url = held(somebody, LONG)
    with started([sys.executable, "-m", "carenotes", *SEED, text_of(url)], cwd=tmp_path) as began:
        wait_until(lambda: counted(somebody, url)[0] >= KEPT, began)
        began.kill()
        began.wait(30)
    notes, loaded = counted(somebody, url)
    assert notes == loaded < SPEC.notes
    somebody.sql(url, "SET lock_timeout = '10s'", LET_GO)
    again = run_in(tmp_path, *SEED, text_of(url))
    assert (again.returncode, again.stderr) == (0, "")
    assert whole(url)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT], ids=["kill -9", "immediate stop"])
def test_a_load_whose_server_is_killed_goes_on_when_it_is_there_again(tmp_path: Path, number: signal.Signals) -> None:
    with own_server() as server:
        theirs = Somebody(server.url)
        url = held(theirs, LONG)
        with started([sys.executable, "-m", "carenotes", *SEED, text_of(url)], cwd=tmp_path) as began:
            wait_until(lambda: counted(theirs, url)[0] >= KEPT, began)
            command = killed(server, number)
            out, err = began.communicate(timeout=60)
        said = one_line(subprocess.CompletedProcess([], began.returncode, out, err), 1)
        assert "the connection was lost" in said
        assert "of 6,000 notes are kept: run the same command again to go on" in said
        gone = one_line(run_in(tmp_path, *SEED, text_of(url)))
        assert "no server answers there" in gone
        with started_again(command, server.url):
            notes, loaded = counted(theirs, url)
            assert notes == loaded >= KEPT
            theirs.sql(url, LET_GO)
            assert run_in(tmp_path, *SEED, text_of(url)).returncode == 0
            assert whole(url)


# An ingest


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A file of 10,000 rows, whose tenants have names; half of the rows are no notes."""
    file = tmp_path / "many.csv"
    rows = [
        f"tenant {one % 7},{one % 5},p{one},treatment,{one % 10 or 99},2026-06-{one % 28 + 1:02} 08:00:00"
        for one in range(10_000)
    ]
    file.write_text("tenant_id,facility_id,patient_id,category,priority,created_at\n" + "\n".join(rows) + "\n")
    return file


def ingested(somebody: Somebody, url: URL) -> list[tuple[object, ...]]:
    asked = (
        "SELECT n.id, t.name, n.facility_id, n.patient_id, n.priority, n.created_at FROM care_notes n "
        "JOIN tenant_names t USING (tenant_id) ORDER BY n.id"
    )
    return somebody.sql(url, asked)


def test_an_ingest_whose_session_is_ended_goes_on_as_if_it_had_not_been(somebody: Somebody, many: Path) -> None:
    untroubled = somebody.database()
    ingest(create_database(untroubled), many, {}, batch_size=SIZE)
    rejects = sorted(many.parent.glob("*rejects*"))
    [first] = [one.read_bytes() for one in rejects]
    rejects[0].unlink()
    url = held(somebody, LOST)
    with pytest.raises(Failed, match=r"the connection was lost .*; 4,000 of 10,000 rows are done: run the same"):
        ingest(create_database(url), many, {}, batch_size=SIZE)
    assert len(ingested(somebody, url)) == KEPT
    somebody.sql(url, LET_GO)
    done = ingest(create_database(url), many, {}, batch_size=SIZE)
    assert (done.read, done.before, done.written, done.rejected) == (10_000, KEPT, 3_000, 5_000)
    assert ingested(somebody, url) == ingested(somebody, untroubled)
    assert [one.read_bytes() for one in many.parent.glob("*rejects*")] == [first]


INGEST = """
import sys
from pathlib import Path
from carenotes.backends import create_database
from carenotes.seeding import ingest

ingest(create_database(sys.argv[1]), Path(sys.argv[2]), {}, batch_size=500)
"""


def test_an_ingest_that_is_killed_goes_on_as_if_it_had_not_been(somebody: Somebody, many: Path) -> None:
    untroubled = somebody.database()
    ingest(create_database(untroubled), many, {}, batch_size=SIZE)
    url = held(somebody, LONG)
    with started([sys.executable, "-c", INGEST, text_of(url), str(many)]) as began:
        wait_until(lambda: counted(somebody, url)[0] >= KEPT, began)
        began.kill()
        began.wait(30)
    assert counted(somebody, url)[0] < 5_000
    somebody.sql(url, "SET lock_timeout = '10s'", LET_GO)
    done = ingest(create_database(url), many, {}, batch_size=SIZE)
    assert (done.before + done.written, done.rejected) == (5_000, 5_000)
    assert ingested(somebody, url) == ingested(somebody, untroubled)


# A full disk


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder, of the server's user, on a disk of its own that has room for a database and few notes."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o755)
        mount = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", place]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("no disk can be mounted here")
        try:
            os.chown(place, pwd.getpwnam("nobody").pw_uid, -1)
            yield Path(place)
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_of_the_server_is_told_and_whole_batches_are_kept(
    somebody: Somebody, small_disk: Path, tmp_path: Path
) -> None:
    url = somebody.database()
    somebody.sql(somebody.url, f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    somebody.sql(somebody.url, f"ALTER DATABASE {url.database} SET TABLESPACE small")
    spec, command = SeedSpec(200_000), ["seed", "--notes", "200000", "--batch-size", "20000", "--database"]
    said = one_line(run_in(tmp_path, *command, text_of(url)), 1)
    assert "the disk of the server is full" in said
    assert "of 200,000 notes are kept: run the same command again to go on" in said
    notes, loaded = counted(somebody, url)
    assert notes == loaded > 0
    assert notes % 20_000 == 0
    somebody.sql(somebody.url, f"ALTER DATABASE {url.database} SET TABLESPACE pg_default", "DROP TABLESPACE small")
    assert run_in(tmp_path, *command, text_of(url)).returncode == 0
    engine = open_database(url, read_only=True)
    with engine.connect() as connection:
        assert stored_digest(connection) == digest(batches(spec, 50_000))
    engine.dispose()


def test_a_lost_session_lets_go_of_what_it_held(somebody: Somebody) -> None:
    """Nothing of a load that has failed is in anybody's way."""
    url = held(somebody, LOST)
    with pytest.raises(Failed):
        load(create_database(url), SPEC, batch_size=SIZE)
    with psycopg.connect(text_of(url.set(drivername="postgresql"))) as connection:
        connection.execute("SET lock_timeout = '1s'")
        connection.execute("LOCK TABLE care_notes, seed_loads IN ACCESS EXCLUSIVE MODE")
