"""Conditions that answer queries, compared: checked by the oracle, then timed on one stream of distinct queries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from carenotes.lab.configurations.client import PILOT_QUERIES, Ask, Client, DriverClient, a_round, parts_of, select_one
from carenotes.lab.notes.datasets import Notes
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.notes.workload import query_stream
from carenotes.lab.runner.study import Measured, Plan, Race, Study
from carenotes.lab.runner.workers import Maker
from carenotes.queries import StatsQuery

SHORTEST_SAMPLE = 0.010  # seconds that a sample of the fastest condition must last
_AIM = 1.6  # times as long: the few first queries of a pilot take longer than those that are timed
LONGEST_SAMPLE = 1.0  # seconds after which no longer sample is asked of the slowest condition
FEWEST_QUERIES = 4  # in one sample, however slow: one query alone is an anecdote
MOST_QUERIES = 512  # in one sample

SELECT_1 = "SELECT 1"
ALONE = ": its statement, driver alone"
Stream = Callable[[int], Sequence[StatsQuery]]  # the first `count` queries, always the same


@dataclass(frozen=True)
class Condition:
    """An aggregator on notes with the indexes of a plan. `ask` is importable by name: it is called in a worker."""

    name: str
    ask: Ask
    notes: Notes
    plan: str
    checked: bool = True  # a ceiling answers nothing that could be checked
    repeats: int = 1  # of each query; a ceiling takes too little time to be asked once
    truth: Notes | None = None  # whose oracle it is compared with, if not its own notes'
    client: type[Client] = Client  # who asks in the worker

    @property
    def is_alone(self) -> bool:
        """Whether only what `ask` sends is timed, through the driver: a ceiling of its own."""
        return self.client is DriverClient


def floor(notes: Notes, plan: str) -> Condition:
    """`SELECT 1` as a condition beside others on the same notes."""
    return Condition(SELECT_1, select_one, notes, plan, checked=False, repeats=32)


def alone(one: Condition) -> Condition:
    """What a condition sends, through the driver alone: the ceiling that is nearest to it."""
    return replace(one, name=f"{one.name}{ALONE}", checked=False, client=DriverClient)


def distinct_queries(notes: Notes, random_seed: int, days: int) -> Stream:
    """A stream of distinct queries over `days` days, drawn from the notes when it is first asked for."""
    return lambda count: query_stream(notes.population, random_seed, count, days)


@dataclass(frozen=True)
class Comparison:
    """Conditions to be timed on one stream of queries, the same for all.

    `queries_a_sample` is calibrated on a pilot and then frozen, unless it is given: so many that the fastest
    condition takes `shortest` seconds. The A/A noise is taken from the `baseline`, or from the slowest condition.
    `further` is that of `Race`.
    """

    conditions: Sequence[Condition]
    stream: Stream
    queries_a_sample: int | None = None
    baseline: str | None = None
    shortest: float = SHORTEST_SAMPLE
    further: int = 0


def compare(
    study: Study,
    experiment: str,
    conditions: Sequence[Condition],
    stream: Stream,
    *,
    rounds: int,
    queries_a_sample: int | None = None,
    baseline: str | None = None,
) -> Measured:
    """One `Comparison`; what was measured before is only read."""
    one = Comparison(conditions, stream, queries_a_sample, baseline)
    return compare_together(study, {experiment: one}, rounds)[experiment]


def compare_together(study: Study, comparisons: Mapping[str, Comparison], rounds: int) -> dict[str, Measured]:
    """Several comparisons in the same rounds; of which each may have a number of its own (see `Study.races`)."""
    plans = {name: planned(study, name, one, rounds) for name, one in comparisons.items()}
    return study.races(plans, rounds)


def planned(study: Study, experiment: str, one: Comparison, rounds: int) -> Plan:
    """A comparison as one of the experiments that `Study.races` runs together."""
    return lambda: _Planned(study, experiment, one).race(study.rounds_of(experiment, rounds))


class _Planned:
    """A comparison with its oracles."""

    def __init__(self, study: Study, experiment: str, one: Comparison) -> None:
        self._study, self._experiment, self._one = study, experiment, one
        conditions = one.conditions
        self._conditions = {condition.name: condition for condition in conditions}
        truths: dict[int, Truth] = {}  # one for each set of notes
        self._truths: dict[str, Truth] = {}
        for condition in conditions:
            notes = condition.truth or condition.notes
            if id(notes) not in truths:
                truths[id(notes)] = Truth(notes)
            self._truths[condition.name] = truths[id(notes)]

    def race(self, rounds: int) -> Race | None:
        """The gate and the calibration; then what is left to be timed, None when nothing is."""
        # The first queries of the stream go to the gate and the pilot, so that no timed one was asked before.
        first = self._one.stream(PILOT_QUERIES)
        for truth in {id(one): one for one in self._truths.values()}.values():
            truth.hold_oracles_equal(first)
        pilot = self._study.pilot(self._experiment, self._race(first, PILOT_QUERIES))
        answering = {name: each for name, each in pilot.items() if self._conditions[name].checked}
        if not answering:
            return None
        name = f"{self._experiment}/queries a sample"
        given, shortest = self._one.queries_a_sample, self._one.shortest
        units = self._study.fact(name, lambda: given or _calibrated(answering, shortest))
        whole = self._one.stream(PILOT_QUERIES + rounds * a_round(units))
        timed = whole[PILOT_QUERIES:]
        self._study.fact(f"{self._experiment}/distinct queries", lambda: f"{len(set(timed))} of {len(timed)}")
        return self._race(whole, units)

    def _race(self, stream: Sequence[StatsQuery], units: int) -> Race:
        def right(name: str, round_number: int, part: int) -> Sequence[str]:
            once = [self._truths[name].of(asked) for asked in parts_of(stream, round_number, part, units)]
            return once * self._conditions[name].repeats

        def again(name: str, round_number: int, part: int, place: int) -> bool:
            asked = parts_of(stream, round_number, part, units)
            return self._truths[name].right_in_a_snapshot(self._conditions[name].ask, asked[place % len(asked)])

        about = {one.name: _about(one) for one in self._conditions.values()}
        one = self._one
        written = any(each.notes.are_written for each in self._conditions.values())
        makers = self._makers(stream, units)
        return Race(makers, right, about, one.baseline, one.further, again if written else None)

    def _makers(self, stream: Sequence[StatsQuery], units: int) -> Mapping[str, Maker]:
        return {name: _maker(one, stream, units) for name, one in self._conditions.items()}


def _maker(one: Condition, stream: Sequence[StatsQuery], units: int) -> Maker:
    url = one.notes.url(one.plan)
    return partial(one.client, one.ask, url, stream, units, repeats=one.repeats, checked=one.checked)


def _about(one: Condition) -> dict[str, str]:
    """What a condition is, for whoever reads the results."""
    ask = one.ask.func if isinstance(one.ask, partial) else one.ask  # whose representation holds an address
    about = {"ask": getattr(ask, "__name__", repr(ask)), "engine": one.notes.backend, "plan": one.plan}
    return about | ({} if one.client is Client else {"client": one.client.__name__})


def _calibrated(pilot: Mapping[str, float], shortest: float) -> int:
    """Queries a sample: enough for the fastest that answers, not too many for the slowest."""
    wanted = _AIM * shortest / min(pilot.values())
    bearable = LONGEST_SAMPLE / max(pilot.values())
    return max(FEWEST_QUERIES, min(round(wanted + 0.5), round(bearable), MOST_QUERIES))
