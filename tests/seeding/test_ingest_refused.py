"""A file, a mapping or a place that will not do is refused in one line before anything is written."""

import gzip
import os
from pathlib import Path

import pyarrow as pa
import pytest

from carenotes import Refused
from carenotes.backends import create_database
from carenotes.seeding import COLUMNS, ingest, survey
from tests.conftest import Command, one_line_refusal
from tests.seeding.files import notes, parquet, row, write

# What is refused

WRONG = {
    "a column that is not there": ({"tenant_id": "client"}, "has no column client.*it has tenant_id, facility_id"),
    "a column that we do not have": ({"colour": "category"}, "colour: not a column of ours; allowed: tenant_id"),
    "one of theirs twice": ({"tenant_id": "x", "facility_id": "x"}, "column x is meant for tenant_id and facility_id"),
    "one that maps by itself": ({"tenant_id": "facility_id"}, "facility_id is meant for tenant_id and facility_id"),
}


@pytest.mark.parametrize(("mapping", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_mapping_is_refused(tmp_path: Path, mapping: dict[str, str], said: str) -> None:
    file = write(tmp_path / "a.csv", [[*row(), "1"]], [*COLUMNS, "x"])
    with pytest.raises(Refused, match=said):
        survey(file, mapping)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


PLAIN = (",".join(COLUMNS) + "\n" + (",".join(row()) + "\n") * 3_000).encode()
NOISY = (",".join(COLUMNS) + "\n").encode() + b"".join(
    ",".join(row(patient_id=f"{number * 2654435761 % 2**32:x}")).encode() + b"\n" for number in range(50_000)
)
FILES = {
    "empty": ("a.csv", b"", "is empty"),
    "blank": ("a.csv", b"\xef\xbb\xbf\r\n\n", "is empty"),
    "of an unknown kind": ("a.xlsx", b"x", r"allowed: \.csv, \.csv\.gz, \.parquet"),
    "without a header": ("a.csv", PLAIN.split(b"\n", 1)[1], "no column tenant_id; map one with --map tenant_id=THEIRS"),
    "with a column twice": ("a.csv", PLAIN.replace(b"note_text", b"priority", 1), "two columns are named priority"),
    "without a needed column": ("a.csv", PLAIN.replace(b"priority", b"prio", 1), "no column priority"),
    "UTF-16": ("a.csv", PLAIN.decode().encode("utf-16"), "not.* UTF-8|no line of CSV in UTF-8"),
    "UTF-16 without a mark": ("a.csv", PLAIN.decode().encode("utf-16-le"), "no line of CSV in UTF-8"),
    "a gzip file by another name": ("a.csv", gzip.compress(PLAIN), "no line of CSV in UTF-8"),
    "not gzip": ("a.csv.gz", PLAIN, "no gzip file"),
    "a cut gzip file": ("a.csv.gz", cut(gzip.compress(NOISY)), "is cut off"),
    "a damaged gzip file": ("a.csv.gz", gzip.compress(NOISY)[:-8] + b"12345678", "damaged"),
    "not Parquet": ("a.parquet", PLAIN, "cannot be read"),
}


@pytest.mark.parametrize(("name", "data", "said"), FILES.values(), ids=FILES)
def test_a_file_that_will_not_do_is_refused_in_one_line_and_nothing_is_written(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(Refused, match=said) as error:
        survey(file, {})
    assert str(file) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_cut_parquet_file_an_absent_one_and_a_folder_are_refused(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", {})
    file.write_bytes(cut(file.read_bytes()))
    with pytest.raises(Refused, match="cannot be read"):
        survey(file, {})
    with pytest.raises(Refused, match=r"b\.csv: no such file"):
        survey(tmp_path / "b.csv", {})
    (tmp_path / "c.csv").mkdir()
    with pytest.raises(Refused, match="is a folder"):
        survey(tmp_path / "c.csv", {})


TYPES = {
    "created_at": (pa.array([1.5]), "created_at is of type double; allowed for created_at: timestamp, date, text"),
    "priority": (pa.array([["1"]]), r"priority is of type list<.*; allowed for priority: whole numbers, text"),
    "tenant_id": (pa.array([1.0]), "tenant_id is of type double; allowed for tenant_id: whole numbers, text"),
    "patient_id": (pa.array([b"x"]), "patient_id is of type binary"),
    "category": (pa.array([True]), "category is of type bool"),
    "facility_id": (pa.nulls(1), "facility_id is of type null"),
}


@pytest.mark.parametrize("name", TYPES)
def test_a_parquet_column_of_a_type_that_cannot_be_right_is_refused(tmp_path: Path, name: str) -> None:
    values, said = TYPES[name]
    with pytest.raises(Refused, match=said):
        survey(parquet(tmp_path / "a.parquet", {name: values}), {})


def test_rejects_never_go_over_the_file_itself_or_the_database_or_into_nowhere(url: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [row(), row(priority="9")])
    (tmp_path / "link.csv").symlink_to(file)
    (tmp_path / "hard.csv").hardlink_to(file)
    engine = create_database(url)
    before = file.read_bytes()
    for place in ("a.csv", "link.csv", "hard.csv", "notes.db", ".", "none/r.csv"):
        with pytest.raises(Refused, match="rejects"):
            ingest(engine, file, {}, rejects=tmp_path / place)
    assert file.read_bytes() == before
    assert notes(engine) == []


COMMANDS = {
    "a mapping without a sign": (["--map", "tenant_id"], "allowed: OURS=THEIRS"),
    "ours twice": (["--map", "tenant_id=a", "--map", "tenant_id=b"], "tenant_id is mapped to a already"),
    "an unknown column": (["--map", "tenant_id=client"], "has no column client"),
}


@pytest.mark.parametrize(("arguments", "said"), COMMANDS.values(), ids=COMMANDS)
def test_the_command_refuses_in_one_line_before_there_is_a_database(
    carenotes: Command, url: str, tmp_path: Path, arguments: list[str], said: str
) -> None:
    file = write(tmp_path / "a.csv", [row()])
    assert said in one_line_refusal(carenotes("ingest", str(file), "--database", url, *arguments))
    assert list(tmp_path.iterdir()) == [file]


def test_the_command_tells_the_counts_and_again_does_nothing(carenotes: Command, any_url: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a b.csv", [row(), row(priority="9"), row()], [*COLUMNS[:4], "prio", *COLUMNS[5:]])
    command = ["ingest", str(file), "--database", any_url, "--map", "priority=prio"]
    first, again = carenotes(*command), carenotes(*command)
    assert (first.returncode, first.stderr, again.returncode, again.stderr) == (0, "", 0, "")
    counts = f"3 rows read: 2 ingested, 1 rejected (reasons in {tmp_path / 'a b.csv.rejects.csv'})"
    assert first.stdout.splitlines()[0] == counts
    assert again.stdout.splitlines() == [f"{file}: already ingested", counts]


def test_a_file_in_a_folder_that_cannot_be_written_to_is_read_only_where_its_rejects_go_elsewhere(
    carenotes_here: Command, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs").mkdir()
    file = write(tmp_path / "theirs" / "a.csv", [row(), row(priority="9")])
    access = os.access  # root may write everywhere, whatever a folder's mode says
    monkeypatch.setattr(os, "access", lambda of, *mode: Path(of) != file.parent and access(of, *mode))
    command = ["ingest", str(file), "--database", url]
    said = one_line_refusal(carenotes_here(*command))
    assert (
        said == f"carenotes: {file}: its folder cannot be written to, and rejects go there; name a file with --rejects"
    )
    assert not (tmp_path / "notes.db").exists()
    done = carenotes_here(*command, "--rejects", str(tmp_path / "r.csv"))
    assert (done.returncode, "1 ingested, 1 rejected" in done.stdout) == (0, True)
    assert list((tmp_path / "theirs").iterdir()) == [file]
