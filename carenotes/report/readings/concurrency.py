"""Sentences of notebook 05."""

from collections.abc import Sequence

from carenotes.lab.claims import SEED_CLAIMS
from carenotes.lab.contenders.services import LATENESS
from carenotes.lab.difference import times
from carenotes.lab.estimates import medians, percentile
from carenotes.lab.study import Measured
from carenotes.report import numbers
from carenotes.report.readings.reading import NO_COMPARISON, NOT_MEASURED, Reading


def requests(measured: Measured | None, steps: Sequence[str]) -> Reading:
    """Where the 96 % come from: the pause, the blocked loop, the passes, the cache."""
    if measured is None:
        return NOT_MEASURED
    pause, free, without, one_pass, _, warm, *_ = steps
    if not {pause, free, without, one_pass, warm} <= set(medians(measured.samples)):
        return NO_COMPARISON
    saved = {name: numbers.less(times(measured, name, pause)) for name in (free, warm)}
    passes = numbers.less(times(measured, one_pass, without))
    cache = numbers.less(times(measured, warm, one_pass))
    return Reading(
        f"Claimed: {SEED_CLAIMS['concurrent']['saved_percent']} % less time; rerun: {numbers.shares(saved[warm])}. "
        f"A pause that leaves the loop free already saves {numbers.shares(saved[free])}; without the pause, one pass "
        f"instead of five saves {numbers.shares(passes)}, and what is left is the cache: sixteen of twenty requests "
        f"are answered from it, {numbers.shares(cache)} less time."
    )


def twenty(measured: Measured | None, first: str, fast: str, count: int) -> Reading:
    """What the first version and the fast path take for so many distinct questions at once."""
    if measured is None:
        return NOT_MEASURED
    each = medians(measured.samples)
    if not {first, fast} <= each.keys():
        return NO_COMPARISON
    whole = {name: numbers.seconds(numbers.scale(each[name], count)) for name in (first, fast)}
    faster = numbers.times(times(measured, fast, first))
    return Reading(
        f"Of the notes here, {count} distinct questions at once take {whole[first]} in all by {first}, and "
        f"{whole[fast]} by {fast}: {faster} as fast, without a cache."
    )


def lateness(measured: Measured, aggregators: Sequence[str], ways: Sequence[str]) -> Reading:
    """The worst lateness of each way, for each aggregator."""
    said = []
    for name in aggregators:
        there = [way for way in ways if f"{name}: {way}" not in measured.failed]
        worst = [
            f"{numbers.seconds(percentile(measured.latencies, f'{name}: {way}', 100, LATENESS))} with {way}"
            for way in there
        ]
        said.append(f"while {name} answers, the loop is late by up to {', '.join(worst)}")
    return Reading("; ".join(said) + ".")


def clients(measured: Measured, ways: Sequence[str], levels: Sequence[int]) -> Reading:
    """The most requests a second of each way, and against a single client in the loop."""
    each = medians(measured.samples)
    said = []
    for way in ways:
        there = [level for level in levels if f"{way}/{level}" in each]
        if there:
            best = min(there, key=lambda level: each[f"{way}/{level}"].value)
            said.append(f"{way} {numbers.a_second(each[f'{way}/{best}'])} with {best}")
    return Reading(f"The most requests: {'; '.join(said)} clients.") if said else NO_COMPARISON


def pools(measured: Measured, way: str, sizes: Sequence[int]) -> Reading:
    """What the largest pool brings against a single connection."""
    first, last = f"{way}/{sizes[0]}", f"{way}/{sizes[-1]}"
    if not {first, last} <= set(medians(measured.samples)):
        return NO_COMPARISON
    more = times(measured, last, first)
    return Reading(f"{way}: {sizes[-1]} connections bring {numbers.times(more)} the throughput of {sizes[0]}.")
