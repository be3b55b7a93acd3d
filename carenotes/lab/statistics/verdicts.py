"""What a verdict is and what it follows from.

The smallest effect that would matter is set beforehand. *Supported*: the interval lies beyond it. *Refuted*: the
interval lies wholly short of it. Else *inconclusive*. The interval of a ratio is widened by the A/A noise of its table
(see `difference`). What is counted and not timed is decided by the count. The timed comparisons that decide are one
family, as large as it is.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from carenotes.backends import BACKENDS
from carenotes.lab.conditions import Value
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import Measured, measured
from carenotes.lab.statistics import difference
from carenotes.lab.statistics.estimates import Estimate, family_level, medians, percentile, slope

SUPPORTED, REFUTED, INCONCLUSIVE = "supported", "refuted", "inconclusive"
_WORDS = {True: SUPPORTED, False: REFUTED, None: INCONCLUSIVE}


@dataclass(frozen=True)
class Furthest(Estimate):
    """The largest or smallest of so many effects, and which of them its value and the ends of its interval are of."""

    among: int
    value_of: str
    ends_of: tuple[str, str] | None

    @property
    def named(self) -> str:
        """The comparisons that its numbers come from."""
        if self.ends_of is None or set(self.ends_of) == {self.value_of}:
            return self.value_of
        low, high = self.ends_of
        ends = f"both ends of the interval: {low}" if low == high else f"ends of the interval: {low}; {high}"
        return f"{self.value_of}; {ends}"


@dataclass(frozen=True)
class Verdict:
    """A word, the effect that it rests on, what else is to be said, and what the measure costs."""

    word: str
    effect: Estimate | None
    kind: str = "speedup"  # of the effect: "speedup", "saved" (from a speedup), "seconds", "exponent" (of the notes)
    said: str = ""
    cost: str = ""

    @property
    def comparisons(self) -> int:
        """How many timed comparisons decide it."""
        return self.effect.among if isinstance(self.effect, Furthest) else int(self.effect is not None)


def at_least(effect: Estimate, smallest: float, kind: str = "speedup", said: str = "") -> Verdict:
    """Supported when the effect is at least so large."""
    return Verdict(_WORDS[difference.at_least(effect, smallest)], effect, kind, said)


def at_most(effect: Estimate, largest: float, kind: str = "speedup", said: str = "") -> Verdict:
    """Supported when the effect is at most so large."""
    return Verdict(_WORDS[difference.at_most(effect, largest)], effect, kind, said)


def counted(holds: bool, said: str) -> Verdict:
    """By a count, which has no interval."""
    return Verdict(SUPPORTED if holds else REFUTED, None, said=said)


def costing(verdict: Verdict, cost: str) -> Verdict:
    """The same verdict with what the measure costs."""
    return replace(verdict, cost=cost)


def furthest(effects: Mapping[str, Estimate], pick: Callable[[Iterable[float]], float]) -> Furthest:
    """The `max` or `min` of named effects whose intervals hold together, with the interval that follows from theirs."""
    value, value_of = _picked({name: one.value for name, one in effects.items()}, pick)
    rounds = min(one.rounds for one in effects.values())
    ends = {name: one.interval for name, one in effects.items() if one.interval is not None}
    if len(ends) < len(effects):
        return Furthest(value, None, rounds, len(effects), value_of, None)
    (low, low_of), (high, high_of) = (_picked({name: one[end] for name, one in ends.items()}, pick) for end in (0, 1))
    return Furthest(value, (low, high), rounds, len(effects), value_of, (low_of, high_of))


def _picked(values: Mapping[str, float], pick: Callable[[Iterable[float]], float]) -> tuple[float, str]:
    picked = pick(values.values())
    return picked, next(name for name, value in values.items() if value == picked)


Fields = Mapping[str, Value | None]  # that name one condition of an experiment


class Evidence:
    """What a run holds about experiments, or nothing. Its intervals are of one family of so many comparisons.

    None stands for what was not measured, or failed. Fields that no condition of a measured experiment has raise
    LookupError: then it is not known which condition was meant, and not that there is no evidence.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._measured: dict[tuple[str, str], Measured] = {}  # many claims rest on the same experiment
        self.comparisons = 1

    def speedup(self, notebook: str, experiment: str, fast: Fields, slow: Fields) -> Estimate | None:
        """How many times faster one condition is than another."""
        one, pair = self.measured(notebook, experiment), self._labels(notebook, experiment, fast, slow)
        return difference.times(one, pair[0], pair[1], self.comparisons) if pair else None

    def exponent(self, notebook: str, experiment: str, at: Iterable[Fields]) -> Estimate | None:
        """The power of the notes that time grows as, from two conditions or more that differ in their notes."""
        one, there = self.measured(notebook, experiment), self._labels(notebook, experiment, *at)
        sizes = {label: float(one.conditions[label].notes or 0) for label in there}
        return slope(one.samples, sizes, family_level(self.comparisons)) if len(sizes) > 1 else None

    def seconds(self, notebook: str, experiment: str, fields: Fields) -> Estimate | None:
        """Seconds a unit of work."""
        one, there = self.measured(notebook, experiment), self._labels(notebook, experiment, fields)
        return medians(one.samples, family_level(self.comparisons))[there[0]] if there else None

    def latency(self, notebook: str, experiment: str, fields: Fields, per_cent: float, kind: str) -> Estimate | None:
        """A percentile of the times of single requests, in seconds."""
        one, there = self.measured(notebook, experiment), self._labels(notebook, experiment, fields)
        level = family_level(self.comparisons)
        return percentile(one.latencies, there[0], per_cent, kind, level) if there else None

    def latency_ratio(
        self, notebook: str, experiment: str, fast: Fields, slow: Fields, per_cent: float
    ) -> Estimate | None:
        """How many times shorter a percentile of the latencies of one condition is than that of another."""
        one, pair = self.measured(notebook, experiment), self._labels(notebook, experiment, fast, slow)
        return difference.latency_times(one, pair[0], pair[1], per_cent, self.comparisons) if pair else None

    def along(
        self, notebook: str, experiment: str, name: str, of: Fields, lines: Iterable[Fields]
    ) -> dict[int, Estimate]:
        """Seconds a unit of work of the conditions with these fields, by their number `name`, from small to large.

        Whoever asks for all that there are is not told of one that is missing. So `lines` describe, without that
        number, all that the experiment may hold: a condition that none of them describes may be one that was meant.
        """
        one, known = self.measured(notebook, experiment), list(lines)
        for each in one.conditions.values():
            if not any(each.has({**line, name: each.get(name)}) for line in known):
                raise LookupError(f"{each.fields()} is none of these by {name}: {known}")
        if of not in known:
            raise LookupError(f"no conditions with {of} by {name} among: {known}")
        meant = {
            each.get(name): label for label, each in one.conditions.items() if each.has({**of, name: each.get(name)})
        }
        seconds = one.medians
        return {number: seconds[meant[number]] for number in sorted(meant) if meant[number] in seconds}

    def engine(self, notebook: str, experiment: str, **fields: Value | None) -> str | None:
        """The one engine that all conditions with these values of fields were asked on."""
        one = self.measured(notebook, experiment)
        there = {each.engine or "" for each in one.every(**fields).values()}
        if one.conditions and (len(there) != 1 or not there <= BACKENDS.keys()):
            raise LookupError(f"{sorted(there)} are the engines with {fields}, not one of: {', '.join(BACKENDS)}")
        return next(iter(there), None)

    def measured(self, notebook: str, experiment: str) -> Measured:
        """All that was measured of it."""
        key = notebook, experiment
        if key not in self._measured:
            self._measured[key] = measured(self._results, notebook, experiment)
        return self._measured[key]

    def fact(self, notebook: str, name: str) -> Any:
        """A fact that was found, or None."""
        return self._results.known_fact(notebook, name)

    def _labels(self, notebook: str, experiment: str, *wanted: Fields) -> list[str]:
        """The labels of conditions that all have a time; none when one of them has not."""
        one = self.measured(notebook, experiment)
        there = one.medians.keys()
        found = [one.of(**fields) for fields in wanted] if one.conditions else []
        return found if all(label in there for label in found) else []
