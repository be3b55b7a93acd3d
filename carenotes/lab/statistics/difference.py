"""What "different" means: one rule for tables, sentences, verdicts, the regression gate and two runs side by side.

A table times its baseline twice, under one label, as two replicates. The ratio of these two, at least 1, is the *A/A
noise* of the table (its Hodges-Lehmann estimate). The interval of every ratio of the table is widened by it at both
ends, always, so that the interval that is printed is the one that decides. Two conditions are *different* when it
excludes 1. Against a smallest ratio that matters, a ratio is *more* when the interval lies wholly at or beyond it,
*less* when wholly at or beyond its inverse, *alike* when wholly inside, else *undecided*.

The fastest condition runs twice as well. That pair only judges: where it comes out different, so may other identical
conditions, and the table says so. Times in seconds are not widened.
"""

from functools import lru_cache

import pandas as pd

from carenotes.lab.conditions import DRIVER_ALONE, SELECT_1
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import (
    LEVEL,
    Estimate,
    family_level,
    paired_ratio,
    percentile_each,
    seconds_each,
)

_TABLES = 64  # of which the noise is kept: every comparison asks for that of its table
MORE, LESS, ALIKE, UNDECIDED = "more", "less", "alike", "undecided"


@lru_cache(_TABLES)
def family(one: Measured) -> int:
    """How many ratios of this experiment hold together, as large as it is.

    Each condition against the baseline, each against `SELECT 1` where that is among them, each against its statement
    alone where that is, and what the experiment says that its tables compare further.
    """
    there = [one.conditions[label] for label in one.samples["condition"].unique()]
    floors = 2 if any(each.get("statement") == SELECT_1 for each in there) else 1
    alone: int = sum(each.get("client") == DRIVER_ALONE for each in there)
    return max(1, floors * (len(there) - 1) + alone + one.further)


def away(ratio: float) -> float:
    """How far from 1, as a ratio of at least 1: the same for a ratio and its inverse."""
    return max(ratio, 1 / ratio)


def widened(found: Estimate, noise: float | None) -> Estimate:
    """A ratio whose interval is wider by the noise (a ratio of at least 1) at both ends; as it is without one."""
    if found.interval is None or noise is None:
        return found
    low, high = found.interval
    return Estimate(found.value, (low / noise, high * noise), found.rounds)


@lru_cache(_TABLES)
def aa_noise(one: Measured) -> float | None:
    """The ratio, at least 1, that the baseline's two replicates differ by; None without the pair."""
    found = _control(one, one.controls[0], LEVEL) if one.controls else None
    return away(found.value) if found else None


def judged(one: Measured) -> Estimate | None:
    """The ratio of the fastest condition's two replicates, as any other comparison of the table; None without them."""
    found = _control(one, one.controls[-1], family_level(family(one))) if len(one.controls) > 1 else None
    return widened(found, aa_noise(one)) if found else None


def identical_differ(one: Measured) -> bool:
    """Whether identical conditions came out different: none of the table's small differences is then to be believed."""
    found = judged(one)
    return found is not None and different(found)


def _control(one: Measured, label: str, level: float) -> Estimate | None:
    first, second = (frame[frame["condition"] == label] for frame in (one.samples, one.replicates))
    if first.empty or second.empty:
        return None
    both = [seconds_each(frame)[label].rename(number) for number, frame in enumerate((first, second))]
    each = pd.concat(both, axis=1)
    return paired_ratio(each[1].tolist(), each[0].tolist(), level)


def times(one: Measured, fast: str, slow: str, comparisons: int | None = None) -> Estimate:
    """How many times faster `fast` is than `slow`: one of the experiment's family, or of so many comparisons."""
    return _against(one, slow, [fast], comparisons)[fast]


def all_times(one: Measured, baseline: str) -> dict[str, Estimate]:
    """How many times faster than the baseline each condition is, as by `times`."""
    return _against(one, baseline, list(dict.fromkeys(one.samples["condition"])), None)


def _against(one: Measured, slow: str, names: list[str], comparisons: int | None) -> dict[str, Estimate]:
    each, noise = one.seconds, aa_noise(one)
    level, slow_rounds = family_level(comparisons or family(one)), each[slow].tolist()
    return {name: widened(paired_ratio(slow_rounds, each[name].tolist(), level), noise) for name in names}


def latency_times(one: Measured, fast: str, slow: str, per_cent: float, comparisons: int | None = None) -> Estimate:
    """How many times shorter a percentile of the latencies of `fast` is than that of `slow`, paired by round.

    Widened by what that percentile of the baseline's two replicates differs by.
    """
    level, noise = family_level(comparisons or family(one)), None
    if one.controls:
        both = [percentile_each(frame, one.controls[0], per_cent) for frame in (one.latencies, one.replicate_latencies)]
        noise = away(_paired(both[0], both[1], LEVEL).value)
    each = [percentile_each(one.latencies, label, per_cent) for label in (slow, fast)]
    return widened(_paired(each[0], each[1], level), noise)


def _paired(slow: "pd.Series[float]", fast: "pd.Series[float]", level: float) -> Estimate:
    both = slow.index.intersection(fast.index)
    return paired_ratio(slow[both].tolist(), fast[both].tolist(), level)


def different(found: Estimate) -> bool:
    """Whether the interval of a widened ratio excludes 1."""
    return found.interval is not None and not found.interval[0] <= 1 <= found.interval[1]


def at_least(found: Estimate, border: float) -> bool | None:
    """Whether all of the interval lies at or above the border (True), all of it below (False), or neither."""
    if found.interval is None:
        return None
    low, high = found.interval
    return True if low >= border else False if high < border else None


def at_most(found: Estimate, border: float) -> bool | None:
    """Whether all of the interval lies at or below the border (True), all of it above (False), or neither."""
    if found.interval is None:
        return None
    low, high = found.interval
    return True if high <= border else False if low > border else None


def word(found: Estimate, matters: float) -> str:
    """What the interval of a widened ratio says of it, against the smallest ratio (above 1) that matters."""
    more, less = at_least(found, matters), at_most(found, 1 / matters)
    if more or less:
        return MORE if more else LESS
    return ALIKE if more is False and less is False else UNDECIDED
