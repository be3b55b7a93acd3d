"""The table of readers and writers in notebook 05: both sides, by engine, journal and who writes."""

from collections.abc import Mapping

from carenotes.backends import engine_name
from carenotes.lab.conditions import Condition
from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.configurations.writers import READ_BUSY, WRITE_BUSY, WRITE_LATENCY
from carenotes.lab.open_loop.tails import BEYOND, needed, seconds_of
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate
from carenotes.report import numbers
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.report.table import FAILED, Table, rounds_note
from carenotes.studies.concurrency.readers_and_writers import READERS, WRITING

COLUMNS = ("who writes", "queries", "p50", "p99", "notes written", "p50 of a transaction", "p99", "busy")
_NOTE = (
    "Each reader and writer is a process with a connection, in a closed loop. Notes written a second: by the mean time "
    "of a transaction. Percentiles are of all rounds together; a p99 needs {needed:,} requests. A sample lasts "
    "{most} ms: a latency as long was cut short when the writers stopped, and is at least what stands here. Busy: "
    "transactions of readers and of writers that the database gave up and that were tried again. DuckDB has readers "
    "only: while a process writes, no other has the database open."
)


def readers_and_writers(measured: Measured, milliseconds: int) -> Table | Finding:
    """Throughput and percentiles of the readers and of the writers."""
    if not measured.conditions:
        return NOT_MEASURED
    each = measured.medians
    rows = [(_who(one), *_row(measured, each, label, one)) for label, one in measured.conditions.items()]
    note = f"{_NOTE.format(needed=needed(99), most=milliseconds)} {rounds_note({'': measured})}"
    return Table(f"{READERS} readers while others write", COLUMNS, rows, note)


def _who(one: Condition) -> str:
    """The engine and its journal, and who writes there."""
    place = ", ".join(filter(None, (engine_name(str(one.engine)), one.get("journal"))))
    number = one.get("writers")
    if not number:
        return f"{place}: {'nobody' if one.get('journal') else 'nobody can'}"
    return f"{place}: {number} writer{'s' if number > 1 else ''}, {one.get('writing')}"


def _row(measured: Measured, each: Mapping[str, Estimate], label: str, one: Condition) -> list[str]:
    if label not in each:
        return [FAILED if label in measured.failed else "not run", *[""] * (len(COLUMNS) - 2)]
    read = [_percentile(measured, label, per_cent, LATENCY) for per_cent in (50, 99)]
    if not one.get("writers"):
        return [numbers.a_second(each[label]), *read, *[""] * (len(COLUMNS) - 4)]
    writing, took = str(one.get("writing")), seconds_of(measured.latencies, label, WRITE_LATENCY)
    rate = one.get("writers") * WRITING[writing] / took.mean() if len(took) else None
    written = [f"{numbers.digits(rate)}/s" if rate else "none"]
    written += [_percentile(measured, label, per_cent, WRITE_LATENCY) for per_cent in (50, 99)]
    busy = [len(seconds_of(measured.latencies, label, kind)) for kind in (READ_BUSY, WRITE_BUSY)]
    return [numbers.a_second(each[label]), *read, *written, f"{busy[0]:,} and {busy[1]:,}"]


def _percentile(measured: Measured, label: str, per_cent: float, kind: str) -> str:
    """A percentile of all rounds together, where they carry it."""
    found = seconds_of(measured.latencies, label, kind)
    if len(found) < min(needed(per_cent), BEYOND * 100):
        return f"too few; longest {numbers.seconds(Estimate(float(found.max()), None, 0))}" if len(found) else "none"
    return numbers.seconds(Estimate(float(found.quantile(per_cent / 100)), None, len(found)))
