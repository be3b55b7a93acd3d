"""Sentences of notebook 02."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from carenotes.designs import title
from carenotes.lab.conditions import SELECT_1
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding
from carenotes.studies.one_query.ceilings import CLOCK, FILE_READ, MEMORY_COPY
from carenotes.studies.one_query.experiment import (
    ABLATION,
    DESIGNS,
    FULL_STACK,
    ONE_PASS,
    OPTIMIZED,
    PAUSED,
    STEPS,
    UNPAUSED,
    answering,
)


def fastest(one: Measured, labels: Iterable[str]) -> str | None:
    """Which of these has the least median; None when none was measured."""
    each = one.medians
    return min((name for name in labels if name in each), key=lambda name: each[name].value, default=None)


def comparison(spans: Mapping[str, Measured]) -> Finding:
    """How far the fastest condition of each span is from `naive` and from the floor."""
    said = []
    for span, one in spans.items():
        naive, floor = one.of(aggregator="naive"), one.of(statement=SELECT_1)
        best = fastest(one, answering(one))
        if best is None or naive in one.failed:
            said.append(f"{span}: no comparison, a condition failed its correctness check")
            continue
        faster, above = times(one, best, naive), numbers.inverse(times(one, best, floor))
        said.append(
            f"{span}: the fastest is {best}, with a speedup of {numbers.times(faster)} over naive; "
            f"it takes {numbers.times(above)} the time of {SELECT_1}"
        )
    return Finding("; ".join(said) + ".") if said else NOT_MEASURED


def designs(measured: Measured, aggregator: str) -> Finding:
    """What each design gains the aggregator over no index."""
    none, *others = (measured.of(aggregator=aggregator, design=one) for one in DESIGNS)
    each = measured.medians
    if none not in each:
        return NO_COMPARISON
    said = [
        f"{title(str(measured.conditions[label].design))} {numbers.times(times(measured, label, none))}"
        for label in others
        if label in each
    ]
    return Finding(f"The speedup of {aggregator} over no index: {', '.join(said)}.")


def original_tables(measured: Mapping[str, Measured]) -> Finding:
    """What is left of the original's claims when the pause is taken out."""
    if not measured:
        return NOT_MEASURED
    said = []
    for name, one in measured.items():
        each = one.medians
        paused, unpaused, fast = (one.of(**fields) for fields in (PAUSED, UNPAUSED, OPTIMIZED))
        if not {paused, unpaused, fast} <= each.keys():
            said.append(f"{name}: no comparison, a program failed its correctness check")
            continue
        pause = 1 - each[unpaused].value / each[paused].value
        claimed = ORIGINAL_FIGURES[name]["saved_percent"]
        saved, left = (numbers.saved(times(one, fast, slow), "{} less time") for slow in (paused, unpaused))
        said.append(
            f"{name.capitalize()}: claimed {claimed} % less time; rerun with the pause, which alone is "
            f"{numbers.percent(pause)} of the original's time, {saved}; without it, {left}"
        )
    return Finding(". ".join(said) + ".")


def steps(measured: Measured) -> Finding:
    """Which step of the naive answer takes the most, and what one pass instead of five saves."""
    order, instead = [measured.of(**fields) for fields in STEPS], measured.of(step=ONE_PASS)
    if {*order, instead} & set(measured.failed):
        return NO_COMPARISON
    each = measured.medians
    added = {after: each[after].value - each[before].value for before, after in pairwise(order)}
    most, last = max(added, key=lambda name: added[name]), order[-1]
    saved = numbers.saved(times(measured, instead, last), "{} less time")
    return Finding(
        f"The most expensive step is '{most}': {numbers.percent(added[most] / each[last].value)} of the whole. "
        f"One pass instead of five: {saved} for the whole."
    )


def ablation(measured: Measured) -> Finding:
    """Without which measure a query takes the longest, and without which the shortest."""
    each, full = measured.medians, measured.of(**FULL_STACK)
    without = {label: what for fields, what in ABLATION if (label := measured.of(**fields)) in each}
    if full not in each or not without:
        return NO_COMPARISON
    slower = {label: numbers.inverse(times(measured, label, full)) for label in without}
    most, least = (pick(without, key=lambda label: slower[label].value) for pick in (max, min))
    return Finding(
        f"Most missed is {without[most]}: without it a query takes {numbers.times(slower[most])} the time. "
        f"Least missed is {without[least]}: {numbers.times(slower[least])}. Gains do not add up: what a measure "
        f"gains depends on which others are there."
    )


def limits(ceilings: Measured, plans: Measured, scanned: int) -> Finding:
    """How fast a full scan goes through the file of so many bytes, against reading and copying the same bytes.

    Copying is a limit of reading, which copies, as far as it is seen to be faster.
    """
    best, each = ceilings.medians, plans.medians
    scan = plans.of(aggregator="naive", design="none")
    if scan not in each:
        return NO_COMPARISON
    read, copied, clock = (ceilings.of(limit=one) for one in (FILE_READ, MEMORY_COPY, CLOCK))
    through = scanned / each[scan].value
    factor, unit = numbers.scaled(through, "B")
    faster = times(ceilings, copied, read).interval
    copying = "copying them in memory is not seen to be faster than that"
    if faster and faster[0] > 1:
        copying = f"{numbers.percent(through * best[copied].value)} of what copying them in memory gives"
    return Finding(
        f"Without an index, a query goes through the file at {numbers.digits(through * factor)} {unit}/s: "
        f"{numbers.percent(through * best[read].value)} of what reading the same bytes from the page cache gives; "
        f"{copying}. Reading the clock twice takes {numbers.seconds(best[clock])}."
    )
