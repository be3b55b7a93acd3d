"""The worker's side of rivals that hold the notes in memory: each in a process of its own, which is sent queries."""

import gc
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, partial
from importlib.util import find_spec
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Connection
from typing_extensions import override

from carenotes.lab.configurations.client import digests_of, of_each_shape, parts_of
from carenotes.lab.configurations.peers import Peer, Work, peers
from carenotes.lab.runner.workers import TIMED, Configuration
from carenotes.queries import CareStats, StatsQuery


class Held(Protocol):
    """Notes in memory, however they are laid out."""

    def __init__(self, file: Path) -> None:
        """Read the columns of a file."""

    def answer(self, query: StatsQuery) -> CareStats:
        """The answer to a query."""

    def size(self) -> int:
        """The bytes of the data."""


@dataclass(frozen=True)
class Rival:
    """A way to hold the notes of a file, by the name that tables give it, and the modules that it is made of.

    One that `survives_no_fork` once it is loaded has its modules loaded by the process that holds it.
    """

    name: str
    load: type[Held]
    modules: tuple[str, ...]
    survives_no_fork: bool = False

    @property
    def is_possible(self) -> bool:
        """Whether what it is made of is installed."""
        return all(find_spec(one) is not None for one in self.modules)

    def of(self, file: Path) -> "Holding":
        """The same, of a file."""
        return Holding(self.load, file, () if self.survives_no_fork else self.modules)


@dataclass(frozen=True)
class Holding:
    """What answers queries from a file that the process holds in memory; it is read when it is first asked."""

    load: type[Held]
    file: Path
    loads: tuple[str, ...]

    def __call__(self, _connection: Connection | None, query: StatsQuery) -> CareStats:
        """The answer, in this process."""
        return held(self).answer(query)


@cache
def held(what: Holding) -> Held:
    """The notes in this process."""
    return what.load(what.file)


class Order(Enum):
    """What a process that holds notes is told to do."""

    ANSWER = auto()  # the queries that it was sent
    DIGESTS = auto()  # of its answers


@dataclass(frozen=True)
class Ready:
    """The queries that come next, all of them in turn, so often."""

    queries: Sequence[StatsQuery]
    repeats: int = 1


class Answering(Work):
    """The work of such a process: queries are sent to it, then answered, then their digests are told."""

    def __init__(self, what: Holding) -> None:
        before = _resident()
        self._answer, self._queries, self._answers = partial(what, None), list[StatsQuery](), list[CareStats]()
        self._repeats = 1
        size = held(what).size()
        if not (kept := _memory_file(what)).exists():
            kept.write_text(json.dumps({"data": size, "process": _resident() - before}))

    @override
    def do(self, order: Order | Ready, pipe: Pipe) -> Any:
        if order is Order.ANSWER:
            answer = self._answer
            self._answers = [answer(query) for query in self._queries]
        elif order is Order.DIGESTS:
            return digests_of(self._answers, self._repeats)
        else:
            self._queries, self._repeats = list(order.queries) * order.repeats, order.repeats
            gc.collect(1)
        return None


def _resident() -> int:
    """The bytes of this process that are in memory."""
    from psutil import Process  # of the report's own, and not of every worker's

    return int(Process().memory_info().rss)


_HOLDING: dict[Holding, Peer] = {}  # of this worker: conditions of several experiments are sent to one process


def begun(those: Sequence[Holding]) -> dict[Holding, Peer]:
    """A process for each, when the notes are in the memory of all: none may read them while something is timed."""
    loads = sorted({module for one in those for module in one.loads})
    found = {one: peers(1, partial(Answering, one), [__name__, "psutil", *loads])[0] for one in those}
    for peer in found.values():
        peer.hear()
    return found


def _told(peer: Peer, order: Order | Ready) -> Any:
    peer.order(order)
    return peer.hear()


class HeldClient(Configuration):
    """A client of a process that holds the notes; a sample is one message there and one back, and all between.

    Those `beside` it are held by processes that work in the same round.
    """

    def __init__(
        self,
        execute: Holding,
        _url: URL,
        stream: Sequence[StatsQuery],
        units: int,
        *,
        repeats: int,
        checked: bool,
        primed: bool,
        beside: Sequence[Holding],
    ) -> None:
        self._what, self._stream, self._count, self._repeats, self._checked = execute, stream, units, repeats, checked
        self._primed = primed
        self._is_open = False
        if execute not in _HOLDING:
            _HOLDING.update(begun(beside))

    @override
    def warm_up(self, round_number: int, part: int) -> None:
        """Before the first part, the notes are in memory, and a query of each shape has been answered."""
        if not self._is_open:
            self._is_open = True
            self._take(of_each_shape(self._stream))
            self.run()
        queries = parts_of(self._stream, round_number, part, self._count)
        if self._primed and part == TIMED:
            self._take(queries)
            self.run()
        self._take(queries, self._repeats)

    def _take(self, queries: Sequence[StatsQuery], repeats: int = 1) -> None:
        self.units = len(queries) * repeats
        _told(_HOLDING[self._what], Ready(queries, repeats))

    @override
    def run(self) -> None:
        _told(_HOLDING[self._what], Order.ANSWER)

    @override
    def digests(self) -> Sequence[str] | None:
        if not self._checked:
            return None
        found: list[str] = _told(_HOLDING[self._what], Order.DIGESTS)
        return found

    @override
    def close(self) -> None:
        """Whoever comes first ends the process."""
        if peer := _HOLDING.pop(self._what, None):
            peer.end()


def memory_of(those: Sequence[Holding]) -> list[dict[str, int]]:
    """The bytes of each one's `data`, as its library counts them, and by how much its `process` grew to hold them.

    The first process that held them has kept it; those of which none did are started.
    """
    found = begun([one for one in those if not _memory_file(one).exists()])
    for peer in found.values():
        peer.end()
    return [json.loads(_memory_file(one).read_text()) for one in those]


def _memory_file(what: Holding) -> Path:
    return what.file.with_suffix(f".{what.load.__name__}.json")
