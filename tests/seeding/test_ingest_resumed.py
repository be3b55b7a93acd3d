"""An ingest never loses or doubles a row: whatever the moment of a kill, the disk, the batch size, the other ingest."""

import re
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from carenotes import Failed, Refused
from carenotes.backends import create_database
from carenotes.models import CareNote
from carenotes.seeding import COLUMNS, SeedSpec, ingest, load
from tests.conftest import started, wait_until
from tests.seeding.files import GOOD, StopError, names_of, notes, rejects, row, stopping, write

pytestmark = pytest.mark.slow  # commands that are killed, and begun again

# One file after another


def test_another_file_is_appended_and_the_same_one_with_other_arguments_refused(any_url: str, tmp_path: Path) -> None:
    engine = create_database(any_url)
    load(engine, SeedSpec(100))
    first = write(tmp_path / "a.csv", [row(), row()])
    ingest(engine, first, {})
    ingest(engine, write(tmp_path / "b.csv", [row(patient_id="P2")]), {})
    with engine.connect() as connection:
        assert connection.execute(select(CareNote.id).order_by(CareNote.id)).scalars().all() == list(range(1, 104))
    with pytest.raises(Refused, match=r'ingested with other arguments: .*"any_category": false'):
        ingest(engine, first, {}, any_category=True)
    copied = tmp_path / "copy.csv"
    copied.write_bytes(first.read_bytes())
    assert ingest(engine, copied, {"tenant_id": "tenant_id"}).already  # the content counts, not the name


def test_what_is_unfinished_must_be_finished_before_anything_else_begins(any_url: str, tmp_path: Path) -> None:
    engine = create_database(any_url)
    file = write(tmp_path / "a.csv", [row(patient_id=str(number)) for number in range(10)])
    other = write(tmp_path / "b.csv", [row()])
    with pytest.raises(StopError):
        ingest(engine, file, {}, batch_size=3, progress=stopping(1))
    with pytest.raises(Refused, match=r"an earlier ingest is unfinished; finish it first, with its file .*a\.csv"):
        ingest(engine, other, {})
    with pytest.raises(Refused, match=r"an earlier ingest is unfinished"):
        load(engine, SeedSpec(10), append=True)
    done = ingest(engine, file, {})
    assert done.before in (3, 6)
    assert done.before + done.written == 10
    assert notes(engine, "patient_id") == [str(number) for number in range(10)]
    with pytest.raises(StopError):
        load(engine, SeedSpec(10), append=True, batch_size=3, progress=stopping(1))
    with pytest.raises(Refused, match="an earlier load is unfinished"):
        ingest(engine, other, {})


def test_a_second_ingest_of_the_same_file_at_the_same_time_is_found_out(any_url: str, tmp_path: Path) -> None:
    engine = create_database(any_url)
    rows = [row(patient_id=str(number), priority=str(number % 7)) for number in range(100)]
    file = write(tmp_path / "a.csv", rows)
    met = False

    def meddle(done: int) -> None:
        nonlocal met
        if done and not met:
            met = True
            ingest(engine, file, {}, batch_size=10)

    with pytest.raises(Failed, match="another load of the same notes is at work"):
        ingest(engine, file, {}, batch_size=10, progress=meddle)
    assert notes(engine, "patient_id") == [one[2] for one in rows if "1" <= one[4] <= "5"]
    assert [one[2][2] for one in rejects(tmp_path / "a.csv.rejects.csv")] == [one[2] for one in rows if one[4] in "06"]


PLAIN = "\n".join([",".join(COLUMNS), *[",".join(row())] * 50]).encode() + b"\n"


@pytest.mark.parametrize("changed", [PLAIN + PLAIN.splitlines()[1], PLAIN.replace(b"P1", b"P2")])
def test_a_file_that_changes_while_it_is_read_ends_the_ingest(url: str, tmp_path: Path, changed: bytes) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(PLAIN)
    engine = create_database(url)

    def change(done: int) -> None:
        if done:
            file.write_bytes(changed)

    with pytest.raises(Failed, match=r"was changed while it was read; [0-9]+ of 50 rows are done"):
        ingest(engine, file, {}, batch_size=10, progress=change)
    file.write_bytes(PLAIN)
    done = ingest(engine, file, {})
    assert done.before + done.written == 50
    assert set(notes(engine, "patient_id")) == {"P1"}


# Against a plain reference, stopped anywhere

BAD_VALUE = object()
field = {
    "tenant_id": st.sampled_from(["1", "2", "30", "x", ""]),
    "facility_id": st.sampled_from(["1", "5", "007", ""]),
    "patient_id": st.sampled_from(["P", " ", "", "two\nlines", 'a "quoted", one', "ü"]),
    "category": st.sampled_from(["medication", "observation", "treatment", "visit", ""]),
    "priority": st.sampled_from(["1", "5", "0", "-7", "x", ""]),
    "created_at": st.sampled_from(["2026-01-02", "2026-01-02T03:04:05.5+02:00", "0001-01-01T00:00+01:00", "no", ""]),
    "created_by": st.sampled_from(["", "me"]),
    "note_text": st.sampled_from(["", "calm", "a\r\nb", "\udcff", "nul \0"]),
}
mostly_good = st.fixed_dictionaries({name: st.just(GOOD[name]) | values for name, values in field.items()})
lines_of = st.one_of(
    mostly_good.map(lambda one: list(one.values())), st.just([]), st.just(["ragged", "x"]), st.just(row())
)


def reference(rows: Sequence[list[str]], any_category: bool, any_priority: bool) -> tuple[list[Any], list[int]]:
    """Plain Python, row by row: the notes, and the lines of the rejects."""
    line, kept, bad, seen = 2, [], [], []
    for fields in rows:
        begins, joined = line, "".join(fields)
        line += 1 + joined.replace("\r\n", "\n").count("\n")
        if len(fields) == 8 and "\udcff" not in joined and "\0" not in joined:
            seen.append(fields)
            note = as_note(fields, any_category, any_priority)
            if note is not None:
                kept.append(note)
            else:
                bad.append(begins)
        elif fields:
            bad.append(begins)
    plain = [all(re.fullmatch("(0|-?[1-9][0-9]*)?", one[place]) for one in seen) for place in (0, 1)]
    return numbered(kept, *plain), bad


def as_note(fields: list[str], any_category: bool, any_priority: bool) -> list[Any] | None:
    tenant, facility, patient, category, priority, at, by, said = fields
    good = bool(tenant and facility and patient and category and re.fullmatch("-?[0-9]+", priority))
    good = good and (any_category or category in ("medication", "observation", "treatment"))
    good = good and (any_priority or 1 <= int(priority) <= 5)
    try:
        when = datetime.fromisoformat(at)
        when = when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when
    except (ValueError, OverflowError):
        return None
    return [tenant, facility, patient, category, int(priority), when, by, said or None] if good else None


def numbered(kept: list[list[Any]], tenants_plain: bool, facilities_plain: bool) -> list[Any]:
    tenants: list[str] = []
    facilities: dict[int, list[str]] = {}
    for note in kept:
        if note[0] not in tenants:
            tenants.append(note[0])
        note[0] = int(note[0]) if tenants_plain else tenants.index(note[0]) + 1
        inside = facilities.setdefault(note[0], [])
        if note[1] not in inside:
            inside.append(note[1])
        note[1] = int(note[1]) if facilities_plain else inside.index(note[1]) + 1
    return [tuple(note) for note in kept]


@settings(deadline=None, max_examples=120)
@given(
    st.lists(lines_of, min_size=1, max_size=25).filter(any),
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(st.integers(1, 12), st.integers(0, 6)), max_size=3),
    st.integers(1, 30),
)
def test_any_table_stopped_anywhere_is_what_the_plain_reference_says(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    any_category: bool,
    any_priority: bool,
    stops: list[tuple[int, int]],
    last: int,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    file = write(folder / "a.csv", rows)
    engine = create_database(f"sqlite:///{folder / 'notes.db'}")
    options: dict[str, Any] = {"any_category": any_category, "any_priority": any_priority}
    for size, after in stops:
        with suppress(StopError, Failed):
            ingest(engine, file, {}, batch_size=size, progress=stopping(after), **options)
    kept, bad = reference(rows, any_category, any_priority)
    told = None
    try:
        told = ingest(engine, file, {}, batch_size=last, **options)
    except Failed:
        assert not kept
    assert notes(engine) == kept
    assert notes(engine, "id") == list(range(1, len(kept) + 1))
    found = folder / "a.csv.rejects.csv"
    assert [one[0] for one in rejects(found)] == bad if bad else not found.exists()
    if told is not None:
        assert (told.before + told.written, told.rejected) == (len(kept), len(bad))
        assert told.read == len(kept) + len(bad)
    engine.dispose()


@pytest.mark.parametrize("state", ["longer", "shorter", "gone"])
def test_the_rejects_are_made_whole_when_an_ingest_goes_on(any_url: str, tmp_path: Path, state: str) -> None:
    rows = [row(patient_id=str(number), priority=str(number % 2)) for number in range(40)]
    file = write(tmp_path / "a.csv", rows)
    engine = create_database(any_url)
    with pytest.raises(StopError):
        ingest(engine, file, {}, batch_size=10, progress=stopping(2))
    found = tmp_path / "a.csv.rejects.csv"
    if state == "gone":
        found.unlink()
    else:
        found.write_bytes(found.read_bytes() + b"99,begun" if state == "longer" else found.read_bytes()[:40])
    ingest(engine, file, {}, batch_size=7)
    assert [one[0] for one in rejects(found)] == list(range(2, 42, 2))


MANY = 40_000
# The command with small batches, so that it can be met at work.
SMALL = """
import functools, sys
from carenotes import cli, seeding
seeding.bring_in = functools.partial(seeding.bring_in, batch_size=500)
cli.run(sys.argv[1:])
"""


def command(file: Path, database: Path) -> list[str]:
    return [sys.executable, "-c", SMALL, "ingest", str(file), "--database", f"sqlite:///{database}"]


def many(tmp_path: Path, bad: int = 5) -> Path:
    """Many rows, `bad` of ten with a wrong priority, tenants and facilities with names."""
    rows = (
        row(tenant_id=tenant(n), facility_id=f"f{n % 9}", patient_id=str(n), priority="3" if n % 10 >= bad else "9")
        for n in range(MANY)
    )
    return write(tmp_path / "many.csv", rows)


def tenant(number: int) -> str:
    return f"t{number * 7 % 50 + number // 1000}"


def progress_of(file: Path) -> int:
    """How many rows the ledger counts, seen from outside."""
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            rows = connection.execute("SELECT rows_read FROM ingests").fetchall()
    except sqlite3.OperationalError:
        return 0
    return rows[0][0] if rows else 0


def assert_whole(engine: Engine, found: Path, bad: int = 5) -> None:
    good = [n for n in range(MANY) if n % 10 >= bad]
    assert notes(engine, "patient_id") == [str(n) for n in good]
    assert [one[0] - 2 for one in rejects(found)] == [n for n in range(MANY) if n % 10 < bad]
    tenants, facilities = names_of(engine)
    assert sorted(tenants.values()) == list(range(1, len(tenants) + 1))
    for n, numbers in zip(good, notes(engine, "tenant_id", "facility_id"), strict=True):
        assert numbers == (tenants[tenant(n)], facilities[tenants[tenant(n)], f"f{n % 9}"])


def met_at_work(file: Path, database: Path, sent: signal.Signals) -> tuple[int, str]:
    """Start the command, send it a signal after some more batches; its exit status, and what it said."""
    before = progress_of(database)
    with started(command(file, database)) as began:
        wait_until(lambda: progress_of(database) != before, began)
        began.send_signal(sent)
        _, said = began.communicate(timeout=60)
    assert before < progress_of(database) < MANY
    return began.returncode, said.strip()


def test_killed_without_warning_and_run_again_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    file, database = many(tmp_path), tmp_path / "notes.db"
    for _ in range(3):
        met_at_work(file, database, signal.SIGKILL)
    done = subprocess.run(command(file, database), check=True, capture_output=True, text=True)
    assert "40,000 rows read: 20,000 ingested, 20,000 rejected" in done.stdout
    assert_whole(create_database(f"sqlite:///{database}"), tmp_path / "many.csv.rejects.csv")


def test_interrupted_from_the_keyboard_it_says_so_and_goes_on(tmp_path: Path) -> None:
    file, database = many(tmp_path), tmp_path / "notes.db"
    said = "carenotes: interrupted; what was finished is kept, the same command goes on"
    assert met_at_work(file, database, signal.SIGINT) == (130, said)
    subprocess.run(command(file, database), check=True, capture_output=True)
    assert_whole(create_database(f"sqlite:///{database}"), tmp_path / "many.csv.rejects.csv")


@pytest.mark.parametrize(("bad", "full"), [(1, "notes.db: "), (9, "many.csv.rejects.csv: ")])
def test_a_full_disk_ends_it_with_a_clear_word_and_whole_batches(tmp_path: Path, bad: int, full: str) -> None:
    """Whether the notes fill it or the rejects."""
    file, database = many(tmp_path, bad), tmp_path / "notes.db"

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    done = subprocess.run(command(file, database), capture_output=True, text=True, check=False, preexec_fn=small_disk)
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert full in line
    kept = progress_of(database)
    assert 0 < kept < MANY
    assert kept % 500 == 0
    assert line.endswith(f"{kept:,} of 40,000 rows are done: run the same command again to go on")
    subprocess.run(command(file, database), check=True, capture_output=True)
    assert_whole(
        create_database(f"sqlite:///{database}"),
        tmp_path / "many.csv.rejects.csv",
        bad,
    )


PEAK = """
import sys
from carenotes.cli import run
try:
    run(sys.argv[1:])
finally:
    [peak] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    print(int(peak.split()[1]) // 1000)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of one process is told by Linux only")
@pytest.mark.parametrize("note", ["calm", "x" * 5_000], ids=["short notes", "long notes"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, note: str) -> None:
    line = ",".join(row(note_text=note)) + "\n"
    file = tmp_path / "a.csv"
    count = 60_000_000 // max(400, len(line))
    file.write_text(",".join(COLUMNS) + "\n" + line * count)
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "ingest", str(file), "--database", f"sqlite:///{tmp_path / 'n.db'}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"{count:,} ingested, 0 rejected" in done.stdout
    assert int(done.stdout.split()[-1]) < 300


def test_a_file_of_bad_rows_only_is_done_quickly(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(",".join(COLUMNS) + "\n" + (",".join(row(priority="9", tenant_id="")) + "\n") * 100_000)
    began = time.perf_counter()
    with pytest.raises(Failed, match="100,000 rejected"):
        ingest(create_database(f"sqlite:///{tmp_path / 'n.db'}"), file, {})
    assert time.perf_counter() - began < 10
