"""Aggregators that are wrong or broken, and configurations of no use; importable, for a worker calls them."""

import asyncio
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import psutil
from sqlalchemy import Connection

from carenotes import CareStats, StatsQuery
from carenotes.aggregators import pushdown
from carenotes.lab.conditions import Condition, condition
from carenotes.lab.configurations.peers import Work, peers
from carenotes.lab.configurations.services import Service
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.workers import Configuration, Maker

NONE = CareStats(0, 0, {}, {}, {})


def experiment(makers: Mapping[str, Maker]) -> Experiment:
    """Conditions that have nothing but a name, and answer nothing that could be checked."""
    return Experiment({condition(name=name): make for name, make in makers.items()}, lambda *_: None)


def named(*names: str) -> dict[str, Condition]:
    """The same conditions by their labels."""
    return {name: condition(name=name) for name in names}


def wrong_always(connection: Connection, query: StatsQuery) -> CareStats:
    answer = pushdown(connection, query)
    return CareStats(answer.total_notes + 1, answer.unique_patients, answer.by_category, answer.by_priority, {})


def broken(_connection: Connection, _query: StatsQuery) -> CareStats:
    raise RuntimeError("out of order")


@dataclass(frozen=True)
class WrongAfter:
    """Right for so many calls, counted in a file, since each round is a process of its own."""

    calls: int
    counter: Path

    def __call__(self, connection: Connection, query: StatsQuery) -> CareStats:
        with self.counter.open("a") as file:
            file.write(".")
        right = self.counter.stat().st_size <= self.calls
        return (pushdown if right else wrong_always)(connection, query)


class Beside(Configuration):
    """Tells by its details of which process its peers are forks, of which that is one, and of which this is."""

    def run(self) -> None:
        [peer] = peers(1, Work)
        peer.hear()
        self._nursery = psutil.Process(peer.process).ppid()

    def details(self) -> Mapping[str, list[int]]:
        found = {"nursery": self._nursery, "its parent": psutil.Process(self._nursery).ppid(), "parent": os.getppid()}
        return {kind: [1_000 * one] for kind, one in found.items()}  # kept in microseconds


class Process(Configuration):
    """Tells which process it runs in, and how its hashes fall, through its details."""

    def run(self) -> None: ...

    def details(self) -> dict[str, list[int]]:
        return {"process": [1000 * os.getpid()], "hash": [1000 * (hash("drawn once a process") % 10**9)]}


class Deadly(Configuration):
    """Dies in the second round."""

    def warm_up(self, round_number: int, _part: int) -> None:
        if round_number == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    def run(self) -> None: ...


class Hanging(Configuration):
    """Tells which process it is, and does not end its second round."""

    def __init__(self, file: Path) -> None:
        self._file, self._round = file, 0

    def warm_up(self, round_number: int, _part: int) -> None:
        self._round = round_number

    def run(self) -> None:
        if self._round == 1:
            self._file.write_text(str(os.getpid()))
            sleep(600)


class Slow(Service):
    """Blocks the loop for a while, and answers wrongly."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self._seconds = seconds

    async def answer(self, _query: StatsQuery, /) -> CareStats:
        sleep(self._seconds)
        return NONE


class Stalls(Service):
    """Answers at once (and wrongly), but blocks the loop for a while at one of its requests."""

    def __init__(self, at: int, seconds: float) -> None:
        super().__init__()
        self._at, self._seconds, self._queries = at, seconds, 0

    async def answer(self, _query: StatsQuery, /) -> CareStats:
        self._queries += 1
        if self._queries == self._at:
            sleep(self._seconds)
        return NONE


class Silent(Service):
    """Never answers from its third request on."""

    def __init__(self) -> None:
        super().__init__()
        self._queries = 0

    async def answer(self, _query: StatsQuery, /) -> CareStats:
        self._queries += 1
        if self._queries > 2:
            await asyncio.get_running_loop().create_future()
        return NONE


class Broken(Service):
    """Raises."""

    async def answer(self, _query: StatsQuery, /) -> CareStats:
        raise RuntimeError("out of order")
