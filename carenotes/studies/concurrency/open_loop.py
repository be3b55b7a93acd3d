"""Notebook 05, too: an open loop, at shares of what the server can bear, and beyond it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from carenotes.aggregators import pushdown
from carenotes.errors import Refused
from carenotes.lab.comparison import distinct_queries
from carenotes.lab.conditions import Condition, Value, condition
from carenotes.lab.configurations.client import PILOT_QUERIES
from carenotes.lab.configurations.services import InTheLoop
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.notes.stored import Notes
from carenotes.lab.open_loop.queueing import enough, mean_wait
from carenotes.lab.open_loop.server import SERVICE_TIME, OfferedLoad, OpenLoop
from carenotes.lab.open_loop.tails import seconds_of
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Study
from carenotes.lab.statistics.estimates import Estimate, median
from carenotes.queries import StatsQuery

EXPERIMENT, CAPACITY = "open loop", "capacity"
CLOSED = "as fast as it can"  # `load` of the closed loop that capacity is measured by, and that runs beside the others
MOST, BEYOND = 90, 120  # per cent of the capacity: the heaviest load with a steady state, and the one without
_DISTINCT = 512  # queries that each run draws from; the oracle has to answer them all
_STEADY = 500  # requests, at least, that the capacity is measured by
_LONGEST = 60.0  # seconds that one run may last: at `MOST`, 750 requests a second are capacity enough for that


def title(percent: int) -> str:
    """An offered load, in per cent of the capacity, in words."""
    return f"saturated ({percent} %)" if percent > 100 else f"{percent} %"


def offered(utilisation_percent: Sequence[int]) -> tuple[int, ...]:
    """The loads that are offered: those given, and one beyond the capacity. Raises Refused for one over `MOST`."""
    wrong = [percent for percent in utilisation_percent if not 0 < percent <= MOST]
    if wrong:
        allowed = f"1 to {MOST} per cent of the capacity, {BEYOND} is added"
        raise Refused(f"utilisation_percent: {wrong[0]} is none; allowed: {allowed}")
    return (*sorted(set(utilisation_percent)), BEYOND)


def open_loop(study: Study, notes: Notes, utilisation_percent: Sequence[int], arrivals: int, rounds: int) -> Measured:
    """The latency of requests that arrive at random, by offered load; each run keeps `arrivals`, or more if it must.

    `pushdown` on the best index, by a sync driver in the loop of a server of one connection. A load whose run would
    last too long is left out, and reported by `left_out`. When the capacity cannot be measured, that is what is
    returned.
    """
    if study.is_complete(EXPERIMENT, rounds):
        return study.measured(EXPERIMENT)
    server = _Server(notes, study.random_seed)
    closed = OfferedLoad(None, max(5 * arrivals, _STEADY), f"{study.random_seed}")
    capacity = study.run({CAPACITY: lambda: server.under({server.condition(load=CLOSED): closed})}, rounds)[CAPACITY]
    if capacity.samples.empty:
        return capacity
    every = offered(utilisation_percent)
    plan = partial(_loads, study, server, closed, every, arrivals, capacity)
    return study.run({EXPERIMENT: plan}, rounds)[EXPERIMENT]


@dataclass(frozen=True)
class _Server:
    """What is under load; nothing of it is made before it is measured."""

    notes: Notes
    random_seed: int

    @cached_property
    def stream(self) -> Sequence[StatsQuery]:
        return distinct_queries(self.notes, self.random_seed, 1)(_DISTINCT)

    @cached_property
    def truth(self) -> Truth:
        truth = Truth(self.notes)
        truth.hold_oracles_equal(self.stream[:PILOT_QUERIES])
        return truth

    def condition(self, **fields: Value) -> Condition:
        place = {"engine": self.notes.backend, "design": self.notes.best_design}
        return condition(aggregator="pushdown", **place, notes=self.notes.population.notes, **fields)

    def under(self, loads: Mapping[Condition, OfferedLoad], baseline: Condition | None = None) -> Experiment:
        service = partial(InTheLoop, self.notes.url(self.notes.best_design), pushdown)
        truth, stream = self.truth, self.stream

        def right(of: Condition, round_number: int, part: int) -> list[str]:
            return [truth.of(query) for query in loads[of].queries(stream, round_number, part)]

        return Experiment({of: partial(OpenLoop, service, stream, load) for of, load in loads.items()}, right, baseline)


def _loads(
    study: Study, server: _Server, closed: OfferedLoad, every: Sequence[int], arrivals: int, capacity: Measured
) -> Experiment:
    """The closed loop and the offered loads whose runs do not last too long.

    The capacity is the most of as many rounds as the loads have. A single round may fall into a slow moment, and what
    is offered beyond such a capacity is not beyond the real one.
    """
    fastest = capacity.seconds[capacity.of(load=CLOSED)].min()
    rate: float = study.fact(f"{EXPERIMENT}/capacity", lambda: 1 / float(fastest))
    # A queue that only grows needs no length to be steady; it is as long as the closed loop, to be seen to grow.
    fewest = {percent: arrivals if percent < 100 else closed.requests for percent in every}
    planned = {
        percent: OfferedLoad(rate * percent / 100, enough(percent / 100, fewest[percent]), closed.seed)
        for percent in every
    }
    out = study.fact(f"{EXPERIMENT}/left out", lambda: [one for one in every if _too_long(planned[one])])
    conditions = {percent: server.condition(percent_of_capacity=percent) for percent in every}
    loads = {conditions[percent]: one for percent, one in planned.items() if percent not in out}
    middle = conditions[every[(len(every) - 1) // 2]]  # as the baseline: the slowest would cost most to run twice
    return server.under({server.condition(load=CLOSED): closed, **loads}, middle)


def _too_long(load: OfferedLoad) -> bool:
    return load.rate is not None and load.requests / load.rate > _LONGEST


def capacity(study: Study) -> float | None:
    """Requests a second that offered loads are shares of; a fact of `open_loop`."""
    found: float | None = study.known(f"{EXPERIMENT}/capacity")
    return found


def left_out(study: Study) -> list[int]:
    """The loads, in per cent, whose runs would have lasted too long; a fact of `open_loop`."""
    return list(study.known(f"{EXPERIMENT}/left out") or ())


def loads_of(measured: Measured) -> dict[int, str]:
    """The labels of the offered loads, by per cent of the capacity; one that failed has no samples."""
    return {percent: label for one in measured.along("percent_of_capacity").values() for percent, label in one.items()}


def by_theory(measured: Measured, label: str) -> Estimate | None:
    """The mean wait by Pollaczek and Khinchine from each round's arrivals and services; None where it has no bound."""
    services = seconds_of(measured.latencies, label, SERVICE_TIME)
    rounds = measured.latencies.loc[services.index, "round"]
    gaps = measured.seconds[label]
    waits = [mean_wait(1 / gaps[number], each.tolist()) for number, each in services.groupby(rounds)]
    known = [one for one in waits if one is not None]
    return median(known) if known and len(known) == len(waits) else None


def utilisation(measured: Measured, label: str) -> Estimate:
    """The share of time in which the server was busy, by round: the mean service time by the requests a second."""
    services = seconds_of(measured.latencies, label, SERVICE_TIME)
    means = services.groupby(measured.latencies.loc[services.index, "round"]).mean()
    gaps = measured.seconds[label]
    return median((means / gaps.loc[means.index]).tolist())
