"""What a verdict is and what it follows from.

The smallest effect that would matter is set beforehand. *Supported*: the interval lies beyond it. *Refuted*: the
interval lies wholly short of it. Else *inconclusive*. Where equal things of the table differ by more than what would
matter, the interval is first widened by as much.
What is counted and not timed is decided by the count. The timed claims are one family of up to 20.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from carenotes.lab.estimates import MOST, Estimate, family_level, medians, percentile, ratio, slope
from carenotes.lab.results import Results
from carenotes.lab.study import Measured, measured
from carenotes.lab.trust import floor_of_table

SUPPORTED, REFUTED, INCONCLUSIVE = "supported", "refuted", "inconclusive"


@dataclass(frozen=True)
class Effect(Estimate):
    """An estimate, and the ratio by which its table's equal things differ."""

    floor: float | None = None


@dataclass(frozen=True)
class Verdict:
    """A word, the effect that it rests on, what else is to be said, and what the measure costs."""

    word: str
    effect: Estimate | None
    kind: str = "times"  # of the effect: "times", "saved" (from times as fast), "seconds", "power" (of the notes)
    said: str = ""
    cost: str = ""


def at_least(effect: Estimate, smallest: float, kind: str = "times", said: str = "") -> Verdict:
    """Supported when the effect is at least so large."""
    return _decided(effect, smallest, kind, said, lambda low, high: (low >= smallest, high < smallest))


def at_most(effect: Estimate, largest: float, kind: str = "times", said: str = "") -> Verdict:
    """Supported when the effect is at most so large."""
    return _decided(effect, largest, kind, said, lambda low, high: (high <= largest, low > largest))


def _decided(
    effect: Estimate, border: float, kind: str, said: str, holds: Callable[[float, float], tuple[bool, bool]]
) -> Verdict:
    if effect.interval is None:
        return Verdict(INCONCLUSIVE, effect, kind, said)
    low, high = effect.interval
    noise = effect.floor if isinstance(effect, Effect) and effect.floor else 1.0
    if kind in ("times", "saved") and noise > max(border, 1 / border):
        said = f"{said}; equal things differ by {noise:.2f}x in this table, and the interval must hold beyond that"
        low, high = low / noise, high * noise
    supported, refuted = holds(low, high)
    return Verdict(SUPPORTED if supported else REFUTED if refuted else INCONCLUSIVE, effect, kind, said)


def counted(holds: bool, said: str) -> Verdict:
    """By a count, which has no interval."""
    return Verdict(SUPPORTED if holds else REFUTED, None, said=said)


def costing(verdict: Verdict, cost: str) -> Verdict:
    """The same verdict with what the measure costs."""
    return replace(verdict, cost=cost)


def furthest(effects: Iterable[Estimate], pick: Callable[[Iterable[float]], float]) -> Effect:
    """The `max` or `min` of effects whose intervals hold together, with the interval that follows from theirs."""
    found = list(effects)
    ends = [one.interval for one in found if one.interval is not None]
    interval = (pick(low for low, _ in ends), pick(high for _, high in ends)) if len(ends) == len(found) else None
    floors = [one.floor for one in found if isinstance(one, Effect) and one.floor]
    value, rounds = pick(one.value for one in found), min(one.rounds for one in found)
    return Effect(value, interval, rounds, max(floors, default=None))


class Evidence:
    """What a run holds about an experiment, or nothing."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._measured: dict[tuple[str, str], Measured] = {}  # many claims rest on the same experiment

    def times(self, notebook: str, experiment: str, name: str, baseline: str) -> Effect | None:
        """How many times faster `name` is than `baseline`, None when one of them was not measured."""
        one = self.measured(notebook, experiment)
        if not {name, baseline} <= set(medians(one.samples)):
            return None
        found = ratio(one.samples, name, baseline)
        return Effect(found.value, found.interval, found.rounds, floor_of_table(one))

    def grows(self, notebook: str, experiment: str, sizes: Mapping[str, float]) -> Estimate | None:
        """The power of its size that a condition's time grows as, from two sizes or more, by condition."""
        one = self.measured(notebook, experiment)
        return slope(one.samples, sizes, family_level(MOST)) if len(sizes) > 1 else None

    def seconds(self, notebook: str, experiment: str, name: str) -> Estimate | None:
        """Seconds a unit of work."""
        return medians(self.measured(notebook, experiment).samples, family_level(MOST)).get(name)

    def waited(self, notebook: str, experiment: str, name: str, per_cent: float, kind: str) -> Estimate | None:
        """A percentile of the times of single requests."""
        one = self.measured(notebook, experiment)
        there = name in medians(one.samples)
        return percentile(one.latencies, name, per_cent, kind, family_level(MOST)) if there else None

    def measured(self, notebook: str, experiment: str) -> Measured:
        """All that was measured of it."""
        key = notebook, experiment
        if key not in self._measured:
            self._measured[key] = measured(self._results, notebook, experiment)
        return self._measured[key]

    def finding(self, notebook: str, name: str) -> Any:
        """A fact that was found, or None."""
        return self._results.known_finding(notebook, name)
