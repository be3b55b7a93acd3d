"""Sentences of the open loop in notebook 05."""

from collections.abc import Sequence

from carenotes.lab.open_loop.server import WAITING_TIME_IDLE
from carenotes.lab.open_loop.tails import mean, mean_wait, tail
from carenotes.lab.runner.measured import Measured
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding
from carenotes.studies.concurrency.open_loop import by_theory, loads_of, offered, title, utilisation


def open_loop(measured: Measured, utilisation_percent: Sequence[int], capacity: float | None) -> Finding:
    """Latency from the lightest load to the heaviest, and beyond the capacity; beside theory."""
    if measured.samples.empty or capacity is None:
        return NOT_MEASURED
    labels, ran = loads_of(measured), set(measured.samples["condition"])
    *steady, beyond = (percent for percent in offered(utilisation_percent))
    there = [percent for percent in steady if labels.get(percent) in ran]
    if not there:
        return NO_COMPARISON
    said = [
        f"at {title(one)} of it (server busy {_busy(measured, labels[one])}) {_percentiles(measured, labels[one])}"
        for one in dict.fromkeys((there[0], there[-1]))
    ]
    above = _beyond(measured, beyond, labels[beyond]) if labels.get(beyond) in ran else ""
    return Finding(
        f"The server answers {numbers.digits(capacity)} requests a second when it is never idle; {'; '.join(said)}. "
        f"{above}{_theory(measured, there[-1], labels[there[-1]])}"
    )


def _busy(measured: Measured, label: str) -> str:
    return numbers.shares(utilisation(measured, label))


def _percentiles(measured: Measured, label: str) -> str:
    found = {one: tail(measured.latencies, label, one) for one in (50, 99)}
    return " and ".join(
        f"p{one} latency is {numbers.seconds(each.estimate)}"
        if each.estimate
        else f"p{one} latency is not shown ({each.why_not})"
        for one, each in found.items()
    )


def _beyond(measured: Measured, percent: int, label: str) -> str:
    waited = mean_wait(measured.latencies, label).estimate
    so_far = f", here to a mean wait of {numbers.seconds(waited)}" if waited else ""
    busy = f"the server is busy {_busy(measured, label)}"
    return f"{title(percent).capitalize()}: {busy}, and the queue grows as long as the run lasts{so_far}. "


def _theory(measured: Measured, percent: int, label: str) -> str:
    wait, idle = mean_wait(measured.latencies, label).estimate, mean(measured.latencies, label, WAITING_TIME_IDLE)
    expected = by_theory(measured, label)
    if not (wait and idle and expected):
        return ""
    return (
        f"The mean wait at {title(percent)} is {numbers.seconds(wait)}; theory expects {numbers.seconds(expected)}, to "
        f"which {numbers.seconds(idle)} come that a request waits at an idle server."
    )
