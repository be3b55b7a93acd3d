"""Conditions that answer questions, compared: gated by the oracle, then timed on one stream of distinct questions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from sqlalchemy import Connection, select

from carenotes.aggregators import Aggregator, naive
from carenotes.lab.datasets import Notes
from carenotes.lab.study import WARM_UPS, Measured, Study
from carenotes.lab.workload import question_stream
from carenotes.questions import CareStats, StatsQuery

SHORTEST_SAMPLE = 0.010  # seconds that a sample of the fastest condition must last
LONGEST_SAMPLE = 1.0  # seconds after which no longer sample is asked of the slowest condition
FEWEST_QUESTIONS = 4  # in one sample, however slow: one question alone is an anecdote
GATE_QUESTIONS = 8
MOST_QUESTIONS = 512  # in one sample

SELECT_1 = "SELECT 1"
Stream = Callable[[int], Sequence[StatsQuery]]  # the first `count` questions, always the same


@dataclass(frozen=True)
class Condition:
    """An aggregator on notes with the indexes of a plan."""

    name: str
    ask: Callable[[Connection, StatsQuery], Any]
    notes: Notes
    plan: str
    gated: bool = True  # a ceiling answers nothing that could be checked
    repeats: int = 1  # of each question; a ceiling takes too little time to be asked once
    truth: Notes | None = None  # whose oracle it is held against, if not its own notes'


def select_one(connection: Connection, _question: StatsQuery) -> int:
    """Ask for `SELECT 1` through the same stack: the floor under every answer from this database."""
    one: int = connection.execute(select(1)).scalar_one()
    return one


def floor(notes: Notes, plan: str) -> Condition:
    """`SELECT 1` as a condition beside others on the same notes."""
    return Condition(SELECT_1, select_one, notes, plan, gated=False, repeats=64)


def distinct_questions(notes: Notes, random_seed: int, days: int) -> Stream:
    """A stream of distinct questions over `days` days, drawn from the notes when it is first asked for."""
    return lambda count: question_stream(notes.population, random_seed, count, days)


def compare(
    study: Study,
    experiment: str,
    conditions: Sequence[Condition],
    stream: Stream,
    *,
    rounds: int,
    questions_a_sample: int | None = None,
    oracle: Aggregator = naive,
) -> Measured:
    """Time the conditions on one stream of questions, the same for all; what was measured before is only read.

    `questions_a_sample` is calibrated on a pilot and then frozen, unless it is given.
    """
    if not study.is_complete(experiment, rounds):
        comparison = _Comparison(study, experiment, conditions, stream, oracle)
        try:
            comparison.run(rounds, questions_a_sample)
        finally:
            comparison.close()
    return study.measured(experiment)


class _Comparison:
    def __init__(
        self,
        study: Study,
        experiment: str,
        conditions: Sequence[Condition],
        stream: Stream,
        oracle: Aggregator,
    ) -> None:
        self._study, self._experiment, self._stream = study, experiment, stream
        self._truths: dict[int, Truth] = {}  # one for each set of notes
        for one in conditions:
            notes = one.truth or one.notes
            if id(notes) not in self._truths:
                self._truths[id(notes)] = Truth(notes, oracle)
        self._askers = {one.name: _Asker(one, self._truths[id(one.truth or one.notes)]) for one in conditions}

    def run(self, rounds: int, units: int | None) -> None:
        # The first questions of the stream go to the gate and the pilot, so that no timed one was asked before.
        first = self._stream(GATE_QUESTIONS)
        passed = {name: asker for name, asker in self._askers.items() if self._gate(name, asker, first)}
        if not any(asker.condition.gated for asker in passed.values()):
            return
        name = f"{self._experiment}/questions a sample"
        units = self._study.finding(name, lambda: units or _calibrate(passed, first))
        timed = self._stream(GATE_QUESTIONS + (rounds + WARM_UPS) * units)[GATE_QUESTIONS:]
        self._study.finding(f"{self._experiment}/distinct questions", lambda: f"{len(set(timed))} of {len(timed)}")
        for asker in passed.values():
            asker.take(timed, units)
        self._study.blocks(self._experiment, passed, rounds)

    def close(self) -> None:
        for asker in self._askers.values():
            asker.close()
        for truth in self._truths.values():
            truth.close()

    def _gate(self, name: str, asker: "_Asker", questions: Sequence[StatsQuery]) -> bool:
        if not asker.condition.gated:
            return True
        wrong, error = asker.wrong_answers(questions)
        if name not in self._study.gated(self._experiment, "before"):
            self._study.gate(self._experiment, name, "before", len(questions), wrong, error)
        return wrong == 0


class Truth:
    """The digests of the oracle's answers, each asked for once."""

    def __init__(self, notes: Notes, oracle: Aggregator = naive) -> None:
        self._connection = notes.engine(notes.best_plan).connect()
        self._oracle = oracle
        self._known: dict[StatsQuery, str] = {}

    def of(self, question: StatsQuery) -> str:
        """The digest of the right answer."""
        if question not in self._known:
            self._known[question] = self._oracle(self._connection, question).digest()
        return self._known[question]

    def wrong(self, questions: Sequence[StatsQuery], answers: Sequence[CareStats]) -> int:
        """How many of the answers are not the right ones."""
        return sum(answer.digest() != self.of(asked) for asked, answer in zip(questions, answers, strict=True))

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()


class _Asker:
    """A condition as a contender: each round it answers the next part of the stream over its own connection."""

    def __init__(self, condition: Condition, truth: Truth) -> None:
        self.condition = condition
        self.units = self._count = 1
        self.compared: int | None = None
        self.waited_ns: Sequence[int] = ()
        self._truth = truth
        self._connection = condition.notes.engine(condition.plan).connect()
        self._stream: Sequence[StatsQuery] = ()
        self._questions: Sequence[StatsQuery] = ()
        self._answers: list[Any] = []

    def take(self, stream: Sequence[StatsQuery], units: int) -> None:
        self._stream, self._count = stream, units
        self.units = units * self.condition.repeats

    def prepare(self, round_number: int) -> None:
        start = (round_number + WARM_UPS) * self._count
        self._questions = list(self._stream[start : start + self._count]) * self.condition.repeats

    def run(self) -> None:
        ask, connection = self.condition.ask, self._connection
        self._answers = [ask(connection, question) for question in self._questions]

    def check(self) -> int | None:
        if not self.condition.gated:
            return None
        return self._truth.wrong(self._questions, self._answers)

    def wrong_answers(self, questions: Sequence[StatsQuery]) -> tuple[int, str | None]:
        """How many answers differ from the oracle's; one that cannot be given is wrong, and why is told."""
        self._questions = questions
        try:
            self.run()
        except Exception as error:  # whatever a contender does wrong must not end the run of the others
            return len(questions), f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        return self.check() or 0, None

    def seconds(self, questions: Sequence[StatsQuery]) -> float:
        self._questions = questions
        began = perf_counter()
        self.run()
        return (perf_counter() - began) / len(questions)

    def close(self) -> None:
        self._connection.close()


def _calibrate(askers: dict[str, _Asker], pilot: Sequence[StatsQuery]) -> int:
    """Questions a sample: enough for the fastest that answers, not too many for the slowest."""
    answering = [asker.seconds(pilot) for asker in askers.values() if asker.condition.gated]
    wanted = SHORTEST_SAMPLE / min(answering)
    bearable = LONGEST_SAMPLE / max(answering)
    return max(FEWEST_QUESTIONS, min(round(wanted + 0.5), round(bearable), MOST_QUESTIONS))
