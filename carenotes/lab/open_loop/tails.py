"""Percentiles that may be printed: the sample must carry them, and the generator must have been in time."""

from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd

from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.open_loop.server import GENERATOR_LATENESS, WAITING_TIME
from carenotes.lab.statistics.estimates import Estimate, median, percentile

BEYOND = 10  # requests that must lie beyond a percentile: 1,000 in all for the 99th
TENTH = 0.1  # of a percentile, which the generator's lateness must stay under
MOST_OF_ONE = 0.5  # of the requests beyond a pooled percentile: how many may be of a single round
TOO_LATE, ONE_ROUND = "generator too late", "one round makes most of the tail"
_FROM_DUE = (LATENCY, WAITING_TIME)  # what a late generator adds to; a service begins at the server


@dataclass(frozen=True)
class Tail:
    """A percentile, or why there is none.

    `pooled`: taken of all rounds together, since one carries none or there are too few for an interval. Then no single
    round may make most of the tail. By round there is no need: a single one moves the median of rounds little.
    """

    estimate: Estimate | None
    pooled: bool = False
    why_not: str = ""


def needed(per_cent: float) -> int:
    """Requests that carry a percentile."""
    return ceil(round(BEYOND / (1 - per_cent / 100), 6))


def tail(latencies: pd.DataFrame, condition: str, per_cent: float, kind: str = LATENCY) -> Tail:
    """A percentile of a kind of seconds of a condition under load, judged."""
    found = seconds_of(latencies, condition, kind)
    if len(found) < needed(per_cent):
        return Tail(None, why_not="too few arrivals")
    estimate, pooled = _estimate(found, latencies, condition, per_cent, kind)
    if kind in _FROM_DUE and lateness(latencies, condition) >= TENTH * estimate.value:
        return Tail(None, why_not=TOO_LATE)
    if pooled and _largest_part(latencies.loc[found.index], estimate.value) > MOST_OF_ONE:
        return Tail(None, why_not=ONE_ROUND)
    return Tail(estimate, pooled)


def mean_wait(latencies: pd.DataFrame, condition: str) -> Tail:
    """The mean waiting time, judged: the generator's mean lateness is a part of it."""
    wait, late = (mean(latencies, condition, kind) for kind in (WAITING_TIME, GENERATOR_LATENESS))
    if wait is None or late is None:
        return Tail(None, why_not="too few arrivals")
    return Tail(None, why_not=TOO_LATE) if late.value >= TENTH * wait.value else Tail(wait)


def _estimate(
    found: "pd.Series[float]", latencies: pd.DataFrame, condition: str, per_cent: float, kind: str
) -> tuple[Estimate, bool]:
    """By round where each carries it and there are rounds enough for an interval, else pooled."""
    rounds = latencies.loc[found.index].groupby("round").size()
    by_round = percentile(latencies, condition, per_cent, kind)
    if rounds.min() >= needed(per_cent) and by_round.interval:
        return by_round, False
    return Estimate(float(np.quantile(found, per_cent / 100)), None, len(rounds)), True


def _largest_part(found: pd.DataFrame, percentile: float) -> float:
    """The share of the requests beyond a percentile that are of the round which has most of them."""
    beyond = found.loc[found["seconds"] > percentile, "round"]
    return float(beyond.value_counts(normalize=True).max()) if len(beyond) else 0.0


def lateness(latencies: pd.DataFrame, condition: str) -> float:
    """The 99th percentile of how late the generator was, all rounds together; nan when it sent nothing."""
    late = seconds_of(latencies, condition, GENERATOR_LATENESS)
    return float(np.quantile(late, 0.99)) if len(late) else float("nan")


def mean(latencies: pd.DataFrame, condition: str, kind: str) -> Estimate | None:
    """The mean of a kind in each round, then the median of rounds; None where there is nothing of that kind."""
    found = seconds_of(latencies, condition, kind)
    by_round = found.groupby(latencies.loc[found.index, "round"]).mean()
    return median(by_round.tolist()) if len(by_round) else None


def seconds_of(latencies: pd.DataFrame, condition: str, kind: str) -> "pd.Series[float]":
    """The seconds of a condition's requests, of a kind, all rounds together."""
    return latencies.loc[(latencies["condition"] == condition) & (latencies["kind"] == kind), "seconds"]
