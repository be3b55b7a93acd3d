"""The worker's side of a comparison of ways to answer: questions in, digests and times out."""

import gc
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, select

from carenotes.aggregators.notes_of import shape_of
from carenotes.databases import open_pool
from carenotes.lab.workers import PARTS, PILOT, TIMED, Contender
from carenotes.questions import StatsQuery
from carenotes.statements import Statement, statements_only

GATE_QUESTIONS = 8
_MOST_CONDITIONS = 256  # of a worker, with a connection each
FEWEST_WARM_UP = 1  # question in each of two warm-ups; each shape of a statement was asked before them

Ask = Callable[[Connection, StatsQuery], Any]


def parts_of(stream: Sequence[StatsQuery], round_number: int, part: int, units: int) -> Sequence[StatsQuery]:
    """The questions of a part of a round, asked of nobody before: warm-ups are short.

    The first ones of the stream are the pilot's.
    """
    if round_number == PILOT:
        return stream[: GATE_QUESTIONS if part == TIMED else FEWEST_WARM_UP]
    short = warm_up(units)
    start = GATE_QUESTIONS + round_number * a_round(units)
    before = {PARTS[0]: 0, PARTS[1]: short, TIMED: 2 * short}[part]
    return stream[start + before : start + before + (units if part == TIMED else short)]


def warm_up(units: int) -> int:
    """Questions in one warm-up."""
    return min(units, max(FEWEST_WARM_UP, units // 16))


def a_round(units: int) -> int:
    """Questions that a round takes from the stream."""
    return 2 * warm_up(units) + units


def of_each_shape(stream: Sequence[StatsQuery]) -> list[StatsQuery]:
    """One question of each shape that a stream has, about the tenant and the days of its first one.

    Asked before the clock starts, over each connection, they leave no statement to be compiled while it runs.
    """
    first, shapes = stream[0], {shape_of(one): one.facility_ids for one in stream}
    return [StatsQuery(first.tenant_id, first.first_day, first.last_day, some) for some in shapes.values()]


def in_transaction(ask: Ask, connection: Connection, question: StatsQuery) -> Any:
    """The answer, in a transaction of its own on a connection that is held: begun, asked in, ended.

    So it is for everybody whose answers are timed, and nobody who writes waits longer than a question takes.
    """
    with connection.begin():
        return ask(connection, question)


@cache
def engine_of(url: str) -> Engine:
    """The engine of a worker for a database, which is looked at once; each condition has a connection of its own."""
    return open_pool(url, _MOST_CONDITIONS)


def select_one(connection: Connection, _question: StatsQuery) -> int:
    """Ask for `SELECT 1` through the same stack: the floor under every answer from this database."""
    one: int = connection.execute(_ONE).scalar_one()
    return one


_ONE = select(1)


class Asker(Contender):
    """A way to ask, over a connection of its own to the database at `url`, each question `repeats` times."""

    def __init__(
        self, ask: Ask, url: str, stream: Sequence[StatsQuery], units: int, *, repeats: int = 1, checked: bool = True
    ) -> None:
        self._ask, self._stream, self._count, self._repeats, self._checked = ask, stream, units, repeats, checked
        self._connection = engine_of(url).connect()
        self._questions: Sequence[StatsQuery] = ()
        self._answers: list[Any] = []
        self._is_open = False

    def prepare(self, round_number: int, part: int) -> None:
        """See `Contender`: before the first part, a question of each shape has been asked."""
        if not self._is_open:
            self._is_open = True
            self.take(of_each_shape(self._stream))
            self.run()
        self.take(list(parts_of(self._stream, round_number, part, self._count)) * self._repeats)

    def take(self, questions: Sequence[StatsQuery]) -> None:
        """Get ready to be asked these."""
        self._questions, self.units = questions, len(questions)

    def run(self) -> None:
        """See `Contender`."""
        ask, connection = self._ask, self._connection
        self._answers = [in_transaction(ask, connection, question) for question in self._questions]

    def digests(self) -> Sequence[str] | None:
        """See `Contender`; a ceiling answers nothing that could be checked."""
        return [answer.digest() for answer in self._answers] if self._checked else None

    def close(self) -> None:
        """See `Contender`."""
        self._connection.close()


class StatementAsker(Asker):
    """The statements of a way to ask, through the driver alone: rows are fetched, and nothing is made of them.

    They are begun and ended as an answer is.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **{**named, "checked": False})
        self._statements: list[list[Statement]] = []

    def take(self, questions: Sequence[StatsQuery]) -> None:
        """See `Asker`."""
        super().take(questions)
        self._statements = [self._of(asked) for asked in questions]
        self._connection.rollback()

    def _of(self, question: StatsQuery) -> list[Statement]:
        return statements_only(self._connection, lambda connection: self._ask(connection, question))

    def run(self) -> None:
        """See `Contender`."""
        driver: Any = self._connection.connection.driver_connection
        for statements in self._statements:
            driver.execute("BEGIN")
            for sql, values in statements:
                driver.execute(sql, values).fetchall()
            driver.execute("COMMIT")


class FreshAsker(Asker):
    """A way to ask without a connection that is kept: one is opened and closed for each question."""

    def run(self) -> None:
        """See `Contender`."""
        self._answers = [self._on_a_new_one(question) for question in self._questions]

    def _on_a_new_one(self, question: StatsQuery) -> Any:
        with self._connection.engine.connect() as fresh:
            fresh.detach()  # from the pool, so that closing it closes it
            return in_transaction(self._ask, fresh, question)


class FrozenAsker(Asker):
    """A way to ask in a process whose heap is frozen: what was there before is left out of garbage collections.

    Not as a user's process is: it shows what that would flatter.
    """

    def take(self, questions: Sequence[StatsQuery]) -> None:
        """See `Asker`."""
        super().take(questions)
        gc.collect()
        gc.freeze()

    def run(self) -> None:
        """See `Asker`; whoever comes next has the whole heap again."""
        try:
            super().run()
        finally:
            gc.unfreeze()
