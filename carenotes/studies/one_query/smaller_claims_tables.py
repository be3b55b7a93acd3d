"""Tables of the original's smaller claims."""

import re
from collections.abc import Mapping
from typing import Any

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.estimates import medians
from carenotes.report import numbers
from carenotes.report.table import FAILED, Table, rounds_note

Against = Mapping[str, Mapping[str, str]]  # by claim: each way, and the one that it is compared with


def timed(found: Mapping[str, Measured], against: Against) -> Table:
    """Each way of each claim: seconds a query, and how fast against the way that it is compared with."""
    rows = []
    for experiment, one in found.items():
        pairs = against[experiment.partition("/")[0]]
        rows += [(experiment, name, *_cells(one, name, pairs.get(name))) for name in _ways(pairs)]
    columns = ("claim", "way", "a query", "as fast", "as")
    return Table(
        "The original's smaller claims: median time", columns, rows, rounds_note(found), of_words=("way", "as")
    )


def _ways(pairs: Mapping[str, str]) -> list[str]:
    """Each baseline, followed by the ways that are compared with it."""
    return [name for base in dict.fromkeys(pairs.values()) for name in (base, *(w for w in pairs if pairs[w] == base))]


def _cells(one: Measured, name: str, base: str | None) -> tuple[str, str, str]:
    each = medians(one.samples)
    if name not in each:
        return FAILED, "", ""
    shown = numbers.seconds(each[name])
    return (shown, numbers.times(times(one, name, base)), base) if base in each else (shown, "", "")


def plans(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Table:
    """How the database finds the notes of one day, said in each way, and how many it counts."""
    rows = [
        (claim, way, _first_look(seen["steps"]), f"{seen['notes']:,}")
        for claim, ways in found.items()
        for way, seen in ways.items()
    ]
    columns = ("claim", "way", "first look at the notes", "notes counted")
    return Table("One day of the largest tenant", columns, rows, words=True)


def _first_look(steps: list[str]) -> str:
    step = next(step.strip() for step in steps if "care_notes" in step)
    return re.sub(r'"[^"]*"\.main\.', "", step)  # DuckDB names the file as well
