"""The worker's side of an open loop: one server, and the process that sends it requests.

The server is a `Service` behind a Unix-domain socket, one connection, one request at a time in the order in which they
came: a queue that theory can check. Its service time holds reading the request, the answer, and writing it.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from typing_extensions import override

from carenotes.errors import Failed
from carenotes.lab.configurations.client import of_each_shape
from carenotes.lab.configurations.services import LATENCY, MakeService, Service, made
from carenotes.lab.open_loop.arrivals import drawn
from carenotes.lab.open_loop.generator import UNANSWERED, Order, Report, order_line, query_of
from carenotes.lab.open_loop.generator_client import generator_of_worker, give_up
from carenotes.lab.open_loop.queueing import dropped
from carenotes.lab.runner.loops import loop_of_worker
from carenotes.lab.runner.workers import PILOT, TIMED, Configuration
from carenotes.queries import StatsQuery

# Kinds of nanoseconds.
SERVICE_TIME, WAITING_TIME, WAITING_TIME_IDLE = "service time", "waiting time", "waiting time, server idle"
GENERATOR_LATENESS = "generator lateness"
OUTSTANDING = 8  # requests at a time that keep a server busy
_SHORT = 50  # requests in a warm-up, and in the pilot
_PATIENCE = 20.0  # seconds


@dataclass(frozen=True)
class OfferedLoad:
    """So many requests, at a rate a second, or, without one, as many at a time as keep the server busy."""

    rate: float | None
    requests: int
    seed: str
    patience: float = _PATIENCE

    def order(self, round_number: int, part: int) -> Order:
        """What the generator is to do in a part of a round; the same random seed in it for every load.

        Warm-ups keep the server busy whatever the load: nobody looks at how long their requests wait.
        """
        whole = part == TIMED and (round_number != PILOT or self.rate is None)  # the pilot's is the capacity
        count = self.requests if whole else min(self.requests, _SHORT)
        rate = self.rate if part == TIMED else None
        return Order(f"{self.seed}/{round_number}/{part}", count, rate, OUTSTANDING, self.patience)

    def queries(self, stream: Sequence[StatsQuery], round_number: int, part: int) -> list[StatsQuery]:
        """The queries of a part of a round, in the order in which they are due."""
        order = self.order(round_number, part)
        return drawn(order.seed, stream, order.requests)


class Server:
    """Answers requests from a stream, and keeps when it began each and when it could begin the next."""

    def __init__(self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._service, self._reader, self._writer = service, reader, writer
        self.began: list[int] = []
        self.ended: list[int] = []

    async def serve(self) -> None:
        """Answer until nobody is there. A service that raises ends it."""
        while line := await self._reader.readline():
            self.began.append(perf_counter_ns())
            request = json.loads(line)
            stats = await self._service.answer(query_of(request))
            # Not drained: there are only so many requests, and a server that waited for a slow reader would be busy.
            self._writer.write(_answer(request["number"], stats.as_json()))
            self.ended.append(perf_counter_ns())


def _answer(number: int, stats: Mapping[str, Any]) -> bytes:
    return json.dumps({"number": number, "answer": stats}, separators=(",", ":")).encode() + b"\n"


class OpenLoop(Configuration):
    """A service under an offered load, as a configuration. Latency counts from when a request was due.

    Its details, without those of the start of a run: `LATENCY` from due to answered, `WAITING_TIME` from due to where
    the server begins, `WAITING_TIME_IDLE` the same of requests that found the server idle, `SERVICE_TIME`, and
    `GENERATOR_LATENESS` from due to sent.
    """

    def __init__(self, service: MakeService, stream: Sequence[StatsQuery], load: OfferedLoad) -> None:
        self._loop = loop_of_worker()
        self._service = self._loop.run(made(service))
        self._stream, self._load = stream, load
        self._report: Report | None = None
        self._is_open = False

    @override
    def warm_up(self, round_number: int, part: int) -> None:
        """The generator is ready to begin."""
        order = self._load.order(round_number, part)
        self.units, self._report = order.requests, None
        self._loop.run(self._ready(order))

    async def _ready(self, order: Order) -> None:
        if not self._is_open:
            self._is_open = True
            await self._service.open(of_each_shape(self._stream))
        await self._service.begin()
        self._generator = await generator_of_worker()
        self._server = Server(self._service, *self._generator.wire)
        await self._generator.say(order_line(order, self._stream))
        await self._generator.hear()

    @override
    def run(self) -> None:
        """From the word to go to the last answer."""
        self._loop.run(self._run())

    async def _run(self) -> None:
        serving = asyncio.ensure_future(self._server.serve())
        await self._generator.say(b"go\n")
        done = asyncio.ensure_future(self._generator.hear())
        ended, _ = await asyncio.wait({done, serving}, return_when=asyncio.FIRST_COMPLETED)
        for one in (done, serving):
            one.cancel()  # which does nothing to one that has ended
        await asyncio.wait({done, serving})
        if serving in ended or done.exception():
            await give_up()
        if serving in ended:
            with suppress(ConnectionError):
                serving.result()
            raise Failed("the process that generates the load has died")
        done.result()

    def _reported(self) -> Report:
        if self._report is None:
            self._report = Report(**self._loop.run(self._generator.hear()))
            if UNANSWERED in self._report.digests:
                self._loop.run(give_up())
        return self._report

    @override
    def digests(self) -> Sequence[str]:
        """A request that was never answered has none, and is wrong."""
        return self._reported().digests

    @override
    def details(self) -> Mapping[str, Sequence[int]]:
        """There are none of a run in which a request was lost: it is wrong."""
        report, server = self._reported(), self._server
        if UNANSWERED in report.digests:
            return {}
        kept = range(dropped(self.units), self.units)
        wait = {number: server.began[number] - report.due[number] for number in kept}
        idle = [number for number in kept if number and server.ended[number - 1] <= report.due[number]]
        kinds = {
            LATENCY: [report.answered[number] - report.due[number] for number in kept],
            WAITING_TIME: list(wait.values()),
            WAITING_TIME_IDLE: [wait[number] for number in idle],
            SERVICE_TIME: [server.ended[number] - server.began[number] for number in kept],
            GENERATOR_LATENESS: [report.sent[number] - report.due[number] for number in kept],
        }
        return {kind: each for kind, each in kinds.items() if each}

    @override
    def close(self) -> None:
        self._loop.run(self._service.close())
