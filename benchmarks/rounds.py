"""How many rounds does each experiment need? `python benchmarks/rounds.py RUN [--repetitions 400]`.

Reads the raw samples of a finished run. The noise of an experiment is the round-to-round spread of the paired log
ratios of its conditions against its baseline: robust (a scaled median absolute deviation), and the median over the
conditions. With noise of that spread, a simulated A/A pair of the baseline and the family that the experiment has, it
finds the fewest rounds (6 to 60) with which a true ratio of 1 is told from the threshold: the upper end of the widened
interval lies below it in at least four of five runs. Whoever writes a profile chooses the rounds from this table.
"""

import argparse
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import Measured, measured
from carenotes.lab.statistics.difference import family
from carenotes.lab.statistics.estimates import FEWEST_ROUNDS, _left_out, family_level, seconds_each
from carenotes.report.numbers import digits
from carenotes.report.runs.run import RESULTS
from carenotes.studies.cache import experiment as caching
from carenotes.studies.concurrency import experiment as concurrency
from carenotes.studies.one_query import experiment as one_query
from carenotes.studies.one_query import smaller_claims
from carenotes.studies.seed_data import experiment as seed_data

OFTEN = 0.8  # of runs
MOST_ROUNDS = 60
USUAL = 1.2
THRESHOLDS = {  # the narrowest ratio that a claim or a table judges an experiment by
    **dict.fromkeys((f"original/{name}" for name in one_query.ORIGINAL_TABLES), 1 / 0.9),
    one_query.ANATOMY: 1 / 0.9,
    one_query.BY_DESIGN: 1.5,
    **dict.fromkeys(smaller_claims.AGAINST, 1.1),  # their table judges all of them by a tenth
    seed_data.LOADING: 1.1,
    concurrency.POOLS: 1.1,
    seed_data.PROGRESS: 1.5,
    caching.SPEEDUP: 1.5,
}


def spread(one: Measured) -> float | None:
    """The standard deviation of paired log ratios, of the conditions' median; None without two conditions."""
    seconds = seconds_each(one.samples)
    each = {str(name): np.log(seconds[name]) for name in seconds.columns}
    baseline = one.controls[0] if one.controls and one.controls[0] in each else None
    others = [name for name in each if name != baseline]
    if baseline is None or not others:
        return None
    return float(np.median([_robust(each[baseline] - each[name]) for name in others]))


def _robust(logs: pd.Series) -> float:
    return 1.4826 * float((logs - logs.median()).abs().median())


def rounds_needed(noise: float, comparisons: int, threshold: float, repetitions: int) -> int | None:
    """The fewest rounds that tell 1 from the threshold often enough; None when `MOST_ROUNDS` do not."""
    for rounds in range(FEWEST_ROUNDS, MOST_ROUNDS + 1):
        if told(noise, rounds, comparisons, threshold, repetitions) >= OFTEN:
            return rounds
    return None


def told(noise: float, rounds: int, comparisons: int, threshold: float, repetitions: int) -> float:
    """In which share of runs the upper end of a widened interval lies below the threshold, when the truth is 1."""
    left_out = _left_out(rounds, family_level(comparisons))
    if not left_out:
        return 0.0
    ratio, control = _means(rounds, repetitions)
    upper = noise * np.partition(ratio, -left_out)[:, -left_out] + noise * np.abs(np.median(control, axis=1))
    return float((upper < np.log(threshold)).mean())


@cache
def _means(rounds: int, repetitions: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All pairwise means of standard normal log ratios: of a comparison, and of the baseline's A/A pair."""
    logs = np.random.default_rng(rounds).normal(size=(2, repetitions, rounds))
    # Both share the baseline's first samples: half of the variance of each ratio is theirs.
    first, second = logs[0], 0.5 * logs[0] + np.sqrt(0.75) * logs[1]
    one, other = np.triu_indices(rounds)
    return (first[:, one] + first[:, other]) / 2, (second[:, one] + second[:, other]) / 2


def row(notebook: str, experiment: str, one: Measured, repetitions: int) -> tuple[str, ...] | None:
    """An experiment in a line of the table; None when there is nothing to compare."""
    noise = spread(one)
    if noise is None:
        return None
    threshold, comparisons = THRESHOLDS.get(experiment, USUAL), family(one)
    needed = rounds_needed(noise, comparisons, threshold, repetitions)
    now = str(one.samples["round"].nunique())
    found = str(needed) if needed else f"over {MOST_ROUNDS}"
    name = f"{notebook[:2]} {experiment}"
    return name, f"{100 * noise:.1f} %", str(comparisons), f"{digits(threshold)}x", now, found


HEAD = ("experiment", "spread", "family", "threshold", "rounds now", "rounds needed")


def table(rows: Sequence[Sequence[str]]) -> str:
    """As lines of aligned columns."""
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, each, widths)).rstrip() for each in (HEAD, *rows))


def main(run: Path, repetitions: int) -> None:
    """Read, simulate and print."""
    results = Results.read(run / RESULTS)
    rows = [row(*key, measured(results, *key), repetitions) for key in results.experiments()]
    print(table([one for one in rows if one]))  # noqa: T201


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("run", type=Path)
    given.add_argument("--repetitions", type=int, default=400)
    main(**vars(given.parse_args()))
