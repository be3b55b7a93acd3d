"""Do the intervals cover what they promise? `python benchmarks/coverage.py [--repetitions 10000] [--write]`.

Made-up rounds, whose truth is known, in four kinds: log-normal noise; with spikes; with drift; with both. Bars: a
nominal 95 % covers 93 to 97 % of the time, and families of 20 and of 60 comparisons with one baseline hold all together
at least 95 %. These intervals are not widened. For contrast, all of A first, then all of B. The truth of a ratio is the
one that was put in. The truth of a median under drift is that of a round taken at random from the whole run; it may be
covered more often than 97 %, for drift spreads the rounds more evenly than chance does (Hoeffding, On the Distribution
of the Number of Successes in Independent Trials, 1956).

Then what the widening does: how often identical conditions come out different, and how often they are told from a
ratio that matters; without it, with it, and by the far end of the A/A pair's interval. `--write` puts both into
docs/trust.md.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

import marks
import numpy as np
from numpy.typing import NDArray

from carenotes.lab.statistics.estimates import (
    LEVEL,
    Estimate,
    _left_out,
    _left_out_of_pairs,
    family_level,
    hodges_lehmann,
    median,
    paired_ratio,
    unpaired_ratio,
)

NOISE, SPIKED, SPIKE, DRIFT = 0.15, 0.05, (2.0, 5.0), 1.3
KINDS = {"noise": (0.0, 1.0), "spikes": (SPIKED, 1.0), "drift": (0.0, DRIFT), "spikes and drift": (SPIKED, DRIFT)}
ROUNDS = (12, 30)
FAMILIES = (20, 60)
BAR = (0.93, 0.97)
RATIO = 1.2  # between the two that are compared
TWINS_NOISE, MATTERS = 0.08, 1.1  # of the simulation of identical conditions, and a ratio that they have not
CHUNK = 500  # repetitions at a time, for the memory of it
Floats = NDArray[np.float64]
Ends = tuple[Floats, Floats]


class Made:
    """Rounds whose truth is known, drawn from a seed."""

    def __init__(self, kind: str, seed: int = 1) -> None:
        self._spiked, self._drift = KINDS[kind]
        self._rng = np.random.default_rng(seed)

    def rounds(self, repetitions: int, rounds: int, begin: float = 0.0, end: float = 1.0) -> Floats:
        """Logarithms of times, a row a repetition, from one point of the run to another."""
        noise = NOISE * self._rng.normal(size=(repetitions, rounds))
        spikes = self._rng.random(noise.shape) < self._spiked
        slower = np.log(self._rng.uniform(*SPIKE, size=noise.shape))
        return np.asarray(noise + spikes * slower + np.log(self._drift) * np.linspace(begin, end, rounds))

    def median(self, rounds: int) -> float:
        """The median of a round taken at random from the run, from a few million of them."""
        return float(np.median(self.rounds(4_000_000 // rounds, rounds)))


def medians(logs: Floats) -> Ends:
    """The interval of `median`, for many repetitions at once."""
    found = median(range(logs.shape[1])).interval
    assert found
    ordered = np.sort(logs)
    return ordered[:, int(found[0])], ordered[:, int(found[1])]


def ratios(slow: Floats, fast: Floats, level: float = LEVEL) -> Ends:
    """The interval of `paired_ratio`, for many repetitions at once."""
    each = slow - fast
    one, other = np.triu_indices(each.shape[1])
    return _ends((each[:, one] + each[:, other]) / 2, _left_out(each.shape[1], level))


def unpaired(first: Floats, second: Floats) -> Ends:
    """The interval of `unpaired_ratio`, for many repetitions at once."""
    apart = (second[:, :, None] - first[:, None, :]).reshape(len(first), -1)
    return _ends(apart, _left_out_of_pairs(first.shape[1], second.shape[1], LEVEL))


def _ends(values: Floats, left_out: int) -> Ends:
    ordered = np.partition(values, (left_out - 1, values.shape[1] - left_out))
    return ordered[:, left_out - 1], ordered[:, -left_out]


def holds(ends: Ends, truth: float) -> NDArray[np.bool_]:
    """In which repetitions the interval covers the truth."""
    return np.asarray((ends[0] <= truth) & (truth <= ends[1]))


def the_same(ends: Ends, real: Callable[..., Estimate], *logs: Floats) -> None:
    """SystemExit when an interval is not the one that a report would print."""
    for number in range(20):
        found = real(*[np.exp(one[number]).tolist() for one in logs]).interval
        if found is None or not np.allclose(np.log(found), (ends[0][number], ends[1][number])):
            raise SystemExit(f"{real} says otherwise")


def covered(kind: str, rounds: int, repetitions: int) -> dict[str, float]:
    """How often each interval covers its truth."""
    made, truth = Made(kind), Made(kind, seed=2).median(rounds)
    together = [f"{size} together" for size in FAMILIES]
    each: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in ("median", "ratio", *together, "apart")}
    for _ in range(max(1, repetitions // CHUNK)):
        fast = made.rounds(CHUNK, rounds)
        others = [np.log(RATIO) + made.rounds(CHUNK, rounds) for _ in range(max(FAMILIES))]
        before = made.rounds(CHUNK, rounds, 0, 0.5)
        after = np.log(RATIO) + made.rounds(CHUNK, rounds, 0.5, 1)
        the_same(medians(fast), median, fast)
        the_same(ratios(others[0], fast), paired_ratio, others[0], fast)
        the_same(unpaired(before, after), unpaired_ratio, before, after)
        each["median"].append(holds(medians(fast), truth))
        each["ratio"].append(holds(ratios(others[0], fast), np.log(RATIO)))
        for size, name in zip(FAMILIES, together, strict=True):
            family = [holds(ratios(one, fast, family_level(size)), np.log(RATIO)) for one in others[:size]]
            each[name].append(np.all(family, axis=0))
        each["apart"].append(holds(unpaired(before, after), np.log(RATIO)))
    return {name: float(np.mean(found)) for name, found in each.items()}


WIDTHS = ("not widened", "by the estimate", "by the far end")


def widened(rounds: int, repetitions: int, level: float) -> dict[str, Ends]:
    """Intervals of the ratio of two identical conditions: as they are, and widened by an A/A pair in two ways."""
    rng = np.random.default_rng(3)
    baseline, again, other = TWINS_NOISE * rng.normal(size=(3, repetitions, rounds))
    low, high = ratios(baseline, other, level)
    noise = np.abs([hodges_lehmann(one.tolist()).value for one in again - baseline])
    far = np.max(np.abs(ratios(again, baseline)), axis=0)
    return {name: (low - by, high + by) for name, by in zip(WIDTHS, (0 * noise, noise, far), strict=True)}


def what_widening_does(rounds: int, repetitions: int) -> str:
    """How often identical conditions come out different, and how often they are told from what would matter."""
    alone = widened(rounds, repetitions, LEVEL)
    family = widened(rounds, repetitions, family_level(FAMILIES[0]))
    different = {name: 1 - holds(ends, 0.0).mean() for name, ends in alone.items()}
    told = {name: (high < np.log(MATTERS)).mean() for name, (_, high) in family.items()}
    said = {name: f"{100 * different[name]:.1f} % and {100 * told[name]:.1f} %" for name in WIDTHS}
    return (
        f"Two identical conditions, {rounds} rounds of noise {TWINS_NOISE:g}, {repetitions:,} tables. A single "
        f"comparison at {100 * LEVEL:.0f} % excludes 1, and one of {FAMILIES[0]} refutes a ratio of {MATTERS:g}: "
        f"{said[WIDTHS[0]]} when intervals are not widened, {said[WIDTHS[1]]} when they are widened by the estimate of "
        f"the baseline's A/A pair (which is the rule), {said[WIDTHS[2]]} when by the far end of that pair's interval."
    )


_TOGETHER = tuple(f"{size} ratios together" for size in FAMILIES)
HEAD = ("noise of rounds", "rounds", "a median", "a ratio, paired", *_TOGETHER, "all of A, then all of B")


def table(rows: Sequence[Sequence[str]]) -> str:
    """As markdown."""
    grid = [HEAD, ["---"] + ["---:"] * (len(HEAD) - 1), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in grid)


def main(repetitions: int, write: bool) -> None:
    """Simulate, print, and judge."""
    rows, missed = [], []
    for kind in KINDS:
        for rounds in ROUNDS:
            found = covered(kind, rounds, repetitions)
            rows.append((kind, str(rounds), *(f"{100 * one:.1f} %" for one in found.values())))
            print("  ".join(rows[-1]), flush=True)  # noqa: T201
            missed += [
                f"{kind}, {rounds}, {name}" for name, share in found.items() if not as_promised(kind, name, share)
            ]
    said = (
        f"{repetitions:,} repetitions. Noise is log-normal ({NOISE:g}); spikes make {100 * SPIKED:.0f} % of the "
        f"samples {SPIKE[0]:g} to {SPIKE[1]:g} times as long; drift makes all of them {100 * (DRIFT - 1):.0f} % "
        "longer from the first round to the last.\n\n" + what_widening_does(ROUNDS[0], repetitions)
    )
    print(f"\n{table(rows)}\n\n{said}")  # noqa: T201
    if write:
        marks.write(marks.TRUST, "coverage.py", f"{table(rows)}\n\n{said}")
    if missed:
        sys.exit(f"not as promised: {'; '.join(missed)}")


def as_promised(kind: str, name: str, share: float) -> bool:
    """Whether an interval covers its truth as often as it must."""
    low, high = (LEVEL, 1.0) if name.endswith("together") else (0.0, 1.0) if name == "apart" else BAR
    drifts = KINDS[kind][1] > 1
    return low <= share <= (1.0 if name == "median" and drifts else high)


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--repetitions", type=int, default=10_000)
    given.add_argument("--write", action="store_true")
    main(**vars(given.parse_args()))
