"""Sentences of notebook 02."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import all_times, times
from carenotes.lab.statistics.estimates import medians
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding
from carenotes.studies.one_query.ceilings import CLOCK, FILE_READ, MEMORY_COPY


def fastest(one: Measured, names: Iterable[str]) -> str | None:
    """Which of these has the least median; None when none was measured."""
    each = medians(one.samples)
    return min((name for name in names if name in each), key=lambda name: each[name].value, default=None)


def comparison(spans: Mapping[str, Measured], baseline: str, configurations: Iterable[str], floor: str) -> Finding:
    """How far the fastest configuration of each span is from the baseline and from the floor."""
    said = []
    for span, one in spans.items():
        best = fastest(one, configurations)
        if best is None or baseline in one.failed:
            said.append(f"{span}: no comparison, a configuration failed its gate")
            continue
        faster, above = times(one, best, baseline), numbers.inverse(times(one, best, floor))
        said.append(
            f"{span}: the fastest is {best}, {numbers.times(faster)} as fast as {baseline}, "
            f"and takes {numbers.times(above)} the time of {floor}"
        )
    return Finding("; ".join(said) + ".")


def plans(measured: Measured, aggregator: str) -> Finding:
    """What each plan buys the aggregator over no index."""
    none = f"{aggregator}/none"
    if none in measured.failed:
        return NO_COMPARISON
    faster = all_times(measured, none)
    said = [
        f"{name.partition('/')[2]} {numbers.times(ratio)}"
        for name, ratio in faster.items()
        if name.startswith(f"{aggregator}/") and name != none
    ]
    return Finding(f"Against no index, {aggregator} is faster by: {', '.join(sorted(said))}.")


def original_tables(measured: Mapping[str, Measured]) -> Finding:
    """What is left of the original's claims when the pause is taken out."""
    if not measured:
        return NOT_MEASURED
    said = []
    for name, one in measured.items():
        each = medians(one.samples)
        with_pause, without, fast = (
            each.get(key) for key in ("original, with its pause", "original, without", "optimized")
        )
        if not (with_pause and without and fast):
            said.append(f"{name}: no comparison, a program failed its gate")
            continue
        pause = 1 - without.value / with_pause.value
        claimed = ORIGINAL_FIGURES[name]["saved_percent"]
        saved = numbers.less(times(one, "optimized", "original, with its pause")).value
        left = numbers.less(times(one, "optimized", "original, without")).value
        said.append(
            f"{name.capitalize()}: claimed {claimed} % less time; rerun {numbers.percent(saved)} with the pause, "
            f"which alone is {numbers.percent(pause)} of the original's time; {numbers.percent(left)} without it"
        )
    return Finding(". ".join(said) + ".")


def steps(measured: Measured, order: Sequence[str], instead: str) -> Finding:
    """Which step of the naive answer takes the most, and what one pass instead of five saves."""
    if {*order, instead} & set(measured.failed):
        return NO_COMPARISON
    each = medians(measured.samples)
    added = {after: each[after].value - each[before].value for before, after in pairwise(order)}
    most, last = max(added, key=lambda name: added[name]), order[-1]
    saved = numbers.less(times(measured, instead, last))
    return Finding(
        f"The dearest step is '{most}': {numbers.percent(added[most] / each[last].value)} of the whole. "
        f"One pass instead of five saves {numbers.shares(saved)} of the whole."
    )


def ablation(measured: Measured, taken_away: Mapping[str, str], full: str) -> Finding:
    """Which measure is missed most, and which least."""
    there = [name for name in taken_away if name in medians(measured.samples)]
    if full in measured.failed or not there:
        return NO_COMPARISON
    slower = {name: numbers.inverse(times(measured, name, full)) for name in there}
    most, least = (pick(there, key=lambda name: slower[name].value) for pick in (max, min))
    return Finding(
        f"Most missed is {taken_away[most]}: without it a query takes {numbers.times(slower[most])} the time. "
        f"Least missed is {taken_away[least]}: {numbers.times(slower[least])}. Gains do not add up: what a measure "
        f"buys depends on which others are there."
    )


def limits(ceilings: Measured, plans: Measured, scanned: int, scan: str) -> Finding:
    """How fast a full scan goes through the file, against reading and copying the same bytes.

    Copying is a limit of reading, which copies, as far as it is told to be faster.
    """
    best, each = medians(ceilings.samples), medians(plans.samples)
    if scan not in each:
        return NO_COMPARISON
    through = scanned / each[scan].value
    share = {name: through * best[name].value for name in (FILE_READ, MEMORY_COPY)}
    factor, unit = numbers.scaled(through, "B")
    clock = numbers.seconds(best[CLOCK])
    faster = times(ceilings, MEMORY_COPY, FILE_READ).interval
    copying = "copying them in memory is not told to be faster than that"
    if faster and faster[0] > 1:
        copying = f"{numbers.percent(share[MEMORY_COPY])} of what copying them in memory gives"
    return Finding(
        f"Without an index, a query goes through the file at {numbers.digits(through * factor)} {unit}/s: "
        f"{numbers.percent(share[FILE_READ])} of what reading the same bytes from the page cache gives; "
        f"{copying}. Finding the clock twice takes {clock}."
    )
