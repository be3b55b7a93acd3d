"""What is inside the timed part: answers, and nothing that is opened, built or compiled for the first time."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select
from sqlalchemy.sql.compiler import SQLCompiler

from carenotes import AGGREGATORS, StatsQuery
from carenotes.lab.configurations.client import (
    PILOT_QUERIES,
    Client,
    DriverClient,
    FrozenHeapClient,
    ReconnectingClient,
    select_one,
)
from carenotes.lab.configurations.closed_loop import ClosedLoop
from carenotes.lab.configurations.services import AsyncDriver, Cached, InTheLoop, InThreads
from carenotes.lab.open_loop.server import OfferedLoad, OpenLoop
from carenotes.lab.runner.workers import PARTS, TIMED, Configuration
from carenotes.original import program as program
from carenotes.original.cache import OriginalCache
from carenotes.studies.one_query import other_aggregators as other_ways
from carenotes.studies.one_query import steps
from carenotes.studies.one_query.ceilings import ceilings_of
from carenotes.studies.server import tenants
from tests.conftest import ON_ANY_DESIGN

LAST = date(2026, 6, 30)
_SELECT = 21  # the action of an authorizer that SQLite names once for each SELECT that it compiles
NOTHING = {"connects": 0, "builds": 0, "compiles": 0}
counted: dict[str, int] = {**NOTHING}
watching = [False]


def _count(what: str) -> None:
    counted[what] += watching[0]


def _authorized(action: int, *_: object) -> int:
    if action == _SELECT:
        _count("compiles")
    return sqlite3.SQLITE_OK


@pytest.fixture(autouse=True)
def _counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Count what is built for SQLAlchemy, what it compiles, what SQLite compiles, and what connects."""
    compiler, builder = SQLCompiler.__init__, Select.__init__

    def built(self: Select[Any], *columns: object) -> None:
        _count("builds")
        builder(self, *columns)  # type: ignore[arg-type]

    def compiled(self: SQLCompiler, *arguments: object, **named: object) -> None:
        _count("compiles")
        compiler(self, *arguments, **named)  # type: ignore[arg-type]

    connect = sqlite3.connect

    def watched(*arguments: Any, **named: Any) -> sqlite3.Connection:
        _count("connects")
        connection = connect(*arguments, **named)
        connection.set_authorizer(_authorized)
        return connection

    monkeypatch.setattr(Select, "__init__", built)
    monkeypatch.setattr(SQLCompiler, "__init__", compiled)
    for module in (sqlite3, sqlite3.dbapi2):
        monkeypatch.setattr(module, "connect", watched)
    yield
    watching[0] = False


@pytest.fixture
def stream() -> list[StatsQuery]:
    """Queries whose first ones, which the pilot sends, all have one shape; those that follow have every other one."""
    lists = ([1], [1, 2], [1, 2, 3], range(1, 6), range(1, 40), range(1, 600))
    first = [StatsQuery.on(1 + number % 4, LAST) for number in range(PILOT_QUERIES)]
    return first + [StatsQuery.on(1 + number % 4, LAST, lists[number % len(lists)]) for number in range(240)]


@pytest.fixture
def address(seeded: str, tmp_path: Path) -> str:
    """A copy of its own: a worker's engines are kept, and these here are watched."""
    file = tmp_path / "notes.db"
    file.write_bytes(Path(seeded.removeprefix("sqlite:///")).read_bytes())
    return f"sqlite:///{file}"


def in_timed_part(configuration: Configuration) -> dict[str, int]:
    """What is opened and compiled while each part of two rounds runs."""
    counted.update(NOTHING)
    for number in (0, 1):
        for part in PARTS:
            configuration.warm_up(number, part)
            watching[0] = True
            configuration.run()
            watching[0] = False
            configuration.digests()
    configuration.close()
    return dict(counted)


Make = Callable[[str, list[StatsQuery]], Configuration]
CLIENTS: dict[str, Make] = {
    **{
        name: lambda url, stream, execute=AGGREGATORS[name]: Client(execute, url, stream, 24)  # type: ignore[misc]
        for name in ON_ANY_DESIGN
    },
    "SELECT 1": lambda url, stream: Client(select_one, url, stream, 24, checked=False),
    "a statement alone": lambda url, stream: DriverClient(AGGREGATORS["pushdown"], url, stream, 24),
    "a frozen heap": lambda url, stream: FrozenHeapClient(AGGREGATORS["naive"], url, stream, 24),
    **{
        one.__name__: lambda url, stream, execute=one: Client(execute, url, stream, 24, checked=False)  # type: ignore[misc]
        for one in (
            *(other_ways.counters, other_ways.arrays, other_ways.day_as_text, other_ways.day_as_date),
            *(other_ways.text_with_a_t, other_ways.dates_as_bounds, tenants.unscoped),
            *(steps.found, steps.fetched, steps.converted, steps.objects, steps.one_pass),
        )
    },
    "the original": lambda url, stream: Client(program.optimized, url, stream[:PILOT_QUERIES] * 10, 4),
}


BUILD_IT_ANEW = {"the original"}  # as it did: that is part of what is timed


def _cached(url: str) -> Cached:
    return Cached(partial(InThreads, url, AGGREGATORS["pushdown"], 3), OriginalCache)


SERVICES: dict[str, Callable[[str], Callable[[], object]]] = {
    "in the loop": lambda url: partial(InTheLoop, url, AGGREGATORS["pushdown"]),
    "eight threads": lambda url: partial(InThreads, url, AGGREGATORS["pushdown"], 8),
    "an async driver of eight": lambda url: partial(AsyncDriver, url, AGGREGATORS["pushdown"], 8),
    "behind a cache": lambda url: partial(_cached, url),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_nothing_is_opened_or_compiled_while_a_client_is_timed(
    address: str, stream: list[StatsQuery], name: str
) -> None:
    found = in_timed_part(CLIENTS[name](address, stream))
    assert (found.pop("builds") > 0) == (name in BUILD_IT_ANEW)
    assert found == {"connects": 0, "compiles": 0}


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_opened_or_compiled_while_a_closed_loop_is_timed(
    address: str, stream: list[StatsQuery], name: str
) -> None:
    clients = ClosedLoop(SERVICES[name](address), stream, 16, 32)  # type: ignore[arg-type]
    assert in_timed_part(clients) == NOTHING


def test_nothing_is_opened_or_compiled_while_a_limit_is_timed(address: str) -> None:
    for name, make in ceilings_of(address).items():
        if name.startswith("SELECT 1"):
            assert in_timed_part(make()) == NOTHING, name


def test_where_opening_is_the_subject_each_query_opens(address: str, stream: list[StatsQuery]) -> None:
    queries = 24 + 2 * 1  # of a round: 24, and two warm-ups of 1
    found = in_timed_part(ReconnectingClient(AGGREGATORS["pushdown"], address, stream, 24))
    assert found["connects"] == 2 * queries
    assert found["compiles"] >= found["connects"]  # by the driver; SQLAlchemy's memory is the engine's


def test_where_compiling_is_the_subject_each_query_compiles(address: str, stream: list[StatsQuery]) -> None:
    found = in_timed_part(Client(other_ways.compiled_anew, address, stream, 24))
    assert found == {"connects": 0, "builds": 0, "compiles": 2 * (24 + 2 * 1)}


@pytest.mark.parametrize("name", [*ON_ANY_DESIGN, "SELECT 1", "a statement alone"])
def test_each_query_is_a_transaction_of_its_own(address: str, stream: list[StatsQuery], name: str) -> None:
    configuration = CLIENTS[name](address, stream)
    configuration.warm_up(0, TIMED)
    driver = configuration._connection.connection.driver_connection  # type: ignore[attr-defined]
    said: list[str] = []
    driver.set_trace_callback(said.append)
    configuration.run()
    driver.set_trace_callback(None)
    assert [one for one in said if one in ("BEGIN", "COMMIT")] == ["BEGIN", "COMMIT"] * configuration.units
    assert len(said) == 3 * configuration.units
    assert not driver.in_transaction
    configuration.close()


@pytest.mark.slow
def test_the_heap_is_not_frozen_while_others_are_timed(address: str, stream: list[StatsQuery]) -> None:
    import gc

    frozen: list[int] = []

    def looked(connection: object, query: StatsQuery) -> object:
        frozen.append(gc.get_freeze_count())
        return AGGREGATORS["naive"](connection, query)  # type: ignore[arg-type]

    for kind in (FrozenHeapClient, Client):
        client = kind(looked, address, stream, 4)
        client.warm_up(0, TIMED)
        frozen.clear()
        client.run()
        assert all(frozen) == any(frozen) == (kind is FrozenHeapClient)
        client.close()


def test_each_thread_opens_a_connection_however_slowly_they_come(
    address: str, stream: list[StatsQuery], monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = ThreadPoolExecutor.submit

    def slowly(self: ThreadPoolExecutor, *arguments: Any) -> Any:
        done = submit(self, *arguments)
        time.sleep(0.03)  # in which the first thread could open, answer and be idle again
        return done

    service = InThreads(address, AGGREGATORS["pushdown"], 4)
    monkeypatch.setattr(ThreadPoolExecutor, "submit", slowly)
    asyncio.run(service.open(stream[:1]))
    assert service._pool.pool.checkedin() == 4  # type: ignore[attr-defined]
    asyncio.run(service.close())


def test_nothing_is_opened_or_compiled_while_a_server_is_under_load(address: str, stream: list[StatsQuery]) -> None:
    service = partial(InTheLoop, address, AGGREGATORS["pushdown"])
    assert in_timed_part(OpenLoop(service, stream, OfferedLoad(None, 60, "1"))) == NOTHING
