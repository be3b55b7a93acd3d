"""The limits are what they say, and the fast path with a measure taken away still answers rightly."""

import re
import sqlite3
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import event
from sqlalchemy.pool.base import _ConnectionFairy

from carenotes import StatsQuery, open_database
from carenotes.aggregators import AGGREGATORS, naive, pushdown
from carenotes.lab.conditions import SELECT_1, Condition, condition, labels
from carenotes.lab.configurations.client import (
    PILOT_QUERIES,
    Client,
    DriverClient,
    Execute,
    ReconnectingClient,
    a_round,
    parts_of,
)
from carenotes.lab.notes.workload import population, query_stream
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.workers import PARTS, TIMED, Cell, Sample
from carenotes.statements import statements_of, statements_only
from carenotes.studies.one_query import findings
from carenotes.studies.one_query.ceilings import CLOCK, FILE_READ, MEMORY_COPY, UNITS, FileRead, MemoryCopy, ceilings_of
from carenotes.studies.one_query.effects import measured_ceilings
from carenotes.studies.one_query.experiment import CEILINGS, NOTEBOOK
from carenotes.studies.one_query.other_aggregators import compiled_anew


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@pytest.fixture(scope="module")
def stream(seeded: str) -> list[StatsQuery]:
    with open_database(seeded, read_only=True).connect() as connection:
        return query_stream(population(connection), 1, 60, 2)


def test_every_limit_runs_and_does_as_much_as_it_says(seeded: str) -> None:
    limits = ceilings_of(seeded)
    assert len(limits) == 9
    assert set(UNITS) < set(limits)
    for make in limits.values():
        limit = make()
        units = []
        for part in PARTS:
            limit.warm_up(0, part)
            limit.run()
            units.append(limit.units)
        assert units[0] == units[1] < units[2]
        assert limit.digests() is None
        limit.close()


@pytest.mark.parametrize("make", [MemoryCopy, FileRead])
def test_memory_that_bytes_are_timed_into_is_taken_and_written_to_beforehand(
    seeded: str, make: type[MemoryCopy | FileRead]
) -> None:
    limit = make(file_of(seeded))
    assert all(limit._block.tobytes()[-1000:])  # a page that nobody has written to is zeros
    limit.warm_up(0, PARTS[0])
    tracemalloc.start()
    limit.run()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    limit.close()
    assert most < len(limit._block) / 10


def test_reading_and_copying_pass_the_same_bytes_into_the_same_block_and_the_file_was_read_before(seeded: str) -> None:
    file = file_of(seeded)
    read, copied = FileRead(file), MemoryCopy(file)
    assert read._source.tell() == file.stat().st_size
    assert copied._source.read() == file.read_bytes()
    for limit in (read, copied):
        limit.warm_up(0, PARTS[0])
        limit.run()
    assert read._block.tobytes() == copied._block.tobytes()
    assert read._source.tell() == copied._source.tell() > 0
    read.close()
    copied.close()


def timed(seconds: dict[Condition, float], rounds: int = 12) -> Measured:
    """Conditions that take so many seconds a unit of work, but for noise."""
    random, by_label = np.random.default_rng(3), labels(seconds)
    rows = [
        {"condition": name, "round": number, "part": 0, "units": 1}
        | {"elapsed_ns": 1e9 * seconds[one] * random.normal(1, 0.02)}
        for number in range(rounds)
        for name, one in by_label.items()
    ]
    return Measured(pd.DataFrame(rows), pd.DataFrame(), tuple(by_label), conditions=by_label)


@pytest.mark.parametrize(
    ("copied", "said"), [(0.5e-9, "% of what copying them in memory gives"), (1e-9, "not seen to be faster")]
)
def test_copying_is_named_as_a_limit_of_reading_only_where_it_was_faster(copied: float, said: str) -> None:
    seconds = {FILE_READ: 1e-9, MEMORY_COPY: copied, CLOCK: 1e-7}
    limits = timed({condition(limit=name): each for name, each in seconds.items()})
    scan = condition(aggregator="naive", design="none")
    others = {condition(aggregator="naive", design="covering"): 1e-3, condition(statement=SELECT_1): 1e-5}
    text = findings.limits(limits, timed({scan: 1e-2, **others}), 1_000_000).text
    assert said in text
    assert re.search(r"goes through the file at (9\d\.\d|10\d) MB/s: (9|10)\.\d %", text)


def test_the_ceilings_of_a_run_have_the_units_of_what_they_limit(tmp_path: Path) -> None:
    results, key = Results.create(tmp_path / "r.sqlite"), {"notebook": NOTEBOOK, "experiment": CEILINGS}
    assert measured_ceilings(results) == {}
    by_label = labels([condition(limit=MEMORY_COPY), condition(limit=CLOCK)])
    results.add_conditions(key, by_label)
    for number in range(3):
        results.add_round(key, [Sample(Cell(CEILINGS, name), number, TIMED, 0, 2, 10) for name in by_label])
    found = measured_ceilings(results)
    assert {name: unit for name, (_, unit) in found.items()} == {MEMORY_COPY: "s/B", CLOCK: "s/time"}
    assert found[CLOCK][0].value == 5e-9


@pytest.mark.parametrize(("client", "execute"), [(ReconnectingClient, pushdown), (Client, compiled_anew)])
def test_with_a_measure_taken_away_the_answer_is_the_same(
    seeded: str, stream: list[StatsQuery], client: type[Client], execute: Execute
) -> None:
    one = client(execute, seeded, stream, 8)
    one.warm_up(0, TIMED)
    one.run()
    with open_database(seeded, read_only=True).connect() as connection:
        right = [naive(connection, asked).digest() for asked in parts_of(stream, 0, TIMED, 8)]
    assert one.digests() == right
    one.close()


def test_a_new_connection_is_one_is_asked_and_is_closed_again(seeded: str, stream: list[StatsQuery]) -> None:
    opened: list[int] = []
    closed: list[int] = []
    asked: list[object] = []
    fresh = ReconnectingClient(pushdown, seeded, stream, 3)
    fresh.warm_up(0, TIMED)
    engine = fresh._connection.engine
    event.listen(engine, "connect", lambda *_: opened.append(1))
    event.listen(engine, "close_detached", lambda *_: closed.append(1))
    event.listen(engine, "before_cursor_execute", lambda one, *_: asked.append(one))
    fresh.run()
    assert fresh._connection not in asked
    assert len(opened) == len(closed) == len(set(asked)) == 3
    fresh.close()


@pytest.mark.parametrize("name", AGGREGATORS)
def test_a_statement_alone_is_the_one_that_is_sent_and_asking_which_sends_none(
    seeded_for: Callable[[str], str], stream: list[StatsQuery], name: str
) -> None:
    ask = AGGREGATORS[name]
    with open_database(seeded_for(name), read_only=True).connect() as connection:
        for asked in stream[:8]:
            with statements_of(connection) as sent:
                ask(connection, asked)
            with statements_of(connection) as other:
                assert statements_only(connection, lambda one, asked=asked: ask(one, asked)) == sent
            assert other == sent  # told of, and stopped before it went out
        assert pushdown(connection, stream[0]) == naive(connection, stream[0])  # the connection still answers


class Fetching:
    """A driver's connection that counts the rows that are fetched from it."""

    def __init__(self, url: str) -> None:
        self._driver = sqlite3.connect(file_of(url))
        self.fetched = 0

    def execute(self, sql: str, values: tuple[object, ...] = ()) -> "Fetching":
        self._rows = self._driver.execute(sql, values)
        return self

    def fetchall(self) -> None:
        self.fetched += len(self._rows.fetchall())


def test_what_is_asked_alone_fetches_the_rows(
    seeded: str, stream: list[StatsQuery], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = DriverClient(AGGREGATORS["single_pass"], seeded, stream, 8)
    alone.warm_up(0, TIMED)
    with open_database(seeded, read_only=True).connect() as connection:
        notes = sum(naive(connection, asked).total_notes for asked in parts_of(stream, 0, TIMED, 8))
    driver = Fetching(seeded)
    monkeypatch.setattr(_ConnectionFairy, "driver_connection", driver)
    alone.run()
    monkeypatch.undo()
    assert (alone.units, alone.digests()) == (8, None)
    assert driver.fetched == notes > 0
    alone.close()


def test_a_sample_counts_every_query_as_often_as_it_is_asked(seeded: str, stream: list[StatsQuery]) -> None:
    client = Client(pushdown, seeded, stream, 4, repeats=3)
    client.warm_up(0, TIMED)
    client.run()
    assert client.units == len(client.digests() or ()) == 12
    client.close()


def test_queries_of_rounds_and_parts_are_never_the_same_ones(stream: list[StatsQuery]) -> None:
    assert a_round(8) == 10
    asked = [one for number in range(4) for part in PARTS for one in parts_of(stream, number, part, 8)]
    assert len(asked) == len(set(asked)) == 40
    assert not set(asked) & set(stream[:PILOT_QUERIES])
    assert (stream[0].last_day - stream[0].first_day) == timedelta(days=1)
