"""What is measured beside each other has the same settings, seen on the connections that do the work."""

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from carenotes import CareStats, StatsQuery, open_database
from carenotes.aggregators import naive
from carenotes.backends import backend_of, create_database, new_place, sqlite
from carenotes.backends.bulk.adbc import AdbcWriter
from carenotes.backends.bulk.writing import RowWriter
from carenotes.lab.configurations.client import Client, DriverClient, ReconnectingClient
from carenotes.lab.configurations.closed_loop import ClosedLoop
from carenotes.lab.configurations.services import AsyncDriver, InTheLoop, InThreads
from carenotes.lab.environment import environment
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.stored import facts, told
from carenotes.lab.notes.workload import population, query_stream
from carenotes.lab.runner.loops import loop_of_worker
from carenotes.lab.runner.workers import TIMED, Configuration
from carenotes.seeding import SeedSpec
from carenotes.seeding.writers import WRITERS
from carenotes.studies.one_query.ceilings import ASYNC, DRIVER, ceilings_of
from carenotes.studies.seed_data import bulk_load as loads
from carenotes.studies.seed_data.bulk_load import Batches, Load, ReadyTuples

SPEC = SeedSpec(400, tenants=2, facilities=2, patients=5, days=5)
Settings = dict[str, str]


def of_driver(connection: sqlite3.Connection) -> Settings:
    return sqlite.settings_told(lambda sql: (connection.execute(sql).fetchone() or [None])[0])


def of_writer(writer: RowWriter | AdbcWriter) -> Settings:
    if isinstance(writer, RowWriter):
        driver: Any = writer._connection.connection.driver_connection
        return of_driver(driver)
    return sqlite.settings_told(lambda sql: next((next(iter(row.values())) for row in writer._rows(sql)), None))


class Watched(sqlite3.Connection):
    """A connection of the standard library that tells what it has whenever it commits."""

    seen: list[Settings]

    def commit(self) -> None:
        self.seen.append(of_driver(self))
        super().commit()


def loaded(configuration: Configuration) -> None:
    configuration.warm_up(0, TIMED)
    configuration.run()
    configuration.digests()
    configuration.close()


def test_every_way_to_load_writes_with_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, list[Settings]] = {name: [] for name in (*WRITERS, "sqlite3")}
    for kind in (RowWriter, AdbcWriter):
        write = kind.write

        def watched(self: Any, *work: Any, write: Any = write) -> None:
            seen[writer].append(of_writer(self))
            write(self, *work)

        monkeypatch.setattr(kind, "write", watched)
    for writer in WRITERS:
        loaded(Load(SPEC, new_place(tmp_path, "n"), Batches(writer, 100, 400)))
    monkeypatch.setattr(Watched, "seen", seen["sqlite3"], raising=False)
    monkeypatch.setattr(loads.sqlite3, "connect", partial(sqlite3.connect, factory=Watched))
    loaded(ReadyTuples(SPEC, new_place(tmp_path, "n")))
    assert [len(one) for one in seen.values()] == [4, 4, 4, 1]
    each = [one for settings in seen.values() for one in settings]
    assert all(one == each[0] for one in each)
    assert each[0]["cache_size"] == "65,536 KiB"
    assert (each[0]["journal_mode"], each[0]["synchronous"]) == ("delete", "full")


@pytest.fixture(scope="module")
def stream(seeded: str) -> list[StatsQuery]:
    with open_database(seeded, read_only=True).connect() as connection:
        return query_stream(population(connection), 1, 60, 2)


class Noting:
    """A way to ask that notes what the connection has on which it answers."""

    def __init__(self) -> None:
        self.seen: list[Settings] = []

    def __call__(self, connection: Connection, query: StatsQuery) -> CareStats:
        self.seen.append(backend_of(connection).settings(connection))
        return naive(connection, query)


def asked_by(seeded: str, stream: list[StatsQuery], ask: Noting) -> dict[str, Configuration]:
    """Everything that stands beside others in a table of queries."""
    services = {
        "in the loop": partial(InTheLoop, seeded, ask),
        "in threads": partial(InThreads, seeded, ask, 3),
        "async": partial(AsyncDriver, seeded, ask, 3),
    }
    clients = {name: ClosedLoop(service, stream, 4, 8) for name, service in services.items()}
    fresh = ReconnectingClient(ask, seeded, stream, 4)
    return {"client": Client(ask, seeded, stream, 4), "a new connection": fresh, **clients}


def test_everybody_who_asks_does_so_with_the_same_settings(seeded: str, stream: list[StatsQuery]) -> None:
    ask, seen = Noting(), {}
    for name, configuration in asked_by(seeded, stream, ask).items():
        ask.seen.clear()
        configuration.warm_up(0, TIMED)
        configuration.run()
        configuration.close()
        seen[name] = list(ask.seen)
    alone = DriverClient(naive, seeded, stream, 4)
    seen["driver alone"] = [backend_of(alone._connection).settings(alone._connection)]
    alone.close()
    seen.update(of_limits(seeded))
    assert all(seen.values())
    each = [one for settings in seen.values() for one in settings]
    assert all(one == each[0] for one in each), seen


def of_limits(seeded: str) -> dict[str, list[Settings]]:
    """What the connections have through which `SELECT 1` is asked, of a sync and of the async driver."""
    makers = ceilings_of(seeded)
    one, other = (makers[name]() for name in (DRIVER, ASYNC))
    found = {
        DRIVER: [sqlite.settings(one._connection)],  # type: ignore[attr-defined]
        ASYNC: [loop_of_worker().run(other._connection.run_sync(sqlite.settings))],  # type: ignore[attr-defined]
    }
    one.close()
    other.close()
    return found


def test_notes_tell_what_a_connection_to_them_has_and_the_machine_what_one_to_a_new_file_has(tmp_path: Path) -> None:
    notes = SeededNotes(SPEC, tmp_path)
    here = environment()
    for one in (notes, notes.on("duckdb")):
        with one.engine(one.best_design).connect() as connection:
            assert facts(one)["settings"] == told(backend_of(connection).settings(connection))
        assert here[f"{one.backend}_settings"] == facts(one)["settings"]
        one.close()


def test_settings_are_what_was_set_on_this_connection_and_no_constants(tmp_path: Path) -> None:
    with create_database(f"sqlite:///{tmp_path / 'n.db'}").connect() as connection:
        driver: Any = connection.connection.driver_connection
        for said in (
            "journal_mode = wal",
            "synchronous = off",
            "cache_size = 500",
            "mmap_size = 8192",
            "temp_store = 2",
        ):
            driver.execute(f"PRAGMA {said}")
        assert told(sqlite.settings(connection)) == (
            "journal_mode: wal; synchronous: off; page_size: 4,096 bytes; cache_size: 2,000 KiB; "
            "mmap_size: 8,192 bytes; temp_store: memory"
        )
    with create_database(f"duckdb:///{tmp_path / 'n.duckdb'}").connect() as connection:
        connection.exec_driver_sql("SET threads = 1")
        assert backend_of(connection).settings(connection)["threads"] == "1"
