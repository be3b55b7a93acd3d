"""From samples to numbers with intervals. Nothing is thrown away, and no shape of the noise is assumed.

A condition alone is told by the median of its rounds, two conditions by the Hodges-Lehmann estimate of their paired
log ratios. A table, or the ledger, is a family of as many comparisons as it makes: each interval is so wide that all of
them hold together with 95 % (Bonferroni). 12 rounds carry the intervals of at most 102 comparisons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LEVEL = 0.95
FEWEST_ROUNDS = 6  # that carry an interval


@dataclass(frozen=True)
class Estimate:
    """A value and its interval; the interval is None when there are too few rounds for one."""

    value: float
    interval: tuple[float, float] | None
    rounds: int


def family_level(comparisons: int) -> float:
    """The level of each interval, so that all of a family hold together with `LEVEL`."""
    if comparisons < 1:
        raise ValueError(f"{comparisons} comparisons; a family has 1 or more")
    return 1 - (1 - LEVEL) / comparisons


def fewest_rounds(comparisons: int) -> int:
    """How many rounds carry the paired intervals of so many comparisons that hold together."""
    level = family_level(comparisons)
    return next(rounds for rounds in count(FEWEST_ROUNDS) if _left_out(rounds, level))


def median(values: Sequence[float], level: float = LEVEL) -> Estimate:
    """The median with its order-statistic interval.

    Below 6 rounds no pair of order statistics covers 95 %. Source: David and Nagaraja, Order Statistics, 7.1.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    if len(ordered) < FEWEST_ROUNDS:
        return Estimate(float(np.median(ordered)), None, len(ordered))
    rank = _rank(len(ordered), level)
    interval = (float(ordered[rank - 1]), float(ordered[-rank])) if rank > 0 else None
    return Estimate(float(np.median(ordered)), interval, len(ordered))


@cache
def _rank(rounds: int, level: float) -> int:
    """Which order statistic, counted from either end, the interval ends at; 0 when the rounds carry none."""
    from scipy.special import bdtr  # late, for most who are imported beside this; scipy.stats would take a second

    # So many of the values lie below the median as a fair coin falls on one side.
    return int((bdtr(np.arange(rounds), rounds, 0.5) < (1 - level) / 2).sum())


def hodges_lehmann(values: Sequence[float], level: float = LEVEL) -> Estimate:
    """The median of all pairwise means, with the interval that the signed-rank test would not reject.

    Source: Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3.2 and 3.3.
    """
    each = np.asarray(values, dtype=float)
    means = np.sort(((each[:, None] + each) / 2)[np.triu_indices(len(each))])
    left_out = _left_out(len(each), level)
    interval = (float(means[left_out - 1]), float(means[-left_out])) if left_out else None
    return Estimate(float(np.median(means)), interval, len(each))


@cache
def _left_out(rounds: int, level: float) -> int:
    """At which pairwise mean, counted from either end, the interval ends; 0 when the rounds carry none."""
    ways = np.ones(1)  # how many sets of signs give each sum of ranks
    for rank in range(1, rounds + 1):
        ways = np.convolve(ways, np.concatenate(([1.0], np.zeros(rank - 1), [1.0])))
    return _rare(ways, level)


def paired_ratio(slow: Sequence[float], fast: Sequence[float], level: float = LEVEL) -> Estimate:
    """How many times faster `fast` is, round by round: geometric, so that the inverse is the inverse."""
    found = hodges_lehmann((np.log(np.asarray(slow)) - np.log(np.asarray(fast))).tolist(), level)
    low_high = found.interval and (float(np.exp(found.interval[0])), float(np.exp(found.interval[1])))
    return Estimate(float(np.exp(found.value)), low_high, found.rounds)


def unpaired_ratio(first: Sequence[float], second: Sequence[float], level: float = LEVEL) -> Estimate:
    """How many times as long `second` takes as `first`, when the two have no rounds in common.

    The median of all differences of logarithms, with the interval that the Mann-Whitney test would not reject. Source:
    Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 4.2 and 4.3.
    """
    one, other = np.log(np.asarray(first, dtype=float)), np.log(np.asarray(second, dtype=float))
    apart = np.sort((other[:, None] - one).ravel())
    left_out = _left_out_of_pairs(len(one), len(other), level)
    interval = (float(np.exp(apart[left_out - 1])), float(np.exp(apart[-left_out]))) if left_out else None
    return Estimate(float(np.exp(np.median(apart))), interval, min(len(one), len(other)))


@cache
def _left_out_of_pairs(first: int, second: int, level: float) -> int:
    """The same of the differences of two sets of rounds."""
    ways = np.zeros((first + 1, first * second + 1))  # how many orders of both give each count of pairs turned round
    ways[:, 0] = 1
    for place in range(1, second + 1):
        for number in range(1, first + 1):
            ways[number, place:] += ways[number - 1, :-place]
    return _rare(ways[first], level)


def _rare(ways: NDArray[np.float64], level: float) -> int:
    """How many of the lowest values are together no likelier than half of what `level` leaves out."""
    return int(np.searchsorted(np.cumsum(ways) / ways.sum(), (1 - level) / 2 * (1 + 1e-12), side="right"))


def seconds_each(samples: pd.DataFrame) -> pd.DataFrame:
    """Seconds a unit of work: one row a round, one column a condition; warm-ups left out."""
    timed = samples["part"].to_numpy() == 0
    names, rounds = samples["condition"].to_numpy()[timed].tolist(), samples["round"].to_numpy()[timed].tolist()
    seconds = samples["elapsed_ns"].to_numpy()[timed] / samples["units"].to_numpy()[timed] / 1e9
    each: dict[str, dict[int, float]] = {}  # by hand: the same with pandas' pivot takes eight times as long
    for name, number, one in zip(names, rounds, seconds.tolist(), strict=True):
        each.setdefault(name, {})[number] = one
    return pd.DataFrame(each, index=pd.Index(sorted(set(rounds)), name="round")).rename_axis(columns="condition")


def medians(samples: pd.DataFrame, level: float = LEVEL) -> dict[str, Estimate]:
    """Seconds a unit of work of each condition."""
    each = seconds_each(samples)
    return {str(condition): median(each[condition].tolist(), level) for condition in each.columns}


def slope(samples: pd.DataFrame, conditions: Mapping[str, float], level: float = LEVEL) -> Estimate:
    """The exponent b of `seconds = a * size ** b`: least squares on logarithms by round, then the median of rounds.

    `conditions` maps each condition to its size.
    """
    each = np.log(seconds_each(samples)[list(conditions)].to_numpy())
    sizes = np.log(np.array(list(conditions.values()), dtype=float))
    centred = sizes - sizes.mean()
    by_round = (each @ centred) / (centred @ centred)
    return median(by_round.tolist(), level)


def percentile(
    latencies: pd.DataFrame, condition: str, per_cent: float, kind: str = "latency", level: float = LEVEL
) -> Estimate:
    """A percentile of what requests waited, in seconds: taken in each round, then the median of rounds."""
    return median(percentile_each(latencies, condition, per_cent, kind).tolist(), level)


def percentile_each(
    latencies: pd.DataFrame, condition: str, per_cent: float, kind: str = "latency"
) -> "pd.Series[float]":
    """A percentile of what requests waited, in seconds, by round."""
    of_one = latencies[(latencies["condition"] == condition) & (latencies["kind"] == kind)]
    return of_one.groupby("round")["seconds"].quantile(per_cent / 100)


def outliers(values: Sequence[float]) -> NDArray[np.bool_]:
    """Which values lie far out: over 3.5 robust standard deviations from the median, on logarithms.

    Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993).
    """
    logs = np.log(np.asarray(values, dtype=float))
    away = np.abs(logs - np.median(logs))
    return np.asarray(0.6745 * away > 3.5 * np.median(away))
