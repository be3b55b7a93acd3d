"""The worker's side of readers while others write and what is kept is brought up to date all the time."""

from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection as Pipe

from sqlalchemy import URL
from typing_extensions import override

from carenotes.backends import backend_of, parsed
from carenotes.errors import Refused
from carenotes.lab.configurations.peers import Peer, Work, given_back, heard, peers
from carenotes.lab.configurations.writers import ReadersAndWriters, Writing
from carenotes.lab.runner.workers import TIMED
from carenotes.queries import StatsQuery
from carenotes.studies.upkeep.ways import WAYS


class Refreshing(Work):
    """The work of whoever brings a way up to date, so many seconds after the last time, until told to stop."""

    def __init__(self, url: URL, way: str, refresh: str, interval: float) -> None:
        self._engine = backend_of(url).engine(parsed(url), read_only=False, create=False)
        self._refresh, self._interval = WAYS[way].refreshes[refresh], interval

    @override
    def do(self, order: None, pipe: Pipe) -> tuple[int, int]:
        """How often it was done, and how often others did not let it."""
        done = given_up = 0
        while not pipe.poll(self._interval):
            try:
                self._refresh(self._engine)
                done += 1
            except Refused:  # the database was locked for too long
                given_up += 1
        return done, given_up

    @override
    def close(self) -> None:
        self._engine.dispose()


class ReadersOfWhatIsKept(ReadersAndWriters):
    """Readers of a way and writers; beside them, where `refresh` is given, somebody who brings the way up to date."""

    def __init__(
        self,
        url: URL,
        way: str,
        refresh: str | None,
        stream: Sequence[StatsQuery],
        readers: int,
        units: int,
        seconds: float,
        writing: Writing,
    ) -> None:
        super().__init__(url, WAYS[way].aggregator, stream, readers, units, seconds, writing)
        self._make_refresher = partial(Refreshing, url, way, refresh, seconds / 10) if refresh else None
        self._refresher: list[Peer] = []

    @override
    def warm_up(self, round_number: int, part: int) -> None:
        if self._make_refresher and not self._refresher:
            self._refresher = peers(1, self._make_refresher)
            heard(self._refresher)
        super().warm_up(round_number, part)

    @override
    def run(self) -> None:
        for one in self._refresher if self._part == TIMED else ():
            one.order(None)
        super().run()

    @override
    def digests(self) -> Sequence[str]:
        if self._part == TIMED:
            for one in self._refresher:
                one.stop()
            heard(self._refresher)
        return super().digests()

    @override
    def close(self) -> None:
        given_back(self._refresher)
        self._refresher = []
        super().close()
