"""Ways to answer queries, compared: checked against the oracle, then timed on one stream of distinct queries."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from carenotes.aggregators import AGGREGATORS
from carenotes.lab.conditions import DRIVER_ALONE, SELECT_1, Condition, Value, condition
from carenotes.lab.configurations.client import (
    PILOT_QUERIES,
    Client,
    DriverClient,
    Execute,
    a_round,
    parts_of,
    select_one,
)
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.notes.stored import Notes
from carenotes.lab.notes.workload import query_stream
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Plan, Study
from carenotes.lab.runner.workers import Configuration
from carenotes.lab.statistics.estimates import FEWEST_ROUNDS
from carenotes.queries import StatsQuery

SHORTEST_SAMPLE = 0.010  # seconds that a sample of the fastest condition must last
_NOT_ESTIMATED = 5  # times shorter where there are too few rounds for an interval, and so nothing is estimated
_AIM = 1.6  # times as long: the few first queries of a pilot take longer than those that are timed
LONGEST_SAMPLE = 0.3  # seconds after which no longer sample is wanted of the slowest condition
FEWEST_QUERIES = 4  # in one sample, however slow: one query alone is an anecdote
MOST_QUERIES = 512  # in one sample
MOST_LEVELLED = 16  # the same where conditions repeat them
MOST_REPEATS = 64  # of each query in one sample

Stream = Callable[[int], Sequence[StatsQuery]]  # the first `count` queries, always the same


@dataclass(frozen=True)
class Entry:
    """A condition of a comparison, and how it is made: what executes queries on notes with a design.

    `execute` is importable by name: it is called in a worker.
    """

    condition: Condition
    execute: Execute
    notes: Notes
    design: str
    checked: bool = True  # a limit answers nothing that could be checked
    repeats: int = 1  # of each query; what takes too little time is not sent once
    oracle: Notes | None = None  # of which notes right answers are found, if not of these
    client: Callable[..., Configuration] = Client  # what sends the queries in the worker


def entry(
    notes: Notes,
    design: str,
    aggregator: str | None,
    execute: Execute | None = None,
    *,
    checked: bool = True,
    repeats: int = 1,
    oracle: Notes | None = None,
    client: type[Client] = Client,
    **particular: Value | None,
) -> Entry:
    """An entry with its record; what executes is the aggregator of that name unless it is given."""
    if execute is None:
        execute = AGGREGATORS[str(aggregator)]
    place: dict[str, Value] = {"engine": notes.backend, "design": design, "notes": notes.population.notes}
    of = condition(aggregator=aggregator, **place, **particular, client=client.named)
    return Entry(of, execute, notes, design, checked, repeats, oracle, client)


def floor(notes: Notes, design: str) -> Entry:
    """`SELECT 1` beside others on the same notes."""
    return entry(notes, design, None, select_one, checked=False, repeats=32, statement=SELECT_1)


def alone(one: Entry) -> Entry:
    """What an entry sends, through the driver alone: the limit that is nearest to it."""
    of = replace(one.condition, particular=(*one.condition.particular, ("client", DRIVER_ALONE)))
    return replace(one, condition=of, checked=False, client=DriverClient)


def distinct_queries(notes: Notes, random_seed: int, days: int) -> Stream:
    """A stream of distinct queries over `days` days, drawn from the notes when it is first wanted."""
    return lambda count: query_stream(notes.population, random_seed, count, days)


@dataclass(frozen=True)
class Comparison:
    """Entries to be timed on one stream of queries, the same for all.

    `queries_per_sample` is calibrated on a pilot and then frozen, unless it is given: so many that the fastest
    condition takes `shortest` seconds, or less where nothing is estimated. The A/A noise is taken from the
    `baseline`, or from the slowest condition. `further` is that of `Experiment`. Conditions that are too far apart for
    one number of queries are `levelled`: the slowest takes `longest` seconds at most, and each sends every query as
    often as makes a sample of it, once more than that before the clock starts: none is new to any of them.
    """

    entries: Sequence[Entry]
    stream: Stream
    queries_per_sample: int | None = None
    baseline: Condition | None = None
    shortest: float = SHORTEST_SAMPLE
    further: int = 0
    longest: float = LONGEST_SAMPLE
    levelled: bool = False


def compare(study: Study, experiment: str, make: Callable[[], Comparison], rounds: int) -> Measured:
    """One comparison; what was measured before is only read."""
    return compare_together(study, {experiment: make}, rounds)[experiment]


def compare_together(
    study: Study, comparisons: Mapping[str, Callable[[], Comparison]], rounds: int
) -> dict[str, Measured]:
    """Several comparisons in the same rounds, of which each may have a number of its own (see `Study.run`)."""
    return study.run(plans(study, comparisons, rounds), rounds)


def plans(study: Study, comparisons: Mapping[str, Callable[[], Comparison]], rounds: int) -> dict[str, Plan]:
    """Comparisons as experiments that `Study.run` runs together; each is made when it is to be measured."""
    return {
        name: partial(_experiment, study, name, make, study.rounds_of(name, rounds))
        for name, make in comparisons.items()
    }


def _experiment(study: Study, name: str, make: Callable[[], Comparison], rounds: int) -> Experiment | None:
    """The check and the calibration of a comparison; then what is left to be timed, None when nothing is."""
    one = make()
    by_condition = {each.condition: each for each in one.entries}
    truths = _truths(one.entries)
    # The first queries of the stream go to the check and the pilot, so that no timed one was sent before.
    first = one.stream(PILOT_QUERIES)
    for truth in dict.fromkeys(truths.values()):
        truth.hold_oracles_equal(first)
    pilot = study.pilot(name, _timed(one, by_condition, truths, first, PILOT_QUERIES))
    known = study.conditions(name)
    answering = {label: seconds for label, seconds in pilot.items() if by_condition[known[label]].checked}
    if not answering:
        return None
    shortest = one.shortest / (1 if rounds >= FEWEST_ROUNDS else _NOT_ESTIMATED)
    units = study.fact(f"{name}/queries per sample", lambda: one.queries_per_sample or _units(answering, one, shortest))
    if one.levelled:
        repeats = study.fact(f"{name}/repeats", lambda: _levelled(pilot, shortest, units))
        by_condition |= {
            of: replace(by_condition[of], repeats=repeats[label]) for label, of in known.items() if label in repeats
        }
    stream = one.stream(PILOT_QUERIES + rounds * a_round(units))
    timed = stream[PILOT_QUERIES:]
    study.fact(f"{name}/distinct queries", lambda: f"{len(set(timed))} of {len(timed)}")
    return _timed(one, by_condition, truths, stream, units)


def _truths(entries: Iterable[Entry]) -> dict[Condition, Truth]:
    """What is right for each entry: one for all entries that have their right answers from the same notes."""
    by_place: dict[Any, Truth] = {}
    truths: dict[Condition, Truth] = {}
    for each in entries:
        notes = each.oracle or each.notes
        truths[each.condition] = by_place.setdefault(notes.url(notes.best_design), Truth(notes))
    return truths


def _timed(
    one: Comparison,
    entries: Mapping[Condition, Entry],
    truths: Mapping[Condition, Truth],
    stream: Sequence[StatsQuery],
    units: int,
) -> Experiment:
    """The experiment of a comparison on a stream, `units` queries a sample."""

    def right(of: Condition, round_number: int, part: int) -> Sequence[str]:
        once = [truths[of].of(query) for query in parts_of(stream, round_number, part, units)]
        return once * entries[of].repeats

    def recheck(of: Condition, round_number: int, part: int, place: int) -> bool:
        queries = parts_of(stream, round_number, part, units)
        return truths[of].right_in_a_snapshot(entries[of].execute, queries[place % len(queries)])

    makers = {
        of: partial(
            each.client,
            each.execute,
            each.notes.url(each.design),
            stream,
            units,
            repeats=each.repeats,
            checked=each.checked,
            primed=one.levelled,
        )
        for of, each in entries.items()
    }
    written = any(each.notes.are_written for each in entries.values())
    return Experiment(makers, right, one.baseline, one.further, recheck if written else None)


def _calibrated(pilot: Mapping[str, float], shortest: float, longest: float = LONGEST_SAMPLE) -> int:
    """Queries a sample: enough for the fastest that answers, not too many for the slowest."""
    wanted = min(_AIM * shortest / min(pilot.values()), MOST_QUERIES)
    bearable = longest / max(pilot.values())
    return max(FEWEST_QUERIES, min(round(wanted + 0.5), round(bearable), MOST_QUERIES))


def _units(pilot: Mapping[str, float], one: Comparison, shortest: float) -> int:
    """Queries a sample; where each condition sends them so often as it needs, no more than give a mix of them."""
    found = _calibrated(pilot, shortest, one.longest)
    return min(found, MOST_LEVELLED) if one.levelled else found


def _levelled(pilot: Mapping[str, float], shortest: float, units: int) -> dict[str, int]:
    """How often each condition, by its label, sends every query of a sample, so that its sample is none too short."""
    return {
        label: max(1, min(math.ceil(_AIM * shortest / (units * seconds)), MOST_REPEATS))
        for label, seconds in pilot.items()
    }
