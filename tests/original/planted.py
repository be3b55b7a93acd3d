"""Results with planted times, from which claims are decided."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from carenotes.lab.conditions import Condition, labels
from carenotes.lab.results.store import Results
from carenotes.lab.runner.workers import Cell, Sample


def raced(
    file: Path,
    notebook: str,
    experiment: str,
    times: Mapping[Condition, float],
    again: Mapping[Condition, float] = MappingProxyType({}),
) -> Results:
    """Twelve rounds of conditions that take so many milliseconds, all of them a little more in some rounds.

    `again` are those that run twice, the baseline first, and the times of their second runs.
    """
    found, key, by_label = Results.create(file), {"notebook": notebook, "experiment": experiment}, labels(times)
    found.add_conditions(key, by_label)
    twice = {label: again[one] for label, one in by_label.items() if one in again}
    found.fact(notebook, f"{experiment}/run twice", lambda: list(twice))
    cells = {Cell(experiment, label): times[one] for label, one in by_label.items()}
    cells |= {Cell(experiment, label, 2): time for label, time in twice.items()}
    for number in range(12):
        elapsed = {cell: round(time * 1e6 * (1 + 0.01 * (number % 3))) for cell, time in cells.items()}
        found.add_round(key, [Sample(cell, number, 0, 0, 1, one) for cell, one in elapsed.items()])
    return found
