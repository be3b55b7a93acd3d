"""Tables of notebook 05."""

from collections.abc import Mapping, Sequence

from carenotes.lab.configurations.closed_loop import EVENT_LOOP_LAG
from carenotes.lab.configurations.services import LATENCY, POOL_WAIT, QUERY
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.estimates import Estimate, percentile
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.report import numbers
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.report.table import FAILED, Table, rounds_note
from carenotes.studies.concurrency.experiment import REQUESTS, WITH_PAUSE
from carenotes.studies.concurrency.lines import lines, names_without_design, point, pooled
from carenotes.studies.concurrency.loads import Loads

_LITTLE = (
    "Little's law: the mean number of requests in the system is the throughput by the mean latency. Beside it stands "
    "how many there were, counted as requests begin and end. Percentiles are of all rounds together."
)


def requests(measured: Measured | None) -> Table | Finding:
    """The original's third table in steps: total time of its requests, time saved against the first, p50 latency."""
    if measured is None:
        return NOT_MEASURED
    claim, each = ORIGINAL_FIGURES["concurrent"], measured.medians
    rows: list[tuple[str, ...]] = [("claimed: original", f"{1000 * claim['original_s']:.0f} ms", "", "")]
    rows.append(("claimed: optimized", f"{1000 * claim['optimized_s']:.1f} ms", f"{claim['saved_percent']} %", ""))
    first = measured.of(aggregator="original_first", pause=WITH_PAUSE)
    rows += [(name, *_step(measured, each, label, first)) for label, name in names_without_design(measured).items()]
    columns = ("twenty requests", "in all", "time saved", "p50 latency")
    note = "Latency counts from the moment when all twenty were sent. " + rounds_note({"": measured})
    return Table("The original's third table, taken apart", columns, rows, note)


def _step(measured: Measured, each: Mapping[str, Estimate], label: str, first: str) -> list[str]:
    if label not in each:
        return [FAILED, "", ""]
    saved = numbers.saved(times(measured, label, first)) if first in each and label != first else ""
    middle = numbers.seconds(percentile(measured.latencies, label, 50))
    return [numbers.seconds(numbers.scale(each[label], REQUESTS)), saved, middle]


def event_loop_lag(measured: Measured) -> Table:
    """How late the loop is: the middle, and the worst, of its timers; and the time that a query takes."""
    each = measured.medians
    rows: list[tuple[str, ...]] = []
    for label in measured.conditions:
        if label not in each:
            rows.append((label, FAILED, "", ""))
            continue
        lags = [numbers.seconds(percentile(measured.latencies, label, one, EVENT_LOOP_LAG)) for one in (50, 100)]
        rows.append((label, *lags, numbers.seconds(each[label])))
    columns = ("service", "p50 lag", "largest lag", "time a query")
    note = f"Lag of timers of 1 ms. {rounds_note({'': measured})}"
    return Table("Event-loop lag while queries are answered", columns, rows, note)


def clients(measured: Measured, query: str) -> Table:
    """Requests a second and the p95 latency, by service, with each number of clients."""
    each, found = measured.medians, lines(measured, "clients")
    shown = sorted({number for line in found for number in line.labels})
    rows = [
        (line.name, *(cell for number in shown for cell in _load(measured, each, line.labels.get(number, ""))))
        for line in found
    ]
    heads = [head for one in shown for head in (f"{one} client{'' if one == 1 else 's'}", "p95 latency")]
    return Table(f"Throughput and latency of {query}", ("service", *heads), rows, rounds_note({"": measured}))


def _load(measured: Measured, each: Mapping[str, Estimate], label: str) -> list[str]:
    if label not in each:
        return [FAILED if label in measured.failed else "not run", ""]
    return [numbers.a_second(each[label]), numbers.seconds(percentile(measured.latencies, label, 95))]


def pools(measured: Measured, query: str) -> Table:
    """By service and size of the pool: throughput, latency, the wait for a connection apart; and Little's law."""
    each = measured.medians
    rows: list[tuple[str, ...]] = []
    for label in (label for line in lines(measured, "connections") for label in line.labels.values()):
        found = point(measured, label)
        if found is None:
            rows.append((label, FAILED if label in measured.failed else "not run", *[""] * 6))
            continue
        shown = ((50, LATENCY), (99, LATENCY), (50, POOL_WAIT), (50, QUERY))
        seconds = [numbers.seconds(pooled(measured, label, *one)) for one in shown]
        law = [numbers.digits(one) for one in (found.by_law, found.counted)]
        rows.append((label, numbers.a_second(each[label]), *seconds, *law))
    percentiles = ("p50 latency", "p99 latency", "p50 wait for a connection", "p50 of the query")
    columns = ("service", "requests", *percentiles, "throughput x mean latency", "counted in the system")
    note = f"{_LITTLE} {rounds_note({'': measured})}"
    return Table(f"Where the time of {query} goes, by the size of the pool", columns, rows, note)


def loads(found: Loads, requests: Sequence[int]) -> Table:
    """How many loads so many requests lead to."""
    columns = ("requests at once", *(f"{number:,} requests" for number in requests))
    rows = [(", ".join(key), *(f"{by[number]:,}" for number in requests)) for key, by in found.items()]
    return Table("Loads", columns, rows)


def identical(measured: Measured) -> Table:
    """Time a request when so many are all identical or all distinct."""
    each = measured.medians
    rows = [
        (f"{one.clients:,} {label}", numbers.seconds(each[label]) if label in each else FAILED)
        for label, one in measured.conditions.items()
    ]
    note = rounds_note({"": measured})
    return Table("Identical and distinct requests", ("requests at once", "time a request"), rows, note)
