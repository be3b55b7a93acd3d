"""What is drawn as one line, or named in one row: conditions of an experiment that differ in one number."""

from collections.abc import Mapping
from dataclasses import dataclass

from carenotes.lab.conditions import Condition, labels
from carenotes.lab.configurations.closed_loop import IN_SYSTEM
from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.workers import TIMED
from carenotes.lab.statistics.estimates import Estimate


@dataclass(frozen=True)
class Point:
    """A closed loop: how many a second, and how many were under way on average, counted and by Little's law."""

    rate: float
    counted: float
    by_law: float


def point(measured: Measured, label: str) -> Point | None:
    """The mean of the rounds of a condition; None where it has none."""
    samples = measured.samples[(measured.samples["condition"] == label) & (measured.samples["part"] == TIMED)]
    if samples.empty:
        return None
    elapsed, requests = float(samples["elapsed_ns"].sum()) / 1e9, int(samples["units"].sum())
    of_one = measured.latencies[measured.latencies["condition"] == label]
    seconds = {kind: of_one.loc[of_one["kind"] == kind, "seconds"] for kind in (LATENCY, IN_SYSTEM)}
    rate = requests / elapsed
    return Point(rate, float(seconds[IN_SYSTEM].sum()) / elapsed, rate * float(seconds[LATENCY].mean()))


def pooled(measured: Measured, label: str, per_cent: float, kind: str) -> Estimate:
    """A percentile of what requests took, of all rounds together: a round alone has too few of them for a high one."""
    every = measured.latencies
    found = every.loc[(every["condition"] == label) & (every["kind"] == kind), "seconds"]
    return Estimate(float(found.quantile(per_cent / 100)), None, len(found))


@dataclass(frozen=True)
class Line:
    """A service with all of its numbers of clients, or of connections: the label of each condition by its number."""

    name: str
    condition: Condition  # without the number
    labels: Mapping[int, str]


def lines(measured: Measured, along: str) -> list[Line]:
    """The lines of an experiment whose conditions have a number in the field `along`."""
    found = measured.along(along)
    names = labels(one.without("design") for one in found)
    return [Line(name, one, there) for name, (one, there) in zip(names, found.items(), strict=True)]


def names_without_design(measured: Measured) -> dict[str, str]:
    """A short name of each condition, by its label: without the design, where it goes without saying."""
    short = labels(one.without("design") for one in measured.conditions.values())
    return dict(zip(measured.conditions, short, strict=True))
