"""Every service gives the right answers, and latency counts from when a request was due."""

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import URL

from carenotes import AGGREGATORS, Failed, StatsQuery
from carenotes.aggregators import pushdown
from carenotes.lab.comparison import distinct_queries
from carenotes.lab.configurations import peers
from carenotes.lab.configurations.client import Client, DriverClient, parts_of
from carenotes.lab.configurations.closed_loop import EVENT_LOOP_LAG, IN_SYSTEM, ClosedLoop
from carenotes.lab.configurations.processes import InProcesses
from carenotes.lab.configurations.services import (
    LATENCY,
    POOL_WAIT,
    QUERY,
    AsyncDriver,
    Cached,
    InTheLoop,
    InThreads,
    MakeService,
)
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.runner.workers import PARTS, TIMED, Cell, Configuration, Job, run_round
from carenotes.original.cache import OriginalCache
from carenotes.seeding import SeedSpec
from carenotes.studies.concurrency.served import ASYNC, IN_THE_LOOP, PROCESSES, THREADS, service_of
from tests.conftest import ON_ANY_DESIGN, started
from tests.lab.planted import Slow
from tests.somebody import Somebody, killed, own_server


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> SeededNotes:
    return SeededNotes(SeedSpec(2_000, tenants=3, facilities=3, patients=5, days=10), tmp_path_factory.mktemp("n"))


@pytest.mark.parametrize("service", [IN_THE_LOOP, THREADS, ASYNC, PROCESSES])
@pytest.mark.parametrize("name", ON_ANY_DESIGN)
def test_every_service_answers_as_the_oracle_does(notes: SeededNotes, service: str, name: str) -> None:
    stream, truth = distinct_queries(notes, 1, 2)(40), Truth(notes)
    clients = ClosedLoop(service_of(service, notes, AGGREGATORS[name]), stream, clients=4, units=10)
    for part in PARTS:
        clients.warm_up(0, part)
        clients.run()
        assert clients.digests() == [truth.of(query) for query in parts_of(stream, 0, part, 10)]
        latencies = clients.details()[LATENCY]
        assert len(latencies) == clients.units > 0
        assert min(latencies) > 0
    clients.close()


def test_waiting_for_a_connection_is_kept_apart_from_the_query(notes: SeededNotes) -> None:
    """Eight clients of a pool of one: a request's whole time is its wait and its query, and little else."""
    one = service_of(THREADS, notes, AGGREGATORS["naive"], connections=1)
    clients = ClosedLoop(one, distinct_queries(notes, 1, 2)(80), 8, 32)
    clients.warm_up(0, TIMED)
    clients.run()
    times = clients.details()
    clients.close()
    assert len(times[POOL_WAIT]) == len(times[QUERY]) == len(times[LATENCY]) == 32
    assert sum(times[POOL_WAIT]) > 3 * sum(times[QUERY])  # seven are before each
    assert sum(times[POOL_WAIT]) + sum(times[QUERY]) < sum(times[LATENCY])


@pytest.mark.parametrize("service", [THREADS, ASYNC, PROCESSES])
def test_every_service_answers_from_a_server(notes: SeededNotes, service: str) -> None:
    if not notes.possible_on("postgresql"):
        pytest.skip("no server of this engine")
    stream, truth = distinct_queries(notes, 1, 2)(40), Truth(notes)
    clients = ClosedLoop(service_of(service, notes.on("postgresql"), connections=2), stream, clients=5, units=10)
    clients.warm_up(0, TIMED)
    clients.run()
    assert clients.digests() == [truth.of(query) for query in parts_of(stream, 0, TIMED, 10)]
    clients.rest()
    clients.close()  # again


def test_a_database_that_goes_away_is_told_in_one_plain_line(notes: SeededNotes) -> None:
    """In the middle of the work, by whoever answers."""
    with own_server() as server:
        url = Somebody(server.url).notes(notes.spec)
        stream = distinct_queries(notes, 1, 2)(40)
        services = {
            THREADS: partial(InThreads, url, pushdown, 2),
            ASYNC: partial(AsyncDriver, url, pushdown, 2),
            PROCESSES: partial(InProcesses, url, pushdown, 2),
            IN_THE_LOOP: partial(InTheLoop, url, pushdown),
        }
        there: dict[str, Configuration] = {name: ClosedLoop(one, stream, 4, 10) for name, one in services.items()}
        there |= {"client": Client(pushdown, url, stream, 10), "driver": DriverClient(pushdown, url, stream, 10)}
        for one in there.values():
            one.warm_up(0, PARTS[0])
        killed(server, signal.SIGKILL)
        makers = {Cell("gone", name): partial(given, one, url) for name, one in there.items()}
        samples = run_round(Job(makers, [*makers], 0))
    said = "<database>: the connection was lost (was the server stopped, or out of disk?)"
    assert {one.cell.condition: one.error for one in samples} == dict.fromkeys(there, said)


def given(one: Configuration, _of: URL) -> Configuration:
    return one


def test_what_is_under_way_is_counted_apart_from_the_latencies_and_equal_to_them(notes: SeededNotes) -> None:
    clients = clients_of(notes, partial(Slow, 0.005), 3, 9)
    times = clients.details()
    assert times[IN_SYSTEM] == [pytest.approx(sum(times[LATENCY]), rel=0.05)]


def test_processes_wait_for_each_other_as_threads_do_and_are_used_again(notes: SeededNotes) -> None:
    """Eight clients of one process: a request waits for the seven before it."""
    used = set()
    for _ in range(2):
        clients = ClosedLoop(service_of(PROCESSES, notes, connections=1), distinct_queries(notes, 1, 2)(80), 8, 32)
        clients.warm_up(0, TIMED)
        used |= {one.process for one in clients._service._peers}  # type: ignore[attr-defined]
        clients.run()
        times = clients.details()
        clients.rest()
        assert sum(times[POOL_WAIT]) > 3 * sum(times[QUERY])
    assert len(used) == 1


def test_a_process_that_dies_fails_its_request_and_is_not_used_again(notes: SeededNotes) -> None:
    clients = ClosedLoop(service_of(PROCESSES, notes, connections=1), distinct_queries(notes, 1, 2)(80), 1, 4)
    clients.warm_up(0, TIMED)
    [peer] = clients._service._peers  # type: ignore[attr-defined]
    os.kill(peer.process, signal.SIGKILL)
    with pytest.raises(Failed, match="has died"):
        clients.run()
    clients.close()
    assert peer not in peers._IDLE


def test_a_process_that_has_something_to_tell_is_given_to_nobody_else() -> None:
    [busy] = peers.peers(1, peers.Work)
    peers.heard([busy])
    busy.become(peers.Work)
    peers.given_back([busy])
    assert busy not in peers._IDLE


def test_no_process_outlives_the_worker_that_it_works_beside() -> None:
    """However that ends: nobody holds the other end of their pipes any more."""
    code = "from carenotes.lab.configurations.peers import Work, heard, peers\n"
    code += "there = peers(2, Work); heard(there); print(*[one.process for one in there], flush=True); input()"
    with started([sys.executable, "-c", code], stdin=subprocess.PIPE) as worker:
        assert worker.stdout
        there = [Path(f"/proc/{one}") for one in worker.stdout.readline().split()]
        assert [one.exists() for one in there] == [True, True]
        worker.kill()
        worker.wait()
        end = time.monotonic() + 30
        while any(one.exists() for one in there):
            assert time.monotonic() < end
            select.select([], [], [], 0.01)


def clients_of(
    notes: SeededNotes, service: MakeService, number: int, units: int, heartbeat: bool = False
) -> ClosedLoop:
    one = ClosedLoop(service, distinct_queries(notes, 1, 1)(units), number, units, heartbeat=heartbeat)
    one.warm_up(0, TIMED)
    one.run()
    return one


def test_a_request_that_is_never_answered_is_wrong(notes: SeededNotes) -> None:
    clients = clients_of(notes, Slow, 2, 6)
    clients.warm_up(0, TIMED)
    assert clients.digests() == ["unanswered"] * 6


def test_a_request_that_is_sent_with_others_waits_for_those_before_it(notes: SeededNotes) -> None:
    waited = clients_of(notes, partial(Slow, 0.01), 5, 5).details()[LATENCY]
    assert all(one >= place * 0.01e9 for place, one in enumerate(waited, 1))  # however slow the machine is


def test_a_client_waits_from_its_last_answer_on(notes: SeededNotes) -> None:
    """Two clients of a service that does one thing at a time: each waits for two answers but for the first."""
    waited = clients_of(notes, partial(Slow, 0.01), 2, 6).details()[LATENCY]
    assert all(one > 0.018e9 for one in waited[1:])


def test_a_blocked_loop_is_felt_as_event_loop_lag(notes: SeededNotes) -> None:
    lags = clients_of(notes, partial(Slow, 0.05), 2, 2, heartbeat=True).details()[EVENT_LOOP_LAG]
    assert max(lags) > 0.09e9


def test_a_cache_is_new_and_warm_in_each_part_of_a_round(notes: SeededNotes) -> None:
    stream = distinct_queries(notes, 1, 1)(3)
    service = Cached(Slow, lambda load: OriginalCache(load, 30), warm=stream[:1])
    clients = ClosedLoop(lambda: service, stream, 3, 3)
    for round_number in (0, 1):
        clients.warm_up(round_number, TIMED)
        clients.run()
        assert service.loads == 2


def test_the_originals_cache_expires_and_keeps_queries_apart() -> None:
    loads: list[StatsQuery] = []

    async def load(query: StatsQuery) -> int:
        loads.append(query)
        return query.tenant_id

    async def main() -> None:
        from datetime import date

        cache = OriginalCache(load, ttl=0.05)
        one, other = StatsQuery.on(1, date(2026, 1, 1)), StatsQuery.on(2, date(2026, 1, 1), [3, 4])
        assert [await cache.get(one), await cache.get(other), await cache.get(one)] == [1, 2, 1]
        assert len(loads) == 2
        await asyncio.sleep(0.06)
        await cache.get(one)
        assert len(loads) == 3

    asyncio.run(main())
