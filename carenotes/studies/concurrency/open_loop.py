"""Notebook 05, too: load that does not wait for answers, at shares of what the server can bear, and beyond it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from carenotes.aggregators import pushdown
from carenotes.errors import Refused
from carenotes.lab.comparison import distinct_queries
from carenotes.lab.configurations.client import PILOT_QUERIES
from carenotes.lab.configurations.services import InTheLoop, MakeService
from carenotes.lab.notes.datasets import Notes
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.open_loop.queueing import enough, mean_wait
from carenotes.lab.open_loop.server import SERVICE, Load, Loaded, queries_of
from carenotes.lab.open_loop.tails import seconds_of
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Study
from carenotes.lab.statistics.estimates import Estimate, median, seconds_each
from carenotes.queries import StatsQuery

EXPERIMENT, CAPACITY = "open loop", "capacity"
CLOSED = "as fast as it can"  # the closed loop that capacity is measured by, and that runs beside the loads
MOST, BEYOND = 90, 120  # per cent of the capacity: the heaviest load with a steady state, and the one without
_DISTINCT = 512  # queries that each run draws from; the oracle has to answer them all
_STEADY = 500  # requests, at least, that the capacity is measured by
_LONGEST = 60.0  # seconds that one run may last: at `MOST`, 750 requests a second are capacity enough for that


def name_of(load: int) -> str:
    """The condition of a load in per cent."""
    return f"saturated ({load} %)" if load > 100 else f"{load} %"


def offered(loads: Sequence[int]) -> tuple[int, ...]:
    """The loads that are offered: those given, and one beyond the capacity. Raises Refused for one over `MOST`."""
    wrong = [load for load in loads if not 0 < load <= MOST]
    if wrong:
        raise Refused(f"loads: {wrong[0]} is none; allowed: 1 to {MOST} per cent of the capacity, {BEYOND} is added")
    return (*sorted(set(loads)), BEYOND)


def open_loop(study: Study, notes: Notes, loads: Sequence[int], arrivals: int, rounds: int) -> Measured:
    """What requests wait that come when they come, by load; each run keeps `arrivals` of them, or more if it must.

    `pushdown` on the best index, by a sync driver in the loop of a server of one connection. A load whose run would
    last too long is left out, and told by `left_out`. When the capacity cannot be measured, that is what is returned.
    """
    every = offered(loads)
    if not study.is_complete(EXPERIMENT, rounds):
        stream = distinct_queries(notes, study.random_seed, 1)(_DISTINCT)
        truth = Truth(notes)
        truth.hold_oracles_equal(stream[:PILOT_QUERIES])
        service = partial(InTheLoop, notes.url(notes.best_design), pushdown)
        closed = Load(None, max(5 * arrivals, _STEADY), f"{study.random_seed}")
        race = partial(_race, service, stream, truth)
        rate = _capacity(study, race({CLOSED: closed}), rounds)
        if rate is None:
            return study.measured(CAPACITY)
        # A queue that only grows needs no length to be steady; it is as long as the closed loop, to be seen to grow.
        fewest = {load: arrivals if load < 100 else closed.requests for load in every}
        planned = {load: Load(rate * load / 100, enough(load / 100, fewest[load]), closed.seed) for load in every}
        left_out = study.fact(f"{EXPERIMENT}/left out", lambda: [name_of(o) for o in every if _too_long(planned[o])])
        conditions = {name_of(load): one for load, one in planned.items() if name_of(load) not in left_out}
        baseline = name_of(every[(len(every) - 1) // 2])  # a middle load: the slowest one would cost most to run twice
        study.race(EXPERIMENT, replace(race({CLOSED: closed, **conditions}), baseline=baseline), rounds)
    return study.measured(EXPERIMENT)


def _race(service: MakeService, stream: Sequence[StatsQuery], truth: Truth, loads: Mapping[str, Load]) -> Experiment:
    def right(name: str, round_number: int, part: int) -> list[str]:
        return [truth.of(asked) for asked in queries_of(loads[name], stream, round_number, part)]

    return Experiment({name: partial(Loaded, service, stream, load) for name, load in loads.items()}, right)


def _capacity(study: Study, race: Experiment, rounds: int) -> float | None:
    """Requests a second that the server answers when it is never idle: the most of as many rounds as the loads have.

    A single round may fall into a slow moment, and what is offered beyond such a capacity is not beyond the real one.
    """
    found = seconds_each(study.race(CAPACITY, race, rounds).samples)
    if CLOSED not in found:
        return None
    rate: float = study.fact(f"{EXPERIMENT}/capacity", lambda: 1 / float(found[CLOSED].min()))
    return rate


def _too_long(load: Load) -> bool:
    return load.rate is not None and load.requests / load.rate > _LONGEST


def capacity(study: Study) -> float | None:
    """Requests a second that loads are shares of; a finding of `open_loop`."""
    found: float | None = study.known(f"{EXPERIMENT}/capacity")
    return found


def left_out(study: Study) -> list[str]:
    """The loads whose runs would have lasted too long; a finding of `open_loop`."""
    return list(study.known(f"{EXPERIMENT}/left out") or ())


def by_theory(measured: Measured, condition: str) -> Estimate | None:
    """The mean wait by Pollaczek and Khinchine from each round's arrivals and services; None where it has no bound."""
    services = seconds_of(measured.latencies, condition, SERVICE)
    rounds = measured.latencies.loc[services.index, "round"]
    gaps = seconds_each(measured.samples)[condition]
    waits = [mean_wait(1 / gaps[number], each.tolist()) for number, each in services.groupby(rounds)]
    known = [one for one in waits if one is not None]
    return median(known) if known and len(known) == len(waits) else None


def utilisation(measured: Measured, condition: str) -> Estimate:
    """The share of time in which the server was busy, by round: the mean service time by the requests a second."""
    services = seconds_of(measured.latencies, condition, SERVICE)
    means = services.groupby(measured.latencies.loc[services.index, "round"]).mean()
    gaps = seconds_each(measured.samples)[condition]
    return median((means / gaps.loc[means.index]).tolist())
