"""The process that sends requests: each at the moment when it is due, whether or not those before it are answered.

It gets an order and a word to go over one socket, and sends over another, in JSON lines. It parses nothing while the
clock runs: what comes is kept with the time at which it came.
"""

import gc
import json
import select
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from time import perf_counter_ns
from typing import Any

from carenotes.lab.open_loop.arrivals import drawn, due_after
from carenotes.queries import CareStats, StatsQuery

UNANSWERED, TWICE = "unanswered", "answered twice"
_LEAD = 1_000_000  # nanoseconds between the word to go and the start of the schedule
_SPIN = 2_000_000  # nanoseconds before a request is due in which we sleep no more: a sleep may end a millisecond late
_CHUNK = 1 << 16
_NUMBERED = ("by_priority", "by_facility")  # whose keys are numbers, and strings in JSON


@dataclass(frozen=True)
class Order:
    """What to send: so many requests at a rate; without one, `outstanding` at a time, each next one after an answer."""

    seed: str
    requests: int
    rate: float | None
    outstanding: int
    patience: float  # seconds after which what is not answered is given up, counted from the last request


@dataclass(frozen=True)
class Report:
    """Nanoseconds of each request by the clock of the machine (answered: 0 if never), and digests of the answers."""

    due: Sequence[int]
    sent: Sequence[int]
    answered: Sequence[int]
    digests: Sequence[str]


Due = Callable[[int, int], int | None]  # when a request is due, by its number and how many are answered; None: not yet


def order_line(order: Order, stream: Sequence[StatsQuery]) -> bytes:
    """An order as it goes over the wire, with the queries to draw from."""
    return _line({**asdict(order), "stream": [_as_json(one) for one in stream]})


def query_of(request: Mapping[str, Any]) -> StatsQuery:
    """The query in a request."""
    first_day, last_day = (date.fromisoformat(request[name]) for name in ("first_day", "last_day"))
    return StatsQuery(request["tenant_id"], first_day, last_day, request["facility_ids"])


def _as_json(one: StatsQuery) -> dict[str, Any]:
    days = {"first_day": one.first_day.isoformat(), "last_day": one.last_day.isoformat()}
    return {"tenant_id": one.tenant_id, **days, "facility_ids": one.facility_ids}


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


class Run:
    """One run over a socket: what was sent when, and what came when."""

    def __init__(self, wire: socket.socket, lines: Sequence[bytes], due: Due, patience: float) -> None:
        self._wire, self._lines, self._due_of, self._patience = wire, lines, due, round(patience * 1e9)
        self._unsent = bytearray()
        self._answers = 0
        self.due: list[int] = []
        self.sent: list[int] = []
        self.came: list[tuple[int, bytes]] = []  # as it came: perhaps a part of an answer, perhaps several

    def run(self) -> None:
        """Send all, and wait until all is answered, or patience ends."""
        while self._answers < len(self._lines) and self._go_on():
            pass

    def _go_on(self) -> bool:
        """Send what is due, take what has come; whether there is hope of more."""
        number = len(self.sent)
        due = self._due_of(number, self._answers) if number < len(self._lines) else None
        now = perf_counter_ns()
        if due is not None and now >= due:
            self.due.append(due)
            self.sent.append(now)
            self._unsent += self._lines[number]
        if self._unsent:
            self._push()
        if due is None:  # nothing to do but to wait for an answer
            end = max(self.sent[-1], self.came[-1][0] if self.came else 0) + self._patience
            return self._take((end - now) / 1e9) and now < end
        return self._take((due - now - _SPIN) / 1e9)

    def _push(self) -> None:
        """Hand over what the socket takes; a server that is behind leaves the rest with us."""
        with suppress(BlockingIOError):
            del self._unsent[: self._wire.send(self._unsent)]

    def _take(self, seconds: float) -> bool:
        """Take what has come, waiting for it that long at most; whether the server is still there."""
        writing = [self._wire] if self._unsent else []
        if not select.select([self._wire], writing, [], max(0.0, seconds))[0]:
            return True
        data = self._wire.recv(_CHUNK)
        self.came.append((perf_counter_ns(), data))
        self._answers += data.count(b"\n")
        return bool(data)


def _report(run: Run, requests: int) -> Report:
    """What became of each request. An answer came when its last byte did."""
    answered, digests = [0] * requests, [UNANSWERED] * requests
    rest = b""
    for moment, data in run.came:
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            answer = json.loads(line)
            number = answer["number"]
            digests[number] = TWICE if answered[number] else _digest(answer["answer"])
            answered[number] = moment
    return Report(run.due, run.sent, answered, digests)


def _digest(answer: dict[str, Any]) -> str:
    """The digest of an answer, from what came over the wire."""
    by_priority, by_facility = ({int(key): n for key, n in answer[name].items()} for name in _NUMBERED)
    notes, patients, by_category = (answer[name] for name in ("total_notes", "unique_patients", "by_category"))
    return CareStats(notes, patients, by_category, by_priority, by_facility).digest()


def _schedule(order: Order) -> Callable[[], Due]:
    """The schedule of an order, drawn now; it begins when what is returned is called."""
    if order.rate is None:
        return lambda: lambda number, answers: perf_counter_ns() if number < answers + order.outstanding else None
    return partial(_beginning_now, due_after(order.seed, order.rate, order.requests))


def _beginning_now(after: Sequence[int]) -> Due:
    begin = perf_counter_ns() + _LEAD
    return lambda number, _answers: begin + after[number]


def main() -> None:
    """The whole life of a generator: orders over one socket, requests over the other, until nobody is there."""
    wire, control = (socket.socket(fileno=int(handle)) for handle in sys.argv[1:3])
    wire.setblocking(False)
    gc.disable()  # a collection in the wrong moment would be a late request
    with wire, control, suppress(ConnectionError), control.makefile("rb") as orders:
        for line in orders:
            _obey(json.loads(line), wire, control, orders.readline)


def _obey(given: dict[str, Any], wire: socket.socket, control: socket.socket, go: Callable[[], object]) -> None:
    """Get ready, say so, wait for the word; send all, say so; report."""
    stream = [query_of(one) for one in given.pop("stream")]
    order = Order(**given)
    queries = drawn(order.seed, stream, order.requests)
    lines = [_line({"number": number, **_as_json(one)}) for number, one in enumerate(queries)]
    begin = _schedule(order)  # thousands of draws take longer than `_LEAD`: the first requests would be late
    control.sendall(_line("ready"))
    go()
    one = Run(wire, lines, begin(), order.patience)
    one.run()
    control.sendall(_line("done"))
    control.sendall(_line(asdict(_report(one, order.requests))))
