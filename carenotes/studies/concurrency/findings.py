"""Sentences of notebook 05."""

from collections.abc import Sequence

from carenotes.lab.configurations.services import LATENESS
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.estimates import medians, percentile
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding


def requests(measured: Measured | None, steps: Sequence[str]) -> Finding:
    """Where the 96 % come from: the pause, the blocked loop, the passes, the cache."""
    if measured is None:
        return NOT_MEASURED
    pause, free, without, one_pass, _, warm, *_ = steps
    if not {pause, free, without, one_pass, warm} <= set(medians(measured.samples)):
        return NO_COMPARISON
    saved = {name: numbers.less(times(measured, name, pause)) for name in (free, warm)}
    passes = numbers.less(times(measured, one_pass, without))
    cache = numbers.less(times(measured, warm, one_pass))
    return Finding(
        f"Claimed: {ORIGINAL_FIGURES['concurrent']['saved_percent']} % less time; rerun: {numbers.shares(saved[warm])}. "
        f"A pause that leaves the loop free already saves {numbers.shares(saved[free])}; without the pause, one pass "
        f"instead of five saves {numbers.shares(passes)}, and what is left is the cache: sixteen of twenty requests "
        f"are answered from it, {numbers.shares(cache)} less time."
    )


def twenty(measured: Measured | None, first: str, fast: str, count: int) -> Finding:
    """What the first version and the fast path take for so many distinct queries at once."""
    if measured is None:
        return NOT_MEASURED
    each = medians(measured.samples)
    if not {first, fast} <= each.keys():
        return NO_COMPARISON
    whole = {name: numbers.seconds(numbers.scale(each[name], count)) for name in (first, fast)}
    faster = numbers.times(times(measured, fast, first))
    return Finding(
        f"Of the notes here, {count} distinct queries at once take {whole[first]} in all by {first}, and "
        f"{whole[fast]} by {fast}: {faster} as fast, without a cache."
    )


def lateness(measured: Measured, aggregators: Sequence[str], ways: Sequence[str]) -> Finding:
    """The worst lateness of each way, for each aggregator."""
    said = []
    for name in aggregators:
        there = [way for way in ways if f"{name}: {way}" not in measured.failed]
        worst = [
            f"{numbers.seconds(percentile(measured.latencies, f'{name}: {way}', 100, LATENESS))} with {way}"
            for way in there
        ]
        said.append(f"while {name} answers, the loop is late by up to {', '.join(worst)}")
    return Finding("; ".join(said) + ".")


def clients(measured: Measured, ways: Sequence[str], levels: Sequence[int]) -> Finding:
    """The most requests a second of each way, and against a single client in the loop."""
    each = medians(measured.samples)
    said = []
    for way in ways:
        there = [level for level in levels if f"{way}/{level}" in each]
        if there:
            best = min(there, key=lambda level: each[f"{way}/{level}"].value)
            said.append(f"{way} {numbers.a_second(each[f'{way}/{best}'])} with {best}")
    return Finding(f"The most requests: {'; '.join(said)} clients.") if said else NO_COMPARISON


def pools(measured: Measured, way: str, sizes: Sequence[int]) -> Finding:
    """What the largest pool brings against a single connection."""
    first, last = f"{way}/{sizes[0]}", f"{way}/{sizes[-1]}"
    if not {first, last} <= set(medians(measured.samples)):
        return NO_COMPARISON
    more = times(measured, last, first)
    return Finding(f"{way}: {sizes[-1]} connections bring {numbers.times(more)} the throughput of {sizes[0]}.")
