"""Sentences of notebook 05."""

from carenotes.lab.configurations.closed_loop import EVENT_LOOP_LAG
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.estimates import medians, percentile
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding
from carenotes.studies.concurrency.experiment import (
    AWAITED_PAUSE,
    NO_CACHE,
    REQUESTS,
    THREADS,
    WARM,
    WITH_PAUSE,
    WITHOUT_PAUSE,
)
from carenotes.studies.concurrency.lines import lines


def requests(measured: Measured | None) -> Finding:
    """Where the 96 % come from: the pause, the blocked loop, the passes, the cache."""
    if measured is None:
        return NOT_MEASURED
    pause, awaited, without = (
        measured.of(aggregator="original_first", pause=one) for one in (WITH_PAUSE, AWAITED_PAUSE, WITHOUT_PAUSE)
    )
    one_pass, warm = (measured.of(aggregator="original_optimized", cache=one) for one in (NO_CACHE, WARM))
    if not {pause, awaited, without, one_pass, warm} <= set(medians(measured.samples)):
        return NO_COMPARISON
    rerun = numbers.shares(numbers.less(times(measured, warm, pause)))
    return Finding(
        f"Claimed: {ORIGINAL_FIGURES['concurrent']['saved_percent']} % less time; rerun: {rerun}. Time saved by a "
        f"pause that leaves the loop free: {numbers.saved(times(measured, awaited, pause))}. Without the pause, by one "
        f"pass instead of five: {numbers.saved(times(measured, one_pass, without))}; by the cache, which answers "
        f"sixteen of twenty requests: {numbers.saved(times(measured, warm, one_pass))}."
    )


def twenty(measured: Measured | None) -> Finding:
    """What the first version and the fast path take for so many distinct queries at once."""
    if measured is None:
        return NOT_MEASURED
    each = medians(measured.samples)
    first, fast = (measured.of(aggregator=name) for name in ("naive", "pushdown"))
    if not {first, fast} <= each.keys():
        return NO_COMPARISON
    whole = {label: numbers.seconds(numbers.scale(each[label], REQUESTS)) for label in (first, fast)}
    return Finding(
        f"Of the notes here, {REQUESTS} distinct queries at once take {whole[first]} in all by {first}, and "
        f"{whole[fast]} by {fast}: a speedup of {numbers.times(times(measured, fast, first))} without a cache."
    )


def event_loop_lag(measured: Measured) -> Finding:
    """The largest lag of each service, for each aggregator."""
    said = []
    for name in measured.values("aggregator"):
        there = {str(one.get("service")): label for label, one in measured.every(aggregator=name).items()}
        worst = [
            f"{numbers.seconds(percentile(measured.latencies, label, 100, EVENT_LOOP_LAG))} with {service}"
            for service, label in there.items()
            if label not in measured.failed
        ]
        said.append(f"while {name} answers, the event-loop lag is at most {', '.join(worst)}")
    return Finding("; ".join(said) + ".")


def clients(measured: Measured) -> Finding:
    """The most requests a second of each service."""
    each = medians(measured.samples)
    said = []
    for line in lines(measured, "clients"):
        there = [number for number, label in line.labels.items() if label in each]
        if there:
            best = min(there, key=lambda number: each[line.labels[number]].value)
            said.append(f"{line.name} {numbers.a_second(each[line.labels[best]])} with {best}")
    return Finding(f"The highest throughput: {'; '.join(said)} clients.") if said else NO_COMPARISON


def pools(measured: Measured) -> Finding:
    """What the largest pool of threads gives against the smallest."""
    by_size = {
        number: label
        for line in lines(measured, "connections")
        for number, label in line.labels.items()
        if line.condition.get("service") == THREADS
    }
    if not by_size.keys() or not {by_size[min(by_size)], by_size[max(by_size)]} <= set(medians(measured.samples)):
        return NO_COMPARISON
    smallest, largest = min(by_size), max(by_size)
    more = numbers.times(times(measured, by_size[largest], by_size[smallest]))
    return Finding(f"{THREADS}: {largest} connections give {more} the throughput of {smallest}.")
