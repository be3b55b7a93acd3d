"""Tables of notebook 03."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from carenotes.experiments.dataset_size import exponents
from carenotes.lab.estimates import Estimate, medians
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


def growth(
    measured: Measured, rungs: Sequence[str], sizes: Sequence[int], skipped: Mapping[str, float] = MappingProxyType({})
) -> Table:
    """Each rung: seconds a question at the smallest and the largest size, and the exponent of its growth."""
    each, powers = medians(measured.samples), exponents(measured, rungs, sizes)
    rows = [
        (
            rung,
            *(_cell(each, skipped, f"{rung}/{size}") for size in (sizes[0], sizes[-1])),
            numbers.plain(powers[rung]) if rung in powers else "",
        )
        for rung in rungs
    ]
    columns = ("rung", f"{sizes[0]:,} notes", f"{sizes[-1]:,} notes", "grows as notes to the power")
    return Table("Growth of one question with the table", columns, rows, rounds_note({"": measured}))


def _cell(each: Mapping[str, Estimate], skipped: Mapping[str, float], name: str) -> str:
    if name in each:
        return numbers.seconds(each[name])
    return f"skipped: about {skipped[name]:,} s a question" if name in skipped else FAILED
