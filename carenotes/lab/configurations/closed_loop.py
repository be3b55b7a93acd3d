"""The worker's side of a closed loop: clients of a service that send their next query when they have an answer."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter_ns

from typing_extensions import override

from carenotes.lab.configurations.client import of_each_shape, parts_of, warm_up
from carenotes.lab.configurations.services import LATENCY, MakeService, made
from carenotes.lab.runner.loops import loop_of_worker
from carenotes.lab.runner.workers import TIMED, Configuration
from carenotes.queries import CareStats, StatsQuery

IN_SYSTEM = "in the system"  # a kind of nanoseconds, one a part: the requests under way, summed up over its time
EVENT_LOOP_LAG = "event-loop lag"  # a kind of nanoseconds: what a timer of the loop comes too late by
_TICK = 0.001  # seconds between the timers that feel the lag


def queries_of(stream: Sequence[StatsQuery], round_number: int, part: int, units: int) -> Sequence[StatsQuery]:
    """The queries of a part of a round; a stream that is no longer than a round is sent anew in every part."""
    if len(stream) <= units:
        return stream if part == TIMED else stream[: warm_up(units)]
    return parts_of(stream, round_number, part, units)


class ClosedLoop(Configuration):
    """Clients of a service as a configuration: each sends the next query when it has its answer.

    With as many clients as queries all are sent at once. Kept of each request is its latency since it was due, what of
    it was waiting for a connection, and the query; or, with `heartbeat`, how late the event loop was for a timer each
    millisecond meanwhile. How many requests are under way is counted apart from their latencies, as they begin and end.
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
        self._service = self._loop.run(made(service))
        self._stream, self._clients, self._count, self._heartbeat = stream, clients, units, heartbeat
        self._queries: Sequence[StatsQuery] = ()
        self._answers: list[CareStats | None] = []
        self._latencies: list[int] = []
        self._lags: list[int] = []
        self._under_way, self._since, self._in_system = 0, 0, 0
        self._is_open = self._is_closed = False

    @override
    def warm_up(self, round_number: int, part: int) -> None:
        """The next part of the stream; before the first one everything is open."""
        if not self._is_open:
            self._is_open = True
            self._loop.run(self._service.open(of_each_shape(self._stream)))
        self._queries = queries_of(self._stream, round_number, part, self._count)
        self.units = len(self._queries)
        self._answers, self._latencies, self._lags = [None] * self.units, [0] * self.units, []
        self._in_system = 0
        self._loop.run(self._service.begin())

    @override
    def run(self) -> None:
        self._loop.run(self._all())

    async def _all(self) -> None:
        queries, now = iter(enumerate(self._queries)), perf_counter_ns()
        beat = asyncio.ensure_future(self._beat()) if self._heartbeat else None
        await asyncio.gather(*[self._client(queries, now) for _ in range(self._clients)])
        if beat:
            beat.cancel()

    async def _client(self, queries: Iterator[tuple[int, StatsQuery]], due: int) -> None:
        """Send queries until there are none; a request waits since it was due, not since the loop got to it."""
        for number, query in queries:
            self._moved(1)
            await asyncio.sleep(0)  # a turn for the others, as a socket would give it to them
            self._answers[number] = await self._service.answer(query)
            now = perf_counter_ns()
            self._moved(-1)
            self._latencies[number] = now - due
            due = now

    def _moved(self, more: int) -> None:
        """One more request under way from now on, or one less; by a look at the clock of its own."""
        now = perf_counter_ns()
        self._in_system += self._under_way * (now - self._since)
        self._under_way, self._since = self._under_way + more, now

    async def _beat(self) -> None:
        while True:
            began = perf_counter_ns()
            try:
                await asyncio.sleep(_TICK)
            finally:
                self._lags.append(max(0, perf_counter_ns() - began - round(_TICK * 1e9)))

    @override
    def digests(self) -> Sequence[str]:
        """A request that was never answered has none, and is wrong."""
        return [answer.digest() if answer else "unanswered" for answer in self._answers]

    @override
    def details(self) -> Mapping[str, Sequence[int]]:
        if self._heartbeat:
            return {EVENT_LOOP_LAG: self._lags}
        return {LATENCY: self._latencies, **self._service.times, IN_SYSTEM: [self._in_system]}

    @override
    def rest(self) -> None:
        """A server has only so many connections for all services of a round."""
        self.close()

    @override
    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._loop.run(self._service.close())
