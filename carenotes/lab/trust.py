"""How far the numbers can be trusted: what a machine says of equal things, and what rounds say of their machine.

A table times its baseline and its fastest condition under two names. What the first pair differs by is the noise floor;
the other pair is judged by it. If that one differs, the table calls equal things different, and says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from carenotes.lab.estimates import LEVEL, MOST, Estimate, family_level, outliers, paired_ratio, seconds_each
from carenotes.lab.study import AGAIN, Measured


def noise_floor(measured: Measured) -> float | None:
    """The ratio, at least 1, up to which noise alone may take a comparison of this table.

    It is the far end of the interval of the first pair. None without a pair, or with too few rounds for an interval.
    """
    found = _to_its_twin(measured, measured.pairs[0], LEVEL) if measured.pairs else None
    return max(_away(end) for end in found.interval) if found and found.interval else None


def judged(measured: Measured, level: float = family_level(MOST)) -> Estimate | None:
    """The ratio of the fastest condition to itself, which the noise floor was not taken from; None without one."""
    return _to_its_twin(measured, measured.pairs[-1], level) if len(measured.pairs) > 1 else None


def differs(estimate: Estimate, floor: float | None) -> bool:
    """Whether two things differ: their interval excludes 1, and they are farther apart than the noise floor."""
    if estimate.interval is None:
        return False
    low, high = estimate.interval
    return not low <= 1 <= high and _away(estimate.value) > (floor or 1)


def equal_things_differ(measured: Measured) -> bool:
    """Whether this table tells a condition from itself: none of its small differences is then to be believed."""
    found = judged(measured)
    return found is not None and differs(found, noise_floor(measured))


def floor_of_table(measured: Measured) -> float | None:
    """The ratio by which equal things differ in this table: its noise floor, or the judged pair if that exceeds it."""
    floor, found = noise_floor(measured), judged(measured)
    return _away(found.value) if floor and found and differs(found, floor) else floor


def _to_its_twin(measured: Measured, name: str, level: float) -> Estimate | None:
    each = seconds_each(pd.concat([measured.samples, measured.twins]))
    if not {name, f"{name}{AGAIN}"} <= set(each.columns):
        return None
    return paired_ratio(each[f"{name}{AGAIN}"].tolist(), each[name].tolist(), level)


def _away(ratio: float) -> float:
    """How far from 1, the same for a ratio and its inverse."""
    return max(ratio, 1 / ratio)


@dataclass(frozen=True)
class Drift:
    """By how many per cent times changed from the first round to the last, with its 95 % interval and p-value."""

    per_cent: float
    interval: tuple[float, float]
    p_value: float


def drift(values: Sequence[float]) -> Drift:
    """The trend over rounds, which a few wild ones do not move.

    At least 3 values. Source: Sen, Estimates of the Regression Coefficient Based on Kendall's Tau (1968).
    """
    from scipy.stats import kendalltau, theilslopes  # late, as in `estimates`

    logs, rounds = np.log(np.asarray(values, dtype=float)), np.arange(len(values))
    slope = theilslopes(logs, rounds, alpha=LEVEL)
    low, middle, high = (
        100 * float(np.expm1(one * rounds[-1])) for one in (slope.low_slope, slope.slope, slope.high_slope)
    )
    return Drift(middle, (low, high), float(kendalltau(rounds, logs).pvalue))


def autocorrelation(values: Sequence[float]) -> tuple[float, float]:
    """How much a round is like the one before it, from -1 to 1, and the bound that unrelated rounds stay in (95 %).

    Source: Box, Jenkins, Reinsel and Ljung, Time Series Analysis, 2.1.
    """
    logs = np.log(np.asarray(values, dtype=float))
    centred = logs - logs.mean()
    spread = float(centred @ centred)
    return (float(centred[1:] @ centred[:-1]) / spread if spread else 0.0), 1.96 / float(np.sqrt(len(logs)))


@dataclass(frozen=True)
class WithAndWithout:
    """An estimate from all rounds, and one without the rounds that are flagged: so many."""

    every: Estimate
    without: Estimate
    flagged: int

    @property
    def change(self) -> float:
        """The estimate without them as a multiple of that with them."""
        return self.without.value / self.every.value


def with_and_without(estimate: Callable[..., Estimate], *values: Sequence[float]) -> WithAndWithout:
    """An estimate (`median`, `paired_ratio`) with and without the rounds in which one of the values is an outlier."""
    flagged = np.any([outliers(one) for one in values], axis=0)
    kept = [np.asarray(one, dtype=float)[~flagged].tolist() for one in values]
    return WithAndWithout(estimate(*values), estimate(*kept), int(flagged.sum()))
