"""The law that is fitted to growth: a fixed price, and a price for each."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from carenotes.lab.statistics.estimates import Estimate, median, seconds_each


@dataclass(frozen=True)
class Line:
    """Seconds = fixed + each * size. `misses` is how far it lies from a median at most, as a share of that."""

    fixed: Estimate
    each: Estimate
    misses: float


def line(samples: pd.DataFrame, conditions: Mapping[str, float]) -> Line:
    """Fit the line by least squares of relative errors, round by round; its parameters are the medians of rounds.

    `conditions` maps each condition to its size: two sizes or more. Errors are relative, for the times of a microsecond
    and of a second are known to about the same per cent.
    """
    seconds = seconds_each(samples)[list(conditions)].to_numpy()
    sizes = np.array(list(conditions.values()), dtype=float)
    terms = np.column_stack((np.ones_like(sizes), sizes))
    by_round = np.array([np.linalg.lstsq(terms / one[:, None], np.ones_like(sizes))[0] for one in seconds])
    fixed, each = (median(column.tolist()) for column in by_round.T)
    missed = (fixed.value + each.value * sizes) / np.median(seconds, axis=0) - 1
    return Line(fixed, each, float(np.abs(missed).max()))
