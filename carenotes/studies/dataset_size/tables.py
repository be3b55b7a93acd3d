"""Tables of notebook 03."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate, medians
from carenotes.lab.statistics.fits import Line
from carenotes.report import numbers
from carenotes.report.table import FAILED, Table, rounds_note
from carenotes.studies.dataset_size.experiment import decade, last_decade, lines


def data_sizes(found: Mapping[str, Mapping[str, int]]) -> Table:
    """What grows with the notes, and what does not."""
    columns = list(next(iter(found.values())))
    rows = [
        (size, *(numbers.size(value) if "bytes" in name else f"{value:,}" for name, value in facts.items()))
        for size, facts in found.items()
    ]
    return Table("What grows", ("size", *(name.replace("bytes", "file") for name in columns)), rows)


def growth(
    measured: Measured,
    configurations: Sequence[str],
    sizes: Sequence[int],
    skipped: Mapping[str, float] = MappingProxyType({}),
) -> Table:
    """Each configuration: seconds a query at the smallest and the largest size, and the law of its growth between them."""
    each, ends = medians(measured.samples), (sizes[0], sizes[-1])
    laws, powers = lines(measured, configurations, sizes), last_decade(measured, configurations, sizes)
    rows = [
        (
            configuration,
            *(_cell(each, skipped, f"{configuration}/{size}") for size in ends),
            *(_prices(laws[configuration]) if configuration in laws else ("", "", "")),
            numbers.plain(powers[configuration]) if configuration in powers else "",
        )
        for configuration in configurations
    ]
    columns = (
        "configuration",
        *(f"{size:,} notes" for size in ends),
        *_PRICES,
        f"power from {decade(sizes)[0]:,} notes on",
    )
    note = (
        "Time = fixed price + price a note, fitted to all sizes by relative errors, round by round; how far that line "
        f"lies from a median at most stands beside it. {rounds_note({'': measured})}"
    )
    return Table("Growth of one query with the table", columns, rows, note)


_PRICES = ("fixed price", "price a note", "the line misses by")


def _prices(law: Line) -> tuple[str, ...]:
    return numbers.price(law.fixed), numbers.price(law.each), numbers.percent(law.misses)


def _cell(each: Mapping[str, Estimate], skipped: Mapping[str, float], name: str) -> str:
    if name in each:
        return numbers.seconds(each[name])
    return f"skipped: about {skipped[name]:,} s a query" if name in skipped else FAILED
