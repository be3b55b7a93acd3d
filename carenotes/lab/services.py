"""Ways to answer questions from an event loop, and clients who ask at once or in turn."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine

from carenotes.aggregators import Aggregator
from carenotes.lab.ladder import Truth
from carenotes.lab.study import WARM_UPS, Contender
from carenotes.questions import CareStats, StatsQuery

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_TICK = 0.001  # seconds between the heartbeats that feel how late the loop is


class Service:
    """Something on an event loop that answers questions."""

    async def ask(self, question: StatsQuery, /) -> CareStats:
        """The answer."""
        raise NotImplementedError

    async def begin(self) -> None:
        """Get ready for a round; not timed."""

    async def close(self) -> None:
        """Let go of everything."""


class InTheLoop(Service):
    """A sync driver called by the event loop itself, over one connection: meanwhile, the loop does nothing else."""

    def __init__(self, engine: Engine, answer: Aggregator, pause: float = 0.0) -> None:
        self._connection: Connection = engine.connect()
        self._answer, self._pause = answer, pause

    async def ask(self, question: StatsQuery, /) -> CareStats:
        """See `Service`; `pause` is one that leaves the loop free."""
        stats = self._answer(self._connection, question)
        if self._pause:
            await asyncio.sleep(self._pause)
        return stats

    async def close(self) -> None:
        """See `Service`."""
        self._connection.close()


class InThreads(Service):
    """A sync driver in threads, as many as there are connections in the pool."""

    def __init__(self, pool: Engine, answer: Aggregator, threads: int) -> None:
        self._pool, self._answer = pool, answer
        self._threads = ThreadPoolExecutor(threads)

    async def ask(self, question: StatsQuery, /) -> CareStats:
        """See `Service`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._work, question)

    def _work(self, question: StatsQuery) -> CareStats:
        with self._pool.connect() as connection:
            return self._answer(connection, question)

    async def close(self) -> None:
        """See `Service`."""
        self._threads.shutdown()
        self._pool.dispose()


class AsyncDriver(Service):
    """An async driver and its pool; the aggregator runs on the loop, and yields to it while the database works."""

    def __init__(self, pool: "AsyncEngine", answer: Aggregator) -> None:
        self._pool, self._answer = pool, answer

    async def ask(self, question: StatsQuery, /) -> CareStats:
        """See `Service`."""
        async with self._pool.connect() as connection:
            return await connection.run_sync(self._answer, question)

    async def close(self) -> None:
        """See `Service`."""
        await self._pool.dispose()


class Cached(Service):
    """Another service behind a cache, new and warm with some answers before each round."""

    def __init__(
        self,
        service: Service,
        make: Callable[[Callable[[StatsQuery], Coroutine[Any, Any, CareStats]]], Any],
        warm: Sequence[StatsQuery] = (),
    ) -> None:
        self._service, self._make, self._warm = service, make, warm
        self.loads = 0

    async def begin(self) -> None:
        """See `Service`."""
        await self._service.begin()
        self._cache = self._make(self._load)
        for question in self._warm:
            await self._cache.get(question)
        self.loads = 0

    async def ask(self, question: StatsQuery, /) -> CareStats:
        """See `Service`."""
        answer: CareStats = await self._cache.get(question)
        return answer

    async def _load(self, question: StatsQuery) -> CareStats:
        self.loads += 1
        return await self._service.ask(question)

    async def close(self) -> None:
        """See `Service`."""
        await self._service.close()


class Clients(Contender):
    """Clients of a service as a contender: each asks the next question when it has its answer (a closed loop).

    With as many clients as questions all are asked at once. `waited_ns` is what each request waited, or, with
    `heartbeat`, how late the event loop was for a timer each millisecond meanwhile.
    """

    def __init__(
        self,
        service: Service,
        truth: Truth,
        stream: Sequence[StatsQuery],
        clients: int,
        units: int,
        *,
        heartbeat: bool = False,
        loop: asyncio.Runner,
    ) -> None:
        self._service, self._truth, self._stream = service, truth, stream
        self._clients, self.units, self._heartbeat, self._loop = clients, units, heartbeat, loop
        self._questions: Sequence[StatsQuery] = ()
        self._answers: dict[int, CareStats] = {}

    def prepare(self, round_number: int) -> None:
        """See `Contender`: the next part of the stream."""
        start = (round_number + WARM_UPS) * self.units
        self._questions = list(islice(self._stream, start, start + self.units)) or self._stream[: self.units]
        self._answers = {}
        self.waited_ns = []
        self._loop.run(self._service.begin())

    def run(self) -> None:
        """See `Contender`."""
        self._loop.run(self._all())

    async def _all(self) -> None:
        waited = [0] * self.units
        questions, now = iter(enumerate(self._questions)), perf_counter_ns()
        beat = asyncio.ensure_future(self._beat()) if self._heartbeat else None
        await asyncio.gather(*[self._client(questions, waited, now) for _ in range(self._clients)])
        if beat is None:
            self.waited_ns = waited
        else:
            beat.cancel()

    async def _client(self, questions: Iterator[tuple[int, StatsQuery]], waited: list[int], due: int) -> None:
        """Ask until there are no questions; a request waits since it was due, not since the loop got to it."""
        for number, question in questions:
            await asyncio.sleep(0)  # a turn for the others, as a socket would give it to them
            self._answers[number] = await self._service.ask(question)
            now = perf_counter_ns()
            waited[number] = now - due
            due = now

    async def _beat(self) -> None:
        late: list[int] = []
        self.waited_ns = late
        while True:
            began = perf_counter_ns()
            try:
                await asyncio.sleep(_TICK)
            finally:
                late.append(max(0, perf_counter_ns() - began - round(_TICK * 1e9)))

    def check(self) -> int:
        """See `Contender`."""
        answers = [self._answers[number] for number in range(len(self._questions))]
        return self._truth.wrong(self._questions, answers)
