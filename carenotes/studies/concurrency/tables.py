"""Tables of notebook 05."""

from collections.abc import Mapping, Sequence

from carenotes.lab.configurations.services import LATENCY, LATENESS, POOL_WAIT, QUERY
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.estimates import Estimate, medians, percentile
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.report import numbers
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.report.table import FAILED, Table, rounds_note


def requests(measured: Measured | None, steps: Sequence[str], count: int) -> Table | Finding:
    """The original's third table in steps: total time of its requests, time saved against the first, half the waits."""
    if measured is None:
        return NOT_MEASURED
    claim, each = ORIGINAL_FIGURES["concurrent"], medians(measured.samples)
    rows: list[tuple[str, ...]] = [("claimed: original", f"{1000 * claim['original_s']:.0f} ms", "", "")]
    rows.append(("claimed: optimized", f"{1000 * claim['optimized_s']:.1f} ms", f"{claim['saved_percent']} %", ""))
    rows += [(name, *_step(measured, each, name, steps[0], count)) for name in steps]
    columns = ("twenty requests", "in all", "time saved", "half of them waited")
    note = "Waiting counts from the moment when all twenty were asked. " + rounds_note({"": measured})
    return Table("The original's third table, taken apart", columns, rows, note)


def _step(measured: Measured, each: Mapping[str, Estimate], name: str, first: str, count: int) -> list[str]:
    if name not in each:
        return [FAILED, "", ""]
    saved = numbers.shares(numbers.less(times(measured, name, first))) if first in each and name != first else ""
    half = numbers.seconds(percentile(measured.latencies, name, 50))
    return [numbers.seconds(numbers.scale(each[name], count)), saved, half]


def lateness(measured: Measured, aggregators: Sequence[str], ways: Sequence[str]) -> Table:
    """How late the loop is: the middle, and the worst, of its timers; and the time that a query takes."""
    each = medians(measured.samples)
    rows: list[tuple[str, ...]] = []
    for name in (f"{name}: {way}" for name in aggregators for way in ways):
        if name not in each:
            rows.append((name, FAILED, "", ""))
            continue
        late = [numbers.seconds(percentile(measured.latencies, name, per_cent, LATENESS)) for per_cent in (50, 100)]
        rows.append((name, *late, numbers.seconds(each[name])))
    columns = ("way", "half of its timers late by", "the worst", "time a query")
    return Table("How late the event loop is while it answers", columns, rows, rounds_note({"": measured}))


def clients(measured: Measured, ways: Sequence[str], levels: Sequence[int]) -> Table:
    """Requests a second and the 95th percentile of waiting, by way, at some numbers of clients."""
    each = medians(measured.samples)
    shown = sorted({levels[0], levels[-1]})
    rows = [(way, *(cell for level in shown for cell in _load(measured, each, f"{way}/{level}"))) for way in ways]
    heads = [head for level in shown for head in (f"{level} clients" if level > 1 else "1 client", "95 % waited")]
    return Table("Throughput and latency", ("way", *heads), rows, rounds_note({"": measured}))


def _load(measured: Measured, each: Mapping[str, Estimate], name: str) -> list[str]:
    if name not in each:
        return [FAILED if name in measured.failed else "not run", ""]
    return [numbers.a_second(each[name]), numbers.seconds(percentile(measured.latencies, name, 95))]


def pool_waits(measured: Measured, ways: Sequence[str], sizes: Sequence[int]) -> Table:
    """What a request waits for a connection, apart from its query, by way and size of the pool."""
    rows: list[tuple[str, ...]] = []
    for name in (f"{way}/{size}" for way in ways for size in sizes):
        if name in measured.failed:
            rows.append((name, FAILED, "", ""))
            continue
        middle = [percentile(measured.latencies, name, 50, kind) for kind in (LATENCY, POOL_WAIT, QUERY)]
        rows.append((name.replace("/", ", connections: "), *(numbers.seconds(one) for one in middle)))
    columns = ("way", "half of the requests took", "of it waiting for a connection", "and the query")
    return Table("Where a request's time goes, by the size of the pool", columns, rows, rounds_note({"": measured}))


def loads(found: Mapping[str, Mapping[str, int]]) -> Table:
    """How many loads so many requests lead to."""
    columns = ("requests at once", *next(iter(found.values())))
    return Table("Loads", columns, [(name, *(f"{one:,}" for one in by.values())) for name, by in found.items()])


def identical(measured: Measured, number: int) -> Table:
    """Time a request when so many are all identical or all distinct."""
    rows = [(f"{number:,} {name}", numbers.seconds(value)) for name, value in sorted(medians(measured.samples).items())]
    note = rounds_note({"": measured})
    return Table("Identical and distinct requests", ("requests at once", "time a request"), rows, note)
