"""Sentences of notebook 01."""

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import all_times, times
from carenotes.lab.statistics.estimates import medians
from carenotes.report import numbers
from carenotes.report.finding import Finding


def loading(measured: Measured, baseline: str) -> Finding:
    """The best way to load against the baseline and against the ORM."""
    each, against = medians(measured.samples), all_times(measured, baseline)
    best = min((name for name in each if name != baseline), key=lambda name: each[name].value)
    way, _, size = best.partition("/")
    said = f"The fastest is {way} in batches of {int(size):,}: {numbers.rate(each[best], 'notes')}"
    said += f", {numbers.times(against[best])} the rate of {baseline}"
    slow = [name for name in each if name.startswith("add_all/")]
    if slow:
        ours = min(slow, key=lambda name: each[name].value)
        said += f" and {numbers.times(times(measured, best, ours))} that of the ORM at its best"
    return Finding(said + ".")
