"""The worker's side of how old answers are: notes are committed, and somebody asks over and over until they show."""

import threading
from collections.abc import Callable, Mapping, Sequence
from random import Random
from time import perf_counter_ns, sleep
from typing import Any

from sqlalchemy import URL, func, insert, select
from typing_extensions import override

from carenotes.errors import Failed
from carenotes.lab.configurations.client import engine_of, in_transaction
from carenotes.lab.configurations.writers import persistent
from carenotes.lab.runner.workers import TIMED, Configuration
from carenotes.models import CareNote
from carenotes.queries import StatsQuery
from carenotes.studies.upkeep.keeping import take_back
from carenotes.studies.upkeep.ways import WAYS
from carenotes.studies.upkeep.writes import as_the_oracle, writing

AGE = "age"  # a kind of nanoseconds: from the commit of a note to the first answer that shows it
_PATIENCE = 60.0  # seconds until whatever does not show is given up
_BETWEEN = 0.0005  # seconds between two questions


class Freshness(Configuration):
    """So many notes committed at moments drawn from an interval, while a reader asks about their day.

    Where a way needs it, it is brought up to date an interval after the last time. Writer, reader and that have
    connections and threads of their own. The work is one note. Afterwards the notes are deleted.
    """

    def __init__(self, url: str | URL, way: str, refresh: str | None, interval: float, notes: int) -> None:
        self._engine, self._reader = writing(url), engine_of(url).connect()
        self._way, self._aggregator = WAYS[way], WAYS[way].aggregator
        self._refresh = WAYS[way].refreshes[refresh] if refresh else None
        self._interval, self._notes = interval, notes
        self._moments: Sequence[float] = ()
        self._committed: list[int] = []
        self._ages: list[int] = []
        with self._engine.connect() as connection:
            self._last: int = connection.execute(select(func.max(CareNote.id))).scalar_one()
            of_last = select(CareNote.__table__).where(CareNote.id == self._last)
            self._like: dict[str, Any] = dict(connection.execute(of_last).mappings().one())
        self._query = StatsQuery.on(self._like["tenant_id"], self._like["created_at"].date())

    @override
    def warm_up(self, round_number: int, part: int) -> None:
        """In warm-ups one note, and where somebody must refresh before it shows, none."""
        writes = self._notes if part == TIMED else int(self._refresh is None)
        self._part, self.units = part, max(1, writes)
        drawn = Random(f"{round_number}/{part}")  # noqa: S311 - a repeatable draw
        self._span = self._interval if part == TIMED else self._interval / 10
        self._moments = sorted(drawn.random() * self._span for _ in range(writes))
        self._before, self._committed, self._ages = self._total(), [], []

    def _total(self) -> int:
        return in_transaction(self._aggregator, self._reader, self._query).total_notes  # type: ignore[no-any-return]

    @override
    def run(self) -> None:
        over = threading.Event()
        threads = [_Thread(self._write)]
        if self._refresh is not None and self._moments:
            threads.append(_Thread(lambda: self._refresh_until(over)))
        try:
            self._ask(threads)
        finally:
            over.set()
            for one in threads:
                one.join()
        for one in threads:
            one.told()

    def _write(self) -> None:
        began = perf_counter_ns()
        with self._engine.connect() as connection:
            for number, moment in enumerate(self._moments, 1):
                sleep(max(0.0, moment - (perf_counter_ns() - began) / 1e9))
                note = self._like | {"id": self._last + number}
                persistent(connection, lambda one, note=note: one.execute(insert(CareNote), note))  # type: ignore[misc]
                self._committed.append(perf_counter_ns())

    def _refresh_until(self, over: threading.Event) -> None:
        while not over.wait(self._span):
            assert self._refresh is not None
            self._refresh(self._engine)

    def _ask(self, threads: Sequence["_Thread"]) -> None:
        """Until every note has shown."""
        began = perf_counter_ns()
        while len(self._ages) < len(self._moments):
            shown, now = self._total() - self._before, perf_counter_ns()
            committed = self._committed[:shown]
            self._ages += [max(0, now - one) for one in committed[len(self._ages) :]]
            if any(one.error for one in threads):  # it is raised when all of them have ended
                return
            if now - began > _PATIENCE * 1e9:
                raise Failed("a note that was committed does not show")
            sleep(_BETWEEN)

    @override
    def digests(self) -> list[str]:
        """Whether answers are right with all that was written and, but in warm-ups, when it is gone again."""
        found = self._checked()
        if self._moments:
            take_back(self._engine, self._last)
        if self._part != TIMED:
            return [found, found]
        self._way.refresh_somehow(self._engine)
        return [found, self._checked()]

    def _checked(self) -> str:
        with self._engine.connect() as connection:
            return as_the_oracle(connection, self._aggregator, [self._query])

    @override
    def details(self) -> Mapping[str, Sequence[int]]:
        return {AGE: self._ages}

    @override
    def close(self) -> None:
        self._reader.close()


class _Thread(threading.Thread):
    """One that does something, and tells afterwards how it went wrong."""

    def __init__(self, do: Callable[[], None]) -> None:
        super().__init__()
        self._do = do
        self.error: Exception | None = None
        self.start()

    @override
    def run(self) -> None:
        try:
            self._do()
        except Exception as error:
            self.error = error

    def told(self) -> None:
        """Raise what went wrong."""
        if self.error is not None:
            raise self.error
