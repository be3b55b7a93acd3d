"""The worker's side of many who ask: ways to answer from an event loop, and clients who ask at once or in turn."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine

from carenotes.aggregators import Aggregator
from carenotes.backends import open_async_pool, open_pool
from carenotes.lab.configurations.client import engine_of, in_transaction, of_each_shape, parts_of, warm_up
from carenotes.lab.runner.loops import loop_of_worker
from carenotes.lab.runner.workers import TIMED, Configuration
from carenotes.queries import CareStats, StatsQuery

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_PATIENCE = 60.0  # seconds that threads wait for each other to have a connection
_TICK = 0.001  # seconds between the heartbeats that feel how late the loop is
LATENCY, POOL_WAIT, QUERY, LATENESS = "latency", "pool wait", "query", "lateness"  # kinds of nanoseconds


class Service:
    """Something on an event loop that answers queries."""

    def __init__(self) -> None:
        self.times: dict[str, list[int]] = {}  # of requests since `begin`: nanoseconds by kind

    async def ask(self, query: StatsQuery, /) -> CareStats:
        """The answer."""
        raise NotImplementedError

    async def open(self, queries: Sequence[StatsQuery]) -> None:
        """Open every connection and start every thread; over each, ask these, a query of each shape. Not timed."""

    async def begin(self) -> None:
        """Get ready for a part of a round; not timed."""
        self.times = {}

    async def close(self) -> None:
        """Let go of everything."""

    def _waited(self, asked: int, connected: int) -> None:
        """Keep what a request waited for a connection, and what it then took."""
        self.times.setdefault(POOL_WAIT, []).append(connected - asked)
        self.times.setdefault(QUERY, []).append(perf_counter_ns() - connected)


class InTheLoop(Service):
    """A sync driver called by the event loop itself, over one connection: meanwhile, the loop does nothing else."""

    def __init__(self, url: str | URL, answer: Aggregator, pause: float = 0.0) -> None:
        super().__init__()
        self._connection: Connection = engine_of(url).connect()
        self._answer, self._pause = answer, pause

    async def open(self, queries: Sequence[StatsQuery]) -> None:
        """See `Service`: the connection is there already."""
        for query in queries:
            in_transaction(self._answer, self._connection, query)

    async def ask(self, query: StatsQuery, /) -> CareStats:
        """See `Service`; `pause` is one that leaves the loop free."""
        stats: CareStats = in_transaction(self._answer, self._connection, query)
        if self._pause:
            await asyncio.sleep(self._pause)
        return stats

    async def close(self) -> None:
        """See `Service`."""
        self._connection.close()


class InThreads(Service):
    """A sync driver in threads, as many as there are connections in the pool."""

    def __init__(self, url: str | URL, answer: Aggregator, size: int) -> None:
        super().__init__()
        self._pool: Engine = open_pool(url, size)
        self._answer, self._size = answer, size
        self._threads = ThreadPoolExecutor(size)

    async def open(self, queries: Sequence[StatsQuery]) -> None:
        """See `Service`: each thread keeps a connection until every one of them has one."""
        loop, all_there = asyncio.get_running_loop(), Barrier(self._size)
        threads = [loop.run_in_executor(self._threads, self._open, queries, all_there) for _ in range(self._size)]
        await asyncio.gather(*threads)

    def _open(self, queries: Sequence[StatsQuery], all_there: Barrier) -> None:
        try:
            with self._pool.connect() as connection:
                all_there.wait(_PATIENCE)
                for query in queries:
                    in_transaction(self._answer, connection, query)
        except BaseException:
            all_there.abort()  # or the others would wait for this one
            raise

    async def ask(self, query: StatsQuery, /) -> CareStats:
        """See `Service`; who waits for a thread waits for its connection."""
        asked = perf_counter_ns()
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._work, query, asked)

    def _work(self, query: StatsQuery, asked: int) -> CareStats:
        with self._pool.connect() as connection:
            connected = perf_counter_ns()
            stats: CareStats = in_transaction(self._answer, connection, query)
            self._waited(asked, connected)
            return stats

    async def close(self) -> None:
        """See `Service`."""
        self._threads.shutdown()
        self._pool.dispose()


class AsyncDriver(Service):
    """An async driver and its pool; the aggregator runs on the loop, and yields to it while the database works."""

    def __init__(self, url: str | URL, answer: Aggregator, size: int) -> None:
        super().__init__()
        self._pool: AsyncEngine = open_async_pool(url, size)
        self._answer, self._size = answer, size

    async def open(self, queries: Sequence[StatsQuery]) -> None:
        """See `Service`: all connections are taken from the pool before one is given back."""
        connections = [await self._pool.connect() for _ in range(self._size)]
        for connection in connections:
            for query in queries:
                await connection.run_sync(self._in_transaction, query)
            await connection.close()

    async def ask(self, query: StatsQuery, /) -> CareStats:
        """See `Service`."""
        asked = perf_counter_ns()
        async with self._pool.connect() as connection:
            connected = perf_counter_ns()
            stats: CareStats = await connection.run_sync(self._in_transaction, query)
            self._waited(asked, connected)
            return stats

    def _in_transaction(self, connection: Connection, query: StatsQuery) -> CareStats:
        stats: CareStats = in_transaction(self._answer, connection, query)
        return stats

    async def close(self) -> None:
        """See `Service`."""
        await self._pool.dispose()


MakeService = Callable[[], Service]  # importable by name, like a `Maker`


class Cached(Service):
    """Another service behind a cache, new and warm with some answers before each part of a round."""

    def __init__(
        self,
        service: MakeService,
        make: Callable[[Callable[[StatsQuery], Coroutine[Any, Any, CareStats]]], Any],
        warm: Sequence[StatsQuery] = (),
    ) -> None:
        super().__init__()
        self._service, self._make, self._warm = service(), make, warm
        self.loads = 0

    async def open(self, queries: Sequence[StatsQuery]) -> None:
        """See `Service`."""
        await self._service.open(queries)

    async def begin(self) -> None:
        """See `Service`."""
        await self._service.begin()
        self._cache = self._make(self._load)
        for query in self._warm:
            await self._cache.get(query)
        self.loads = 0

    async def ask(self, query: StatsQuery, /) -> CareStats:
        """See `Service`."""
        answer: CareStats = await self._cache.get(query)
        return answer

    async def _load(self, query: StatsQuery) -> CareStats:
        self.loads += 1
        return await self._service.ask(query)

    async def close(self) -> None:
        """See `Service`."""
        await self._service.close()


def asked_in(stream: Sequence[StatsQuery], round_number: int, part: int, units: int) -> Sequence[StatsQuery]:
    """The queries of a part of a round; a stream that is no longer than a round is asked anew in every part."""
    if len(stream) <= units:
        return stream if part == TIMED else stream[: warm_up(units)]
    return parts_of(stream, round_number, part, units)


class Clients(Configuration):
    """Clients of a service as a configuration: each asks the next query when it has its answer (a closed loop).

    With as many clients as queries all are asked at once. Kept of each request is how long it took since it was due,
    what of it was waiting for a connection, and the query; or, with `heartbeat`, how late the event loop was for a
    timer each millisecond meanwhile.
    """

    def __init__(
        self,
        service: MakeService,
        stream: Sequence[StatsQuery],
        clients: int,
        units: int,
        *,
        heartbeat: bool = False,
    ) -> None:
        self._loop = loop_of_worker()
        self._service = self._loop.run(_made(service))
        self._stream, self._clients, self._count, self._heartbeat = stream, clients, units, heartbeat
        self._queries: Sequence[StatsQuery] = ()
        self._answers: list[CareStats | None] = []
        self._waited: list[int] = []
        self._late: list[int] = []
        self._is_open = False

    def prepare(self, round_number: int, part: int) -> None:
        """See `Configuration`: the next part of the stream; before the first one everything is open."""
        if not self._is_open:
            self._is_open = True
            self._loop.run(self._service.open(of_each_shape(self._stream)))
        self._queries = asked_in(self._stream, round_number, part, self._count)
        self.units = len(self._queries)
        self._answers, self._waited, self._late = [None] * self.units, [0] * self.units, []
        self._loop.run(self._service.begin())

    def run(self) -> None:
        """See `Configuration`."""
        self._loop.run(self._all())

    async def _all(self) -> None:
        queries, now = iter(enumerate(self._queries)), perf_counter_ns()
        beat = asyncio.ensure_future(self._beat()) if self._heartbeat else None
        await asyncio.gather(*[self._client(queries, now) for _ in range(self._clients)])
        if beat:
            beat.cancel()

    async def _client(self, queries: Iterator[tuple[int, StatsQuery]], due: int) -> None:
        """Ask until there are no queries; a request waits since it was due, not since the loop got to it."""
        for number, query in queries:
            await asyncio.sleep(0)  # a turn for the others, as a socket would give it to them
            self._answers[number] = await self._service.ask(query)
            now = perf_counter_ns()
            self._waited[number] = now - due
            due = now

    async def _beat(self) -> None:
        while True:
            began = perf_counter_ns()
            try:
                await asyncio.sleep(_TICK)
            finally:
                self._late.append(max(0, perf_counter_ns() - began - round(_TICK * 1e9)))

    def digests(self) -> Sequence[str]:
        """See `Configuration`; a request that was never answered has none, and is wrong."""
        return [answer.digest() if answer else "unanswered" for answer in self._answers]

    def details(self) -> Mapping[str, Sequence[int]]:
        """See `Configuration`."""
        return {LATENESS: self._late} if self._heartbeat else {LATENCY: self._waited, **self._service.times}

    def close(self) -> None:
        """See `Configuration`."""
        self._loop.run(self._service.close())


async def _made(service: MakeService) -> Service:
    return service()
