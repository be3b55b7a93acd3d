"""Tables of notebook 01."""

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import all_times
from carenotes.report import numbers
from carenotes.report.table import FAILED, Table, conditions, rounds_note
from carenotes.studies.seed_data.experiment import READY_TUPLES


def loading(measured: Measured) -> Table:
    """Each writer: notes a second, and against the driver with ready tuples."""
    baseline = measured.of(writer=READY_TUPLES)
    each, against = measured.medians, all_times(measured, baseline)
    rows = [
        (name, numbers.rate(each[name], "notes"), "" if name == baseline else numbers.times(against[name]))
        for name in conditions(measured)
    ] + [(name, FAILED, "") for name in measured.failed]
    return Table("Loading into SQLite", ("writer", "rate", f"rate of {baseline}"), rows, rounds_note({"": measured}))
