"""The worker's side of many clients: what answers queries from an event loop."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine
from typing_extensions import override

from carenotes.aggregators import Aggregator
from carenotes.backends import backend_of, parsed
from carenotes.lab.configurations.client import engine_of, in_transaction, pool_of
from carenotes.queries import CareStats, StatsQuery

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_PATIENCE = 60.0  # seconds that threads wait for each other to have a connection
LATENCY, POOL_WAIT, QUERY = "latency", "pool wait", "query"  # kinds of nanoseconds of a request


class Service:
    """Something on an event loop that answers queries."""

    def __init__(self) -> None:
        self.times: dict[str, list[int]] = {}  # of requests since `begin`: nanoseconds by kind

    async def answer(self, query: StatsQuery, /) -> CareStats:
        """The answer."""
        raise NotImplementedError

    async def open(self, queries: Sequence[StatsQuery]) -> None:
        """Open every connection and start every thread; over each, answer these, a query of each shape. Not timed."""

    async def begin(self) -> None:
        """Get ready for a part of a round; not timed."""
        self.times = {}

    async def close(self) -> None:
        """Let go of everything."""

    def _waited(self, began: int, connected: int) -> None:
        """Keep what a request waited for a connection, and what it then took."""
        self.times.setdefault(POOL_WAIT, []).append(connected - began)
        self.times.setdefault(QUERY, []).append(perf_counter_ns() - connected)


class InTheLoop(Service):
    """A sync driver called by the event loop itself, over one connection: meanwhile, the loop does nothing else."""

    def __init__(self, url: str | URL, aggregator: Aggregator, pause: float = 0.0) -> None:
        super().__init__()
        self._connection: Connection = engine_of(url).connect()
        self._aggregator, self._pause = aggregator, pause

    @override
    async def open(self, queries: Sequence[StatsQuery]) -> None:
        """The connection is there already."""
        for query in queries:
            in_transaction(self._aggregator, self._connection, query)

    @override
    async def answer(self, query: StatsQuery, /) -> CareStats:
        """`pause` is one that leaves the loop free."""
        stats: CareStats = in_transaction(self._aggregator, self._connection, query)
        if self._pause:
            await asyncio.sleep(self._pause)
        return stats

    @override
    async def close(self) -> None:
        self._connection.close()


class InThreads(Service):
    """A sync driver in threads, as many as there are connections in the pool."""

    def __init__(self, url: str | URL, aggregator: Aggregator, size: int) -> None:
        super().__init__()
        self._pool: Engine = pool_of(url, size)
        self._aggregator, self._size = aggregator, size
        self._threads = ThreadPoolExecutor(size)

    @override
    async def open(self, queries: Sequence[StatsQuery]) -> None:
        """Each thread keeps a connection until every one of them has one."""
        loop, all_there = asyncio.get_running_loop(), Barrier(self._size)
        threads = [loop.run_in_executor(self._threads, self._open, queries, all_there) for _ in range(self._size)]
        await asyncio.gather(*threads)

    def _open(self, queries: Sequence[StatsQuery], all_there: Barrier) -> None:
        try:
            with self._pool.connect() as connection:
                all_there.wait(_PATIENCE)
                for query in queries:
                    in_transaction(self._aggregator, connection, query)
        except BaseException:
            all_there.abort()  # or the others would wait for this one
            raise

    @override
    async def answer(self, query: StatsQuery, /) -> CareStats:
        """Who waits for a thread waits for its connection."""
        began = perf_counter_ns()
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._work, query, began)

    def _work(self, query: StatsQuery, began: int) -> CareStats:
        with self._pool.connect() as connection:
            connected = perf_counter_ns()
            stats: CareStats = in_transaction(self._aggregator, connection, query)
            self._waited(began, connected)
            return stats

    @override
    async def close(self) -> None:
        self._threads.shutdown()
        self._pool.dispose()


class AsyncDriver(Service):
    """An async driver and its pool; the aggregator runs on the loop, and yields to it while the database works."""

    def __init__(self, url: str | URL, aggregator: Aggregator, size: int) -> None:
        super().__init__()
        self._pool: AsyncEngine = backend_of(url).async_pool(parsed(url), size)
        self._aggregator, self._size = aggregator, size

    @override
    async def open(self, queries: Sequence[StatsQuery]) -> None:
        """All connections are taken from the pool, at once, before one is given back."""
        connections = await asyncio.gather(*[self._pool.connect() for _ in range(self._size)])
        await asyncio.gather(*[self._primed(connection, queries) for connection in connections])

    async def _primed(self, connection: "AsyncConnection", queries: Sequence[StatsQuery]) -> None:
        for query in queries:
            await connection.run_sync(self._in_transaction, query)
        await connection.close()

    @override
    async def answer(self, query: StatsQuery, /) -> CareStats:
        began = perf_counter_ns()
        async with self._pool.connect() as connection:
            connected = perf_counter_ns()
            stats: CareStats = await connection.run_sync(self._in_transaction, query)
            self._waited(began, connected)
            return stats

    def _in_transaction(self, connection: Connection, query: StatsQuery) -> CareStats:
        stats: CareStats = in_transaction(self._aggregator, connection, query)
        return stats

    @override
    async def close(self) -> None:
        await self._pool.dispose()


MakeService = Callable[[], Service]  # importable by name, like a `Maker`


async def made(service: MakeService) -> Service:
    """A service, made while an event loop runs."""
    return service()


class Cached(Service):
    """Another service behind a cache, which is new, and warm with some answers, before each part of a round."""

    def __init__(
        self,
        service: MakeService,
        make: Callable[[Callable[[StatsQuery], Coroutine[Any, Any, CareStats]]], Any],
        warm: Sequence[StatsQuery] = (),
    ) -> None:
        super().__init__()
        self._service, self._make, self._warm = service(), make, warm
        self.loads = 0

    @override
    async def open(self, queries: Sequence[StatsQuery]) -> None:
        await self._service.open(queries)

    @override
    async def begin(self) -> None:
        await self._service.begin()
        self._cache = self._make(self._load)
        for query in self._warm:
            await self._cache.get(query)
        self.loads = 0

    @override
    async def answer(self, query: StatsQuery, /) -> CareStats:
        answer: CareStats = await self._cache.get(query)
        return answer

    async def _load(self, query: StatsQuery) -> CareStats:
        self.loads += 1
        return await self._service.answer(query)

    @override
    async def close(self) -> None:
        await self._service.close()
