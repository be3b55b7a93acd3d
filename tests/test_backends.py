"""A database is opened only when it is there, whole and ours; it is never created by asking."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import inspect, text

from carenotes import Refused, open_database
from carenotes.backends import create_database, open_async_pool, open_pool
from carenotes.models import CareNote
from carenotes.seeding import SeedSpec, load


def made(path: Path, *statements: str) -> str:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return f"sqlite:///{path}"


def test_an_absent_database_is_refused_and_not_created(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no such database"):
        open_database(f"sqlite:///{tmp_path / 'absent.db'}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("nonsense", "not a database URL"),
        ("oracle://host/x", "allowed: duckdb, postgresql, sqlite"),
        ("sqlite:////proc", "is a folder"),
        ("sqlite:////no/such/folder/x.db", "no such database"),
    ],
)
def test_what_is_no_database_is_refused_in_one_line(url: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        open_database(url)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "text.db"
    file.write_text("these are words, and many of them, but not the header of a database " * 20)
    with pytest.raises(Refused, match="not an SQLite database"):
        open_database(f"sqlite:///{file}")
    with pytest.raises(Refused, match="not an SQLite database"):
        create_database(f"sqlite:///{file}")


def test_another_schema_is_refused_by_the_name_of_what_is_missing(tmp_path: Path) -> None:
    url = made(tmp_path / "other.db", "CREATE TABLE care_notes (id INTEGER PRIMARY KEY, tenant_id INTEGER)")
    with pytest.raises(Refused, match="lacks facility_id, patient_id"):
        open_database(url)


def test_somebody_elses_tables_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    url = made(tmp_path / "shop.db", "CREATE TABLE orders (id INTEGER)")
    with pytest.raises(Refused, match="it holds orders"):
        create_database(url)
    with pytest.raises(Refused, match="no table care_notes"):
        open_database(url)
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("orders",)]
    connection.close()


@pytest.mark.parametrize("time", ["1760000000", "'2026-02-10T08:00:00.000000'", "'2026-02-10 08:00:00'"])
def test_times_in_another_format_are_refused_since_they_would_compare_wrongly(tmp_path: Path, time: str) -> None:
    url = f"sqlite:///{tmp_path / 'times.db'}"
    create_database(url).dispose()
    made(
        tmp_path / "times.db",
        f"INSERT INTO care_notes VALUES (1, 1, 1, 'p', 'medication', 1, {time}, 'staff', NULL)",
    )
    with pytest.raises(Refused, match="not text YYYY-MM-DD"):
        open_database(url)


def test_a_locked_database_is_refused(seeded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carenotes.backends.sqlite.BUSY_TIMEOUT", 0.05)
    holder = sqlite3.connect(seeded.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(Refused, match="locked by another process"):
            open_database(seeded)
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def test_opened_for_reading_it_cannot_be_written(seeded: str) -> None:
    engine = open_database(seeded, read_only=True)
    with engine.connect() as connection, pytest.raises(Exception, match="readonly"):
        connection.execute(text("DELETE FROM care_notes"))
    engine.dispose()


def test_a_name_with_odd_characters_is_a_name(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a b&#1%25é"  # in a URL, %25 is a percent sign
    load(create_database(url), SeedSpec(10))
    with open_database(url).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM care_notes")).scalar() == 10
    assert [one.name for one in tmp_path.iterdir()] == ["a b&#1%é"]


def test_two_reads_of_one_transaction_see_one_state(url: str) -> None:
    writer, reader = create_database(url), open_database(url)
    with reader.connect() as connection:
        before = connection.execute(text("SELECT count(*) FROM care_notes")).scalar()
        with writer.connect() as other:
            other.exec_driver_sql("PRAGMA busy_timeout = 1")
            other.execute(text("INSERT INTO care_notes VALUES (1, 1, 1, 'p', 'm', 1, 'now', 's', NULL)"))
            with pytest.raises(Exception, match="locked"):
                other.commit()
        assert connection.execute(text("SELECT count(*) FROM care_notes")).scalar() == before
    writer.dispose()
    reader.dispose()


def test_the_table_is_the_one_of_the_contract(url: str) -> None:
    engine = create_database(url)
    columns = {one["name"]: one for one in inspect(engine).get_columns(CareNote.__tablename__)}
    assert list(columns) == [
        "id", "tenant_id", "facility_id", "patient_id", "category", "priority", "created_at", "created_by", "note_text",
    ]  # fmt: skip
    assert [name for name, one in columns.items() if one["nullable"]] == ["note_text"]
    engine.dispose()


def test_a_read_only_file_is_refused_for_writing(seeded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere, whatever a file's mode says
    with pytest.raises(Refused, match="read-only"):
        create_database(seeded)


def test_a_duckdb_file_that_is_none_or_of_other_types_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "words.duckdb"
    file.write_text("these are words " * 500)
    with pytest.raises(Refused, match=r"words\.duckdb: not a DuckDB database"):
        open_database(f"duckdb:///{file}")
    url = f"duckdb:///{tmp_path / 'texts.duckdb'}"
    engine = create_database(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE care_notes ALTER created_at TYPE VARCHAR"))
    engine.dispose()
    with pytest.raises(Refused, match="created_at is VARCHAR, not TIMESTAMP"):
        open_database(url)


def test_a_duckdb_file_that_another_process_holds_is_refused(tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'notes.duckdb'}"
    create_database(url).dispose()
    hold = (
        f"import duckdb; held = duckdb.connect({str(tmp_path / 'notes.duckdb')!r}); print('held', flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(Refused, match="open in another process; DuckDB allows one at a time"):
            open_database(url, read_only=True)
        holder.communicate(b"\n")
    open_database(url, read_only=True).dispose()


def test_a_refused_duckdb_file_is_let_go_of(tmp_path: Path) -> None:
    file = tmp_path / "other.duckdb"
    duckdb.connect(str(file)).execute("CREATE TABLE orders (id INTEGER)").close()
    with pytest.raises(Refused, match="it holds orders"):
        create_database(f"duckdb:///{file}")
    use = f"import duckdb; duckdb.connect({str(file)!r}).execute('INSERT INTO orders VALUES (1)')"
    subprocess.run([sys.executable, "-c", use], check=True)


def test_a_pool_has_so_many_connections_and_no_more(seeded: str) -> None:
    pool = open_pool(seeded, 2)
    held = [pool.connect() for _ in range(2)]
    assert pool.pool.checkedout() == 2  # type: ignore[attr-defined]
    assert pool.pool._max_overflow == 0  # type: ignore[attr-defined]
    for one in held:
        one.close()
    pool.dispose()


def test_a_pool_of_none_or_of_nothing_is_refused(seeded: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="pool size is 0; allowed: 1 or more"):
        open_pool(seeded, 0)
    with pytest.raises(Refused, match="no such database"):
        open_async_pool(f"sqlite:///{tmp_path / 'absent.db'}", 2)
    url = f"duckdb:///{tmp_path / 'notes.duckdb'}"
    create_database(url).dispose()
    with pytest.raises(Refused, match="DuckDB has no async driver; allowed: postgresql, sqlite"):
        open_async_pool(url, 2)


def test_duckdb_draws_no_bar_where_no_script_runs(tmp_path: Path) -> None:
    """It would stand in the output of a notebook, whose workers are processes without a script."""
    code = """if True:
        import duckdb
        from carenotes.backends import create_database, open_pool
        setting = "SELECT current_setting('enable_progress_bar')"
        print(duckdb.connect().execute(setting).fetchone()[0])
        for make in (create_database, lambda url: open_pool(url, 1)):
            engine = make("duckdb:///ours.duckdb")
            with engine.connect() as connection:
                print(connection.exec_driver_sql(setting).scalar())
            engine.dispose()
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "False"]  # the first is of others
