"""How far each experiment can be trusted."""

from collections.abc import Mapping

from carenotes.lab.comparison import SHORTEST_SAMPLE
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import aa_noise, family, identical_differ, judged
from carenotes.lab.statistics.estimates import FEWEST_ROUNDS, median
from carenotes.lab.statistics.trust import autocorrelation, drift, with_and_without
from carenotes.report import numbers
from carenotes.report.table import Table

COLUMNS = (
    "experiment",
    "rounds",
    "comparisons",
    "A/A noise",
    "fastest twice",
    "outliers",
    "moved by",
    "drift",
    "lag-1 autocorrelation",
    "shortest sample",
)


def trust(every: Mapping[tuple[str, str], Measured]) -> Table:
    """An experiment a row; of its conditions the one with the most of each."""
    rows = [_row(*key, one) for key, one in every.items() if one.medians]
    note = (
        "Comparisons: how many ratios of the experiment hold together. A/A noise: the ratio of the baseline's two "
        "runs, by which the interval of every ratio is widened. Fastest twice: the ratio of that one's two runs, "
        "judged like any other, ✗ where it comes out different. Outliers, all kept: over 3.5 robust standard "
        "deviations from the median of their condition; moved by: the median that changes most when they are left "
        "out. Drift: the most that any changed over the run, where its interval excludes none. Lag-1 "
        "autocorrelation: the largest of a condition, * beyond chance for one alone. Shortest sample, of any "
        "condition: + under 10 ms. There the queries are the original's own, or more of them would have taken the "
        "slowest too long, or the pilot, by which they are counted, was slower than the rounds."
    )
    return Table("How far each experiment can be trusted", COLUMNS, rows, note)


def _row(notebook: str, experiment: str, one: Measured) -> tuple[str, ...]:
    each = one.seconds
    values = {str(name): each[name].dropna().tolist() for name in each.columns}
    timed = one.samples[one.samples["part"] == 0]
    rounds = max(len(found) for found in values.values())
    start = (f"{notebook[:2]} {experiment}", str(rounds))
    shortest = _sample(float(timed["elapsed_ns"].min()) / 1e9)
    if rounds < FEWEST_ROUNDS:
        return (*start, str(family(one)), "too few rounds", "", "", "", "", "", shortest)
    return (*start, str(family(one)), *_pairs(one), *_outliers(values), _drift(values), _lag_1(values), shortest)


def _sample(seconds: float) -> str:
    return f"{'+' if seconds < SHORTEST_SAMPLE else ''}{1000 * seconds:,.3g} ms"


def _pairs(one: Measured) -> tuple[str, str]:
    noise, found = aa_noise(one), judged(one)
    mark = "✗ " if identical_differ(one) else ""
    return f"{noise:.2f}x" if noise else "", f"{mark}{numbers.times(found)}" if found else ""


def _outliers(values: Mapping[str, list[float]]) -> tuple[str, str]:
    both = [with_and_without(median, found) for found in values.values()]
    flagged, moved = sum(one.flagged for one in both), max(abs(one.change - 1) for one in both)
    return f"{flagged} of {sum(map(len, values.values()))}", numbers.percent(moved) if flagged else ""


def _drift(values: Mapping[str, list[float]]) -> str:
    found = [drift(one) for one in values.values() if len(one) >= FEWEST_ROUNDS]
    there = [one for one in found if not one.interval[0] <= 0 <= one.interval[1]]
    return f"{max(there, key=lambda one: abs(one.per_cent)).per_cent:+.0f} %" if there else "none"


def _lag_1(values: Mapping[str, list[float]]) -> str:
    most, bound = max((autocorrelation(one) for one in values.values()), key=lambda pair: abs(pair[0]))
    return f"{most:+.2f}{'*' if abs(most) > bound else ''}"
