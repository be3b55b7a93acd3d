"""Every row of somebody's file becomes a note or a reject, and nothing else."""

import json
from datetime import date, datetime
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from carenotes import Failed
from carenotes.backends import backend_of, create_database
from carenotes.seeding import COLUMNS, SeedSpec, digest, generate, ingest, stored_digest
from tests.conftest import Command
from tests.seeding.files import NEEDED, NOON, names_of, notes, parquet, rejects, row, write

# What comes in


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".CSV"])
def test_generated_notes_go_out_to_a_file_and_come_in_the_same(any_url: str, tmp_path: Path, suffix: str) -> None:
    table = generate(SeedSpec(2_500, tenants=3, days=9))
    file = tmp_path / f"notes{suffix}"
    if suffix == ".parquet":
        pq.write_table(table, file, row_group_size=700)
    else:
        write(file, zip(*(table[name].cast(pa.string()).to_pylist() for name in COLUMNS), strict=True))
    engine = create_database(any_url)
    done = ingest(engine, file, {}, batch_size=800)
    assert (done.read, done.before, done.written, done.rejected, done.already) == (2_500, 0, 2_500, 0, False)
    with engine.connect() as connection:
        assert stored_digest(connection) == digest([table])
        assert backend_of(connection).index_names(connection) == set()
    assert not done.rejects.exists()


def test_columns_are_mapped_and_those_of_our_names_map_by_themselves(any_url: str, tmp_path: Path) -> None:
    header = ["client", "facility_id", "who", "category", "priority", "at", "note_text", "created_by"]
    file = write(tmp_path / "a.csv", [["1", "2", "P", "treatment", "5", "2026-01-02", "x", "me"]], header)
    engine = create_database(any_url)
    mapping = {"tenant_id": "client", "patient_id": "who", "created_at": "at", "note_text": "created_by"}
    ingest(engine, file, mapping)
    # created_by of ours steps back: its namesake was given to the text
    assert notes(engine) == [(1, 2, "P", "treatment", 5, datetime(2026, 1, 2), "", "me")]  # noqa: DTZ001


def test_the_optional_columns_may_be_absent_or_empty(any_url: str, tmp_path: Path) -> None:
    engine = create_database(any_url)
    ingest(engine, write(tmp_path / "a.csv", [row()[:6]], NEEDED), {})
    ingest(engine, write(tmp_path / "b.csv", [row(created_by="", note_text="")]), {})
    nothing = {"created_by": pa.array([None], pa.string()), "note_text": pa.array([None], pa.string())}
    ingest(engine, parquet(tmp_path / "c.parquet", nothing), {})
    assert notes(engine, "created_by", "note_text") == [("", None)] * 3


def test_texts_are_kept_to_the_letter(any_url: str, tmp_path: Path) -> None:
    odd = [" P1 ", "p1", "NULL", 'say "hi", twice', "e\u0301", "é", "患者", "'; DROP TABLE care_notes; --", "🙂\u2028x"]
    texts = [*odd[:-1], "two\nlines\r\nand a third"]
    engine = create_database(any_url)
    ingest(
        engine, write(tmp_path / "a.csv", [row(patient_id=p, note_text=t) for p, t in zip(odd, texts, strict=True)]), {}
    )
    assert notes(engine, "patient_id", "note_text") == list(zip(odd, texts, strict=True))


TIMES = {
    "2026-01-02": "2026-01-02 00:00:00.000000",
    "20260102T030405": "2026-01-02 03:04:05.000000",
    "2026-01-02T03:04:05Z": "2026-01-02 03:04:05.000000",
    "2026-01-02 03:04:05.123456789+05:30": "2026-01-01 21:34:05.123456",
    "2026-W01-5T03:04": "2026-01-02 03:04:00.000000",
    "0001-01-01": "0001-01-01 00:00:00.000000",
    "9999-12-31T23:59:59.999999": "9999-12-31 23:59:59.999999",
}
NO_TIMES = [
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "10000-01-01",
    "02.01.2026",
    "1767323045",
    "today",
    "",
]


def test_times_of_iso_8601_become_utc_and_others_are_rejected(url: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [row(created_at=one) for one in [*TIMES, *NO_TIMES]])
    engine = create_database(url)
    done = ingest(engine, file, {})
    with engine.connect() as connection:
        stored = connection.execute(text("SELECT created_at FROM care_notes ORDER BY id")).scalars().all()
    assert stored == list(TIMES.values())
    assert [one[2][5] for one in rejects(done.rejects)] == NO_TIMES
    assert all("created_at" in why and "ISO 8601" in why for _, why, _ in rejects(done.rejects))


# What is rejected

BAD = {
    "no tenant": ({"tenant_id": ""}, "tenant_id"),
    "no facility": ({"facility_id": ""}, "facility_id"),
    "no patient": ({"patient_id": ""}, "patient_id"),
    "no category": ({"category": ""}, "medication, observation, treatment"),
    "other category": ({"category": "Treatment"}, "medication, observation, treatment"),
    "no priority": ({"priority": ""}, "a whole number from 1 to 5"),
    "priority too low": ({"priority": "0"}, "a whole number from 1 to 5"),
    "priority too high": ({"priority": "6"}, "a whole number from 1 to 5"),
    "priority in words": ({"priority": "high"}, "a whole number from 1 to 5"),
    "priority with a point": ({"priority": "3.0"}, "a whole number from 1 to 5"),
    "priority in other digits": ({"priority": "٣"}, "a whole number from 1 to 5"),
    "no time": ({"created_at": "soon"}, "ISO 8601"),
}


@pytest.mark.parametrize(("changed", "said"), BAD.values(), ids=BAD)
def test_a_bad_row_is_rejected_with_its_line_the_column_and_what_is_allowed(
    url: str, tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    file = write(tmp_path / "a.csv", [row(), row(**changed), row()])
    engine = create_database(url)
    done = ingest(engine, file, {})
    assert (done.read, done.written, done.rejected) == (3, 2, 1)
    [(line, reason, fields)] = rejects(tmp_path / "a.csv.rejects.csv")
    assert (line, fields) == (3, row(**changed))
    assert next(iter(changed)) in reason
    assert said in reason
    assert notes(engine, "tenant_id", "facility_id") == [(3, 4)] * 2  # nothing became a name


def test_a_row_with_several_faults_has_them_all_told(url: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [row(), row(priority="9", patient_id="")])
    [(_, reason, _)] = rejects(ingest(create_database(url), file, {}).rejects)
    assert "patient_id" in reason
    assert "priority" in reason


def test_any_category_and_any_priority_are_taken_when_told(any_url: str, tmp_path: Path) -> None:
    values = [("Visit", "-2147483648"), ("x", "0"), ("treatment", "2147483647")]
    bad = [("", "1"), ("x", "2147483648"), ("x", "1.5"), ("x", "")]
    file = write(tmp_path / "a.csv", [row(category=c, priority=p) for c, p in values + bad])
    engine = create_database(any_url)
    done = ingest(engine, file, {}, any_category=True, any_priority=True)
    assert notes(engine, "category", "priority") == [(c, int(p)) for c, p in values]
    assert [(one[2][3], one[2][4]) for one in rejects(done.rejects)] == bad


def test_lines_are_those_of_the_file_whatever_texts_go_over(url: str, tmp_path: Path) -> None:
    """Blank lines are no rows; a row stands at the line where it begins."""
    good, bad = ",".join(row()), ",".join(row(priority="9"))
    over = ",".join([*row(priority="9")[:7], '"one\r\ntwo\n\nfour"'])
    lines = ["\ufeff", ",".join(COLUMNS), "", good, bad, over, good, "", "", bad, "1,2", bad + ",more", ",,,,,,,"]
    file = tmp_path / "a.csv"
    file.write_bytes("\r\n".join(lines)[0:].replace("\ufeff\r\n", "\ufeff").encode())
    for size in (1, 2, 3, 100):
        database = create_database(f"{url}.{size}")
        done = ingest(database, file, {}, batch_size=size)
        assert (done.read, done.written, done.rejected) == (8, 2, 6)
        assert [one[0] for one in rejects(done.rejects)] == [4, 5, 12, 13, 14, 15]
        reasons = [one[1] for one in rejects(done.rejects)]
        assert "8 fields" in reasons[3]
        assert "8 fields" in reasons[4]


def test_rows_that_are_not_utf_8_are_rejected_each_and_the_others_taken(any_url: str, tmp_path: Path) -> None:
    rows = [row(note_text="J\udcfcrgen"), row(note_text="Jürgen"), row(patient_id="\udcff"), row()]
    engine = create_database(any_url)
    done = ingest(engine, write(tmp_path / "a.csv", rows), {})
    assert notes(engine, "note_text") == ["Jürgen", "calm"]
    assert [(line, why[:9]) for line, why, _ in rejects(done.rejects)] == [(2, "not UTF-8"), (4, "not UTF-8")]
    assert rejects(done.rejects)[0][2][7] == "J\udcfcrgen"


def test_a_nul_byte_is_rejected(any_url: str, tmp_path: Path) -> None:
    done = ingest(create_database(any_url), write(tmp_path / "a.csv", [row(), row(patient_id="P\0")]), {})
    [(line, reason, _)] = rejects(done.rejects)
    assert (line, reason) == (3, "a NUL byte; allowed: text")


def test_a_quote_left_open_costs_its_row_and_not_the_rest(url: str, tmp_path: Path) -> None:
    good = ",".join(row())
    opened = ",".join(row(note_text='"never closed'))
    quoted = good.replace("calm", '"calm, and well"')
    file = tmp_path / "a.csv"
    file.write_text("\n".join([",".join(COLUMNS), good, opened, good, quoted, good, good, opened, good]))
    engine = create_database(url)
    done = ingest(engine, file, {})
    assert [(line, why[:7]) for line, why, _ in rejects(done.rejects)] == [(3, "not CSV"), (8, "not CSV")]
    assert notes(engine, "note_text") == ["calm"] * 3
    assert done.read == 5


def test_a_quote_left_open_in_a_long_file_is_given_up_in_time(url: str, tmp_path: Path) -> None:
    good = ",".join(row())
    file = tmp_path / "a.csv"
    file.write_text("\n".join([",".join(COLUMNS), good, ",".join(row(note_text='"open')), *[good] * 20_000]))
    done = ingest(create_database(url), file, {})
    [(line, reason, _)] = rejects(done.rejects)
    assert line == 3
    assert "left open" in reason
    assert 17_000 < done.written < 20_000


def test_the_rejects_show_a_long_row_cut(url: str, tmp_path: Path) -> None:
    long = row(priority="9", note_text="ä" * 100_000)
    header = [*COLUMNS, *(f"c{number}" for number in range(100))]
    file = write(tmp_path / "a.csv", [[*row(), *["y"] * 100], [*long, *["y"] * 100]], header)
    [(_, _, fields)] = rejects(ingest(create_database(url), file, {}).rejects)
    assert len(json.dumps(fields)) < 20_000
    assert fields[:7] == long[:7]


def test_when_no_row_is_good_it_fails_with_the_counts_and_the_most_common_reason(url: str, tmp_path: Path) -> None:
    rows = [row(priority="9"), row(category="x"), row(category="y")]
    file = write(tmp_path / "a.csv", rows)
    engine = create_database(url)
    for _ in range(2):
        with pytest.raises(Failed, match=r"3 rows read: 0 ingested, 3 rejected .*a\.csv\.rejects\.csv.*category must"):
            ingest(engine, file, {})
    # A file that brought nothing may be tried again with other arguments.
    assert ingest(engine, file, {}, any_category=True).written == 2
    assert len(rejects(tmp_path / "a.csv.rejects.csv")) == 1
    assert not (tmp_path / "a.csv.rejects.2.csv").exists()


def test_a_header_without_rows_fails_and_writes_nothing(carenotes: Command, url: str, tmp_path: Path) -> None:
    done = carenotes("ingest", str(write(tmp_path / "a.csv", [])), "--database", url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "0 rows read" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]


def test_rejects_of_an_earlier_file_are_not_overwritten_unless_named(url: str, tmp_path: Path) -> None:
    engine = create_database(url)
    first = ingest(engine, write(tmp_path / "a.csv", [row(), row(priority="7")]), {}).rejects
    second = ingest(engine, write(tmp_path / "b.csv", [row(), row(priority="8")]), {}).rejects
    named = tmp_path / "mine.csv"
    named.write_text("something longer than what comes, " * 20)
    third = ingest(engine, write(tmp_path / "c.csv", [row(), row(priority="9")]), {}, rejects=named).rejects
    assert [rejects(one)[0][2][4] for one in (first, second, third)] == ["7", "8", "9"]
    assert third == named


# Parquet


def instants(unit: str, zone: str | None) -> pa.Array:
    return pa.array([np.datetime64("2026-01-02T12:00:00", unit)]).cast(pa.timestamp(unit, zone))


TIMES_OF_PARQUET = {
    **{
        f"{unit}{zone}": instants(unit, zone)
        for unit in ("s", "ms", "us", "ns")
        for zone in (None, "UTC", "Asia/Tokyo")
    },
    "text": pa.array(["2026-01-02T13:00:00+01:00"]),
    "large text": pa.array(["2026-01-02T12:00:00"], pa.large_string()),
    "text by codes": pa.array(["2026-01-02T12:00:00"]).dictionary_encode(),
}


@pytest.mark.parametrize("values", TIMES_OF_PARQUET.values(), ids=TIMES_OF_PARQUET)
def test_times_of_parquet_are_utc_whatever_their_type(any_url: str, tmp_path: Path, values: pa.Array) -> None:
    engine = create_database(any_url)
    ingest(engine, parquet(tmp_path / "a.parquet", {"created_at": values}), {})
    assert notes(engine, "created_at") == [NOON]


def test_days_of_parquet_are_midnights(url: str, tmp_path: Path) -> None:
    engine = create_database(url)
    ingest(engine, parquet(tmp_path / "a.parquet", {"created_at": pa.array([date(2026, 1, 2)])}), {})
    assert notes(engine, "created_at") == [datetime(2026, 1, 2)]  # noqa: DTZ001


def test_texts_of_parquet_may_be_codes_and_ids_numbers(any_url: str, tmp_path: Path) -> None:
    columns = {
        "tenant_id": pa.array(["north", "south"]).dictionary_encode(),
        "facility_id": pa.array([7, 8], pa.uint64()),
        "patient_id": pa.array([12, 13]),
        "category": pa.array(["treatment", "medication"]).dictionary_encode(),
        "priority": pa.array(["1", "5"]),
        "created_by": pa.array([9, None]),
    }
    engine = create_database(any_url)
    ingest(engine, parquet(tmp_path / "a.parquet", columns, 2), {})
    assert [one[:5] + one[6:] for one in notes(engine)] == [
        (1, 7, "12", "treatment", 1, "9", None),
        (2, 8, "13", "medication", 5, "", None),
    ]


def test_bad_rows_of_parquet_are_numbered_from_1(url: str, tmp_path: Path) -> None:
    texts = pa.Array.from_buffers(
        pa.string(), 5, [None, pa.py_buffer(np.array([0, 1, 2, 3, 4, 5], np.int32)), pa.py_buffer(b"ab\xffd\0")]
    )
    columns = {
        "tenant_id": pa.array([1, None, 1, 1, 1]),
        "created_at": pa.array([0, 0, 0, 2**48, 0], pa.timestamp("ms")),
        "note_text": texts,
    }
    done = ingest(create_database(url), parquet(tmp_path / "a.parquet", columns, 5), {}, batch_size=2)
    found = rejects(done.rejects)
    assert [one[0] for one in found] == [2, 3, 4, 5]
    for (_, reason, _), said in zip(found, ["tenant_id", "not UTF-8", "created_at", "NUL"], strict=True):
        assert said in reason
    assert found[0][2] == [None, "4", "P1", "treatment", "2", "1970-01-01 00:00:00.000", "b"]


# A public data set: monthly prices of ten shares, shipped with matplotlib


def test_a_public_table_gives_the_counts_that_pandas_gives(any_url: str, tmp_path: Path) -> None:
    """A share is a tenant, a year a facility; a month without a price is a reject."""
    source = Path(matplotlib.get_data_path()) / "sample_data" / "Stocks.csv"
    prices = pd.read_csv(source, comment="#").melt("Date", var_name="share", value_name="price")
    prices["year"], prices["month"] = prices["Date"].str[:4], prices["Date"].str[5:7]
    prices["level"] = prices["price"].round().astype("Int64")
    prices["size"] = np.where(prices["price"] > 100, "large", "small")
    file = tmp_path / "prices.csv.gz"
    prices.to_csv(file, index=False)
    mapping = {"tenant_id": "share", "facility_id": "year", "patient_id": "month"}
    mapping |= {"category": "size", "priority": "level", "created_at": "Date"}
    engine = create_database(any_url)
    done = ingest(engine, file, mapping, any_category=True, any_priority=True)

    good = prices.dropna(subset="price")
    assert (done.read, done.written, done.rejected) == (len(prices), len(good), int(prices["price"].isna().sum()))
    assert done.rejected > 0
    assert {one[0] - 2 for one in rejects(done.rejects)} == set(prices.index[prices["price"].isna()])
    tenants, _ = names_of(engine)
    found = pd.DataFrame(notes(engine), columns=list(COLUMNS))
    found["tenant_id"] = found["tenant_id"].map({number: name for name, number in tenants.items()})
    by = ["tenant_id", "facility_id", "patient_id", "category", "priority"]
    expected = good.groupby(["share", "year", "month", "size", "level"]).size()
    expected.index = expected.index.set_levels(expected.index.levels[1].astype(int), level=1)
    counted = found.groupby(by).size()
    assert counted.to_dict() == expected.to_dict()
    assert found["created_at"].tolist() == pd.to_datetime(good["Date"]).tolist()
