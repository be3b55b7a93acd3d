"""Tables of notebook 03."""

from collections.abc import Mapping

from carenotes.lab.conditions import Condition, labels
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.fits import Line
from carenotes.lab.statistics.growth import decade, last_decade, lines
from carenotes.report import numbers
from carenotes.report.table import FAILED, Table, rounds_note


def data_sizes(found: Mapping[str, Mapping[str, int]]) -> Table:
    """What grows with the notes, and what does not."""
    columns = list(next(iter(found.values())))
    rows = [
        (size, *(numbers.size(value) if "bytes" in name else f"{value:,}" for name, value in facts.items()))
        for size, facts in found.items()
    ]
    return Table("What grows", ("size", *(name.replace("bytes", "file") for name in columns)), rows)


def growth(measured: Measured, skipped: Mapping[Condition, float]) -> Table:
    """Each configuration: seconds a query at the smallest and the largest size, and the law of its growth."""
    sizes = sorted({int(size) for size in measured.values("notes")} | {one.notes or 0 for one in skipped})
    ends = (sizes[0], sizes[-1])
    laws, exponents = lines(measured), last_decade(measured)
    lacking = {(one.without("notes"), one.notes): seconds for one, seconds in skipped.items()}
    by_size = measured.along("notes")
    rows = [
        (
            name,
            *(_cell(measured, by_size[one].get(size), lacking.get((one, size))) for size in ends),
            *(_prices(laws[one]) if one in laws else ("", "", "")),
            numbers.plain(exponents[one]) if one in exponents else "",
        )
        for name, one in labels(by_size).items()
    ]
    columns = (
        "configuration",
        *(f"{size:,} notes" for size in ends),
        *("fixed time", "time a note", "the line misses by"),
        f"exponent from {decade(sizes)[0]:,} notes on",
    )
    note = (
        "Time = fixed time + time a note, fitted to all sizes by relative errors, round by round; how far that line "
        f"lies from a median at most stands beside it. {rounds_note({'': measured})}"
    )
    return Table("Growth of one query with the table", columns, rows, note)


def _prices(law: Line) -> tuple[str, ...]:
    return numbers.fitted(law.fixed), numbers.fitted(law.each), numbers.percent(law.misses)


def _cell(measured: Measured, label: str | None, seconds: float | None) -> str:
    """The median time of a condition; of one that was skipped, the seconds that it would have taken."""
    if seconds is not None:
        return f"skipped: about {seconds:,} s a query"
    each = measured.medians
    return numbers.seconds(each[label]) if label in each else FAILED
