"""From samples to numbers with intervals. Medians, because timings have long tails; nothing is thrown away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A median and its interval; the interval is None when there are too few rounds for one."""

    value: float
    interval: tuple[float, float] | None
    rounds: int


def median(values: Sequence[float], level: float = LEVEL) -> Estimate:
    """The median with its order-statistic interval, which assumes nothing about the shape of the noise.

    Below 6 rounds no pair of order statistics covers 95 %. Source: David and Nagaraja, Order Statistics, 7.1.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    rank = int(binom.ppf((1 - level) / 2, len(ordered), 0.5))
    interval = (float(ordered[rank - 1]), float(ordered[-rank])) if rank > 0 else None
    return Estimate(float(np.median(ordered)), interval, len(ordered))


def seconds_each(samples: pd.DataFrame) -> pd.DataFrame:
    """Seconds a unit of work: one row a round, one column a condition; warm-ups left out."""
    timed = samples[samples["round"] >= 0]
    each = timed.assign(seconds=timed["elapsed_ns"] / timed["units"] / 1e9)
    return each.pivot_table(index="round", columns="condition", values="seconds", sort=False)


def medians(samples: pd.DataFrame) -> dict[str, Estimate]:
    """Seconds a unit of work of each condition."""
    each = seconds_each(samples)
    return {str(condition): median(each[condition].tolist()) for condition in each.columns}


def ratios(samples: pd.DataFrame, baseline: str) -> dict[str, Estimate]:
    """How many times faster than the baseline each condition is, paired by round."""
    each = seconds_each(samples)
    return {str(one): median((each[baseline] / each[one]).tolist()) for one in each.columns}


def slope(samples: pd.DataFrame, conditions: Mapping[str, float]) -> Estimate:
    """The exponent b of `seconds = a * size ** b`: least squares on logarithms by round, then the median of rounds.

    `conditions` maps each condition to its size.
    """
    each = np.log(seconds_each(samples)[list(conditions)].to_numpy())
    sizes = np.log(np.array(list(conditions.values()), dtype=float))
    centred = sizes - sizes.mean()
    by_round = (each @ centred) / (centred @ centred)
    return median(by_round.tolist())


def percentile(latencies: pd.DataFrame, condition: str, per_cent: float) -> Estimate:
    """A percentile of what requests waited, in seconds: taken in each round, then the median of rounds."""
    of_one = latencies[latencies["condition"] == condition]
    by_round = of_one.groupby("round")["seconds"].quantile(per_cent / 100)
    return median(by_round.tolist())
