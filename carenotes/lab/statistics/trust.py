"""How far the rounds of a run can be trusted: what they say of their machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from carenotes.lab.statistics.estimates import LEVEL, Estimate, outliers


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
