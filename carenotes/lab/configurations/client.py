"""The worker's side of a comparison of ways to answer: queries in, digests and times out."""

import gc
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import URL, Connection, Engine, select
from typing_extensions import override

from carenotes.aggregators.notes_of import shape_of
from carenotes.backends import backend_of, parsed
from carenotes.compiled import rows_of
from carenotes.lab.conditions import DRIVER_ALONE
from carenotes.lab.configurations.placement import let_go, put_apart
from carenotes.lab.runner.workers import PARTS, PILOT, TIMED, Configuration
from carenotes.queries import CareStats, StatsQuery
from carenotes.statements import Statement, statements_only

PILOT_QUERIES = 4  # one about each number of facilities
_MOST_CONDITIONS = 256  # of a worker, with a connection each
FEWEST_WARM_UP = 1  # query in each of two warm-ups; each shape of a statement was sent before them

Execute = Callable[[Connection, StatsQuery], Any]


def parts_of(stream: Sequence[StatsQuery], round_number: int, part: int, units: int) -> Sequence[StatsQuery]:
    """The queries of a part of a round, which nobody has sent before: warm-ups are short.

    The first ones of the stream are the pilot's.
    """
    if round_number == PILOT:
        return stream[: PILOT_QUERIES if part == TIMED else FEWEST_WARM_UP]
    short = warm_up(units)
    start = PILOT_QUERIES + round_number * a_round(units)
    before = {PARTS[0]: 0, PARTS[1]: short, TIMED: 2 * short}[part]
    return stream[start + before : start + before + (units if part == TIMED else short)]


def warm_up(units: int) -> int:
    """Queries in one warm-up."""
    return min(units, max(FEWEST_WARM_UP, units // 16))


def a_round(units: int) -> int:
    """Queries that a round takes from the stream."""
    return 2 * warm_up(units) + units


def of_each_shape(stream: Sequence[StatsQuery]) -> list[StatsQuery]:
    """One query of each shape that a stream has, about the tenant that it asks about least: of few notes.

    Sent before the clock starts, over each connection, they leave no statement to be compiled while it runs; and to
    answer them takes less than what is timed.
    """
    asked = Counter(one.tenant_id for one in stream)
    few = min(stream, key=lambda one: asked[one.tenant_id])
    shapes = {shape_of(one): one.facility_ids for one in stream}
    return [StatsQuery(few.tenant_id, few.first_day, few.last_day, some) for some in shapes.values()]


def in_transaction(execute: Execute, connection: Connection, query: StatsQuery) -> Any:
    """The answer, in a transaction of its own on a connection that is held: begun, used, ended.

    So it is for everybody whose answers are timed, and nobody who writes waits longer than a query takes.
    """
    with connection.begin():
        return execute(connection, query)


def digests_of(answers: Sequence[CareStats], repeats: int) -> list[str]:
    """The digest of each answer to queries that were sent so often, all of them in turn.

    A digest takes longer than an answer by the pyramid: one that equals the first answer to its query has its digest.
    """
    count = len(answers) // repeats
    first = [one.digest() for one in answers[:count]]
    return [
        first[place % count] if one == answers[place % count] else one.digest() for place, one in enumerate(answers)
    ]


@cache
def engine_of(url: str | URL) -> Engine:
    """The engine of a worker for a database; each condition has a connection of its own.

    Whether the database is there and ours is known: to look again, in each round, takes a server longer than the work.
    """
    return pool_of(url, _MOST_CONDITIONS)


def pool_of(url: str | URL, size: int) -> Engine:
    """A pool for a database that was looked at, by whoever made the job, when it was made."""
    return backend_of(url).pool(parsed(url), size)


def select_one(connection: Connection, _query: StatsQuery) -> int:
    """Execute `SELECT 1` through the same stack: the floor under every answer from this database."""
    [(one,)] = rows_of(connection, _ONE, {})
    return int(one)


_ONE = select(1)


class Client(Configuration):
    """A client with a connection of its own to the database at `url`: it executes each query `repeats` times.

    Where others repeat them more often or less, it is `primed`: it has sent them all once before the clock starts.
    """

    named: str | None = None  # in the record of a condition; the usual client has no name

    def __init__(
        self,
        execute: Execute,
        url: str | URL,
        stream: Sequence[StatsQuery],
        units: int,
        *,
        repeats: int = 1,
        checked: bool = True,
        primed: bool = False,
    ) -> None:
        self._execute, self._stream, self._count = execute, stream, units
        self._repeats, self._checked, self._primed = repeats, checked, primed
        self._connection = engine_of(url).connect()
        self._queries: Sequence[StatsQuery] = ()
        self._answers: list[Any] = []
        self._is_open = False

    @override
    def rest(self) -> None:
        let_go()

    @override
    def warm_up(self, round_number: int, part: int) -> None:
        """Before the first part, a query of each shape has been sent."""
        put_apart(self._connection)
        if not self._is_open:
            self._is_open = True
            self.take(of_each_shape(self._stream))
            self.run()
        queries = list(parts_of(self._stream, round_number, part, self._count))
        if self._primed and part == TIMED:
            self.take(queries)
            self.run()
        self.take(queries * self._repeats)

    def take(self, queries: Sequence[StatsQuery]) -> None:
        """Get ready to send these."""
        self._queries, self.units = queries, len(queries)

    @override
    def run(self) -> None:
        execute, connection = self._execute, self._connection
        self._answers = [in_transaction(execute, connection, query) for query in self._queries]

    @override
    def digests(self) -> Sequence[str] | None:
        """A ceiling answers nothing that could be checked."""
        return digests_of(self._answers, self._repeats) if self._checked else None

    @override
    def close(self) -> None:
        self._connection.close()


class DriverClient(Client):
    """The statements of an aggregator, through the driver alone: rows are fetched, and nothing is made of them.

    They are begun and ended as an answer is.
    """

    named = DRIVER_ALONE

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **{**named, "checked": False})
        self._statements: list[list[Statement]] = []

    @override
    def take(self, queries: Sequence[StatsQuery]) -> None:
        super().take(queries)
        self._statements = [self._of(query) for query in queries]
        self._connection.rollback()

    def _of(self, query: StatsQuery) -> list[Statement]:
        return statements_only(self._connection, lambda connection: self._execute(connection, query))

    @override
    def run(self) -> None:
        driver = backend_of(self._connection).driver(self._connection)
        for statements in self._statements:
            driver.execute("BEGIN")
            for sql, values in statements:
                driver.execute(sql, values).fetchall()
            driver.execute("COMMIT")


class ReconnectingClient(Client):
    """A client without connection reuse: one is opened and closed for each query."""

    named = "a new connection each"

    @override
    def run(self) -> None:
        self._answers = [self._on_a_new_one(query) for query in self._queries]

    def _on_a_new_one(self, query: StatsQuery) -> Any:
        with self._connection.engine.connect() as fresh:
            fresh.detach()  # from the pool, so that closing it closes it
            return in_transaction(self._execute, fresh, query)


class FrozenHeapClient(Client):
    """A client in a process whose heap is frozen: what was there before is left out of garbage collections.

    Not as a user's process is: it shows what that would flatter.
    """

    named = "frozen heap"

    @override
    def take(self, queries: Sequence[StatsQuery]) -> None:
        super().take(queries)
        gc.collect()
        gc.freeze()

    @override
    def run(self) -> None:
        """Whoever comes next has the whole heap again."""
        try:
            super().run()
        finally:
            gc.unfreeze()
