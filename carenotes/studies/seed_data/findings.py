"""Sentences of notebook 01."""

from collections.abc import Mapping

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import all_times, times
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, Finding
from carenotes.studies.seed_data.experiment import BAR_ALONE, READY_TUPLES, WITHOUT_BAR


def loading(measured: Measured) -> Finding:
    """The fastest writer and batch size against the driver with ready tuples and against the ORM."""
    each, baseline = measured.medians, measured.of(writer=READY_TUPLES)
    tried = [name for name in each if name != baseline]
    if not tried or baseline not in each:
        return NO_COMPARISON
    best = min(tried, key=lambda name: each[name].value)
    rate, ratio = numbers.rate(each[best], "notes"), numbers.times(all_times(measured, baseline)[best])
    said = f"The fastest is {best}: {rate}, {ratio} the rate of {baseline}"
    slow = [name for name in measured.every(writer="add_all") if name in each]
    if slow:
        ours = min(slow, key=lambda name: each[name].value)
        said += f" and {numbers.times(times(measured, best, ours))} that of the ORM at its best"
    return Finding(said + ".")


def progress(measured: Measured, reports: Mapping[str, int]) -> Finding:
    """How often a load reports its notes, and the share of its time that the progress bar takes."""
    load, alone = measured.of(load=WITHOUT_BAR), measured.of(load=BAR_ALONE)
    if not {load, alone} <= measured.medians.keys():
        return NO_COMPARISON
    share = numbers.shares(numbers.inverse(times(measured, alone, load)))
    return Finding(f"Batches: {reports['batches']}, reports: {reports['reports']}; the bar takes {share} of a load.")
