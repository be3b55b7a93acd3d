"""A service of many processes: a sync driver in each, and no lock of Python's that one could hold up another by."""

import asyncio
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection as Pipe
from time import perf_counter_ns

from sqlalchemy import URL
from typing_extensions import override

from carenotes.aggregators import Aggregator
from carenotes.backends import backend_of, parsed
from carenotes.errors import Failed
from carenotes.lab.configurations.client import in_transaction
from carenotes.lab.configurations.peers import Peer, Work, given_back, heard, peers
from carenotes.lab.configurations.services import Service
from carenotes.queries import CareStats, StatsQuery


class Answering(Work):
    """The work of a peer that answers a query after the other, over one connection."""

    def __init__(self, url: str | URL, aggregator: Aggregator) -> None:
        self._engine, self._aggregator = backend_of(url).pool(parsed(url), 1), aggregator
        self._connection = self._engine.connect()

    @override
    def do(self, order: StatsQuery, pipe: Pipe) -> CareStats:
        stats: CareStats = in_transaction(self._aggregator, self._connection, order)
        return stats

    @override
    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()


class InProcesses(Service):
    """A sync driver in so many processes with a connection each, to which an event loop hands queries.

    What a request waits for an idle process counts as its wait for a connection; the way there and back, by a pipe, is
    part of its query.
    """

    def __init__(self, url: str | URL, aggregator: Aggregator, size: int) -> None:
        super().__init__()
        self._make, self._size = partial(Answering, url, aggregator), size
        self._peers: list[Peer] = []
        self._idle: asyncio.Queue[Peer] = asyncio.Queue()
        self._asked: dict[Peer, asyncio.Future[CareStats]] = {}

    @override
    async def open(self, queries: Sequence[StatsQuery]) -> None:
        self._peers = peers(self._size, self._make)
        heard(self._peers)
        for query in queries:
            for peer in self._peers:
                peer.order(query)
            heard(self._peers)
        for peer in self._peers:
            asyncio.get_running_loop().add_reader(peer.fileno(), self._answered, peer)
            self._idle.put_nowait(peer)

    def _answered(self, peer: Peer) -> None:
        """Hand over what a process says; one that has died is not asked again."""
        asked = self._asked.pop(peer)
        try:
            asked.set_result(peer.hear())
        except Failed as error:
            asyncio.get_running_loop().remove_reader(peer.fileno())
            asked.set_exception(error)

    @override
    async def answer(self, query: StatsQuery, /) -> CareStats:
        began = perf_counter_ns()
        peer = await self._idle.get()
        connected = perf_counter_ns()
        self._asked[peer] = asyncio.get_running_loop().create_future()
        peer.order(query)
        stats = await self._asked[peer]
        self._idle.put_nowait(peer)
        self._waited(began, connected)
        return stats

    @override
    async def close(self) -> None:
        for peer in self._peers:
            asyncio.get_running_loop().remove_reader(peer.fileno())
        given_back(self._peers)
        self._peers = []
