"""The worker's side of a comparison of ways to answer: questions in, digests and times out."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, select

from carenotes.databases import open_pool
from carenotes.lab.workers import PARTS, PILOT, TIMED, Contender
from carenotes.questions import StatsQuery
from carenotes.statements import Statement, statements_only

GATE_QUESTIONS = 8
_MOST_CONDITIONS = 256  # of a worker, with a connection each
_STATEMENTS = 2  # one question about all facilities and one about some: whose statements differ
FEWEST_WARM_UP = 1  # question in each of two warm-ups, which take every other statement between them

Ask = Callable[[Connection, StatsQuery], Any]


def parts_of(stream: Sequence[StatsQuery], round_number: int, part: int, units: int) -> Sequence[StatsQuery]:
    """The questions of a part of a round, asked of nobody before: warm-ups are short.

    The first ones of the stream are the pilot's.
    """
    if round_number == PILOT:
        return stream[: GATE_QUESTIONS if part == TIMED else _STATEMENTS]
    short = warm_up(units)
    start = GATE_QUESTIONS + round_number * a_round(units)
    before = {PARTS[0]: 0, PARTS[1]: short, TIMED: 2 * short}[part]
    return stream[start + before : start + before + (units if part == TIMED else short)]


def warm_up(units: int) -> int:
    """Questions in one warm-up."""
    return min(units, max(FEWEST_WARM_UP, units // 8))


def a_round(units: int) -> int:
    """Questions that a round takes from the stream."""
    return 2 * warm_up(units) + units


@cache
def engine_of(url: str) -> Engine:
    """The engine of a worker for a database, which is looked at once; each condition has a connection of its own."""
    return open_pool(url, _MOST_CONDITIONS)


def select_one(connection: Connection, _question: StatsQuery) -> int:
    """Ask for `SELECT 1` through the same stack: the floor under every answer from this database."""
    one: int = connection.execute(select(1)).scalar_one()
    return one


class Asker(Contender):
    """A way to ask, over a connection of its own to the database at `url`, each question `repeats` times."""

    def __init__(
        self, ask: Ask, url: str, stream: Sequence[StatsQuery], units: int, *, repeats: int = 1, checked: bool = True
    ) -> None:
        self._ask, self._stream, self._count, self._repeats, self._checked = ask, stream, units, repeats, checked
        self._connection = engine_of(url).connect()
        self._questions: Sequence[StatsQuery] = ()
        self._answers: list[Any] = []

    def prepare(self, round_number: int, part: int) -> None:
        """See `Contender`."""
        self._questions = list(parts_of(self._stream, round_number, part, self._count)) * self._repeats
        self.units = len(self._questions)

    def run(self) -> None:
        """See `Contender`."""
        ask, connection = self._ask, self._connection
        self._answers = [ask(connection, question) for question in self._questions]

    def digests(self) -> Sequence[str] | None:
        """See `Contender`; a ceiling answers nothing that could be checked."""
        return [answer.digest() for answer in self._answers] if self._checked else None

    def close(self) -> None:
        """See `Contender`."""
        self._connection.close()


class StatementAsker(Asker):
    """The statements of a way to ask, through the driver alone: rows are fetched, and nothing is made of them."""

    def __init__(self, ask: Ask, url: str, stream: Sequence[StatsQuery], units: int, *, repeats: int = 1) -> None:
        super().__init__(ask, url, stream, units, repeats=repeats, checked=False)
        self._statements: list[Statement] = []

    def prepare(self, round_number: int, part: int) -> None:
        """See `Contender`."""
        super().prepare(round_number, part)
        self._statements = [one for asked in self._questions for one in self._of(asked)]

    def _of(self, question: StatsQuery) -> list[Statement]:
        return statements_only(self._connection, lambda connection: self._ask(connection, question))

    def run(self) -> None:
        """See `Contender`."""
        driver: Any = self._connection.connection.driver_connection
        for sql, values in self._statements:
            driver.execute(sql, values).fetchall()
