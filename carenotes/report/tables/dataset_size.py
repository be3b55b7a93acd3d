"""Tables of notebook 03."""

from collections.abc import Mapping, Sequence

from carenotes.lab.estimates import Estimate, medians, slope
from carenotes.lab.study import Measured
from carenotes.report import numbers
from carenotes.report.tables.table import FAILED, Table, rounds_note


def data_sizes(found: Mapping[str, Mapping[str, int]]) -> Table:
    """What grows with the notes, and what does not."""
    columns = list(next(iter(found.values())))
    rows = [
        (size, *(numbers.size(value) if "bytes" in name else f"{value:,}" for name, value in facts.items()))
        for size, facts in found.items()
    ]
    return Table("What grows", ("size", *(name.replace("bytes", "file") for name in columns)), rows)


def growth(measured: Measured, rungs: Sequence[str], sizes: Sequence[int]) -> Table:
    """Each rung: seconds a question at the smallest and the largest size, and the exponent of its growth."""
    each = medians(measured.samples)
    rows = [(rung, *_grown(measured, each, rung, sizes)) for rung in rungs]
    columns = ("rung", f"{sizes[0]:,} notes", f"{sizes[-1]:,} notes", "grows as notes to the power")
    return Table("Growth of one question with the table", columns, rows, rounds_note({"": measured}))


def _grown(measured: Measured, each: Mapping[str, Estimate], rung: str, sizes: Sequence[int]) -> list[str]:
    first, last = f"{rung}/{sizes[0]}", f"{rung}/{sizes[-1]}"
    if not {first, last} <= each.keys():
        return [FAILED, "", ""]
    there = {f"{rung}/{size}": float(size) for size in sizes if f"{rung}/{size}" in each}
    exponent = numbers.plain(slope(measured.samples, there)) if len(there) > 1 else ""
    return [numbers.seconds(each[first]), numbers.seconds(each[last]), exponent]
