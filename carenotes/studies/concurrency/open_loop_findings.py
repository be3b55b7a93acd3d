"""Sentences of the loads in notebook 05."""

from collections.abc import Sequence

from carenotes.lab.open_loop.server import ALONE
from carenotes.lab.open_loop.tails import mean, mean_wait, tail
from carenotes.lab.runner.measured import Measured
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding
from carenotes.studies.concurrency.open_loop import by_theory, name_of, offered, utilisation


def open_loop(measured: Measured, loads: Sequence[int], capacity: float | None) -> Finding:
    """What waiting does from the lightest load to the heaviest, and beyond the capacity; beside theory."""
    if measured.samples.empty or capacity is None:
        return NOT_MEASURED
    *steady, beyond = (name_of(load) for load in offered(loads))
    there = [name for name in steady if name in set(measured.samples["condition"])]
    if not there:
        return NO_COMPARISON
    ends = dict.fromkeys((there[0], there[-1]))
    said = [f"at {name} of it (server busy {_busy(measured, name)}) {_percentiles(measured, name)}" for name in ends]
    return Finding(
        f"The server answers {numbers.digits(capacity)} requests a second when it is never idle; {'; '.join(said)}. "
        f"{_beyond(measured, beyond)}{_theory(measured, there[-1])}"
    )


def _busy(measured: Measured, name: str) -> str:
    return numbers.shares(utilisation(measured, name))


def _percentiles(measured: Measured, name: str) -> str:
    found = {one: tail(measured.latencies, name, one) for one in (50, 99)}
    return " and ".join(
        f"p{one} latency is {numbers.seconds(each.estimate)}"
        if each.estimate
        else f"p{one} latency is not shown ({each.why_not})"
        for one, each in found.items()
    )


def _beyond(measured: Measured, name: str) -> str:
    if name not in set(measured.samples["condition"]):
        return ""
    waited = mean_wait(measured.latencies, name).estimate
    so_far = f", here to a mean wait of {numbers.seconds(waited)}" if waited else ""
    busy = f"the server is busy {_busy(measured, name)}"
    return f"{name.capitalize()}: {busy}, and the queue grows as long as the run lasts{so_far}. "


def _theory(measured: Measured, name: str) -> str:
    wait, alone = mean_wait(measured.latencies, name).estimate, mean(measured.latencies, name, ALONE)
    expected = by_theory(measured, name)
    if not (wait and alone and expected):
        return ""
    return (
        f"The mean wait at {name} is {numbers.seconds(wait)}; theory expects {numbers.seconds(expected)}, to which "
        f"{numbers.seconds(alone)} come that a request waits with nobody before it."
    )
