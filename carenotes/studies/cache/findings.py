"""Sentences of notebook 04."""

from collections.abc import Mapping, Sequence
from typing import Any

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.estimates import medians
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding


def faults(found: Mapping[str, Mapping[str, str]], ours: str) -> Finding:
    """How many of the faults our cache survives."""
    lost = [fault for fault, said in found[ours].items() if said]
    if lost:
        return Finding(f"✗ FAILED: {ours} does not survive: {', '.join(lost)}.", "failed")
    return Finding(f"✓ {ours} survives all {len(found[ours])}.", "gate")


def hit_price(measured: Measured, floor: str, best: str, peers: Sequence[str]) -> Finding:
    """Our hit against the bare look-up, and against the fastest peer."""
    each = medians(measured.samples)
    there = [name for name in peers if name in each]
    if not {floor, best} <= each.keys() or not there:
        return NO_COMPARISON
    next_best = min(there, key=lambda name: each[name].value)
    above = numbers.inverse(times(measured, best, floor))
    ahead = times(measured, best, next_best)
    return Finding(
        f"A hit takes {numbers.seconds(each[best])}, {numbers.times(above)} the time of a {floor}; "
        f"it is {numbers.times(ahead)} as fast as the fastest of the others, {next_best}."
    )


def hit_worth(measured: Measured | None, hit: str, theirs: str) -> Finding:
    """What the original's 2,813 times become, by what a hit is compared with."""
    if measured is None:
        return NOT_MEASURED
    each = medians(measured.samples)
    if not {hit, theirs} <= each.keys():
        return NO_COMPARISON
    said = [
        f"{numbers.times(times(measured, hit, name))} against {name}"
        for name in ("original, with its pause", "original, without", "pushdown, covering index")
        if name in each
    ]
    claimed = ORIGINAL_FIGURES["hit"]["speedup"]
    return Finding(
        f"Claimed: {claimed:,}x, with a hit of about 0.0000 s. Here the original's own scheme answers from memory in "
        f"{numbers.seconds(each[theirs])}, ours in {numbers.seconds(each[hit])}; that is {'; '.join(said)}."
    )


def hit_ratios(found: Sequence[Mapping[str, Any]]) -> Finding:
    """How far the measured ratios are from what theory expects, and where staleness is the price."""
    off = max(abs(one["hit_ratio"] - one["expected"]) for one in found)
    worst = max(found, key=lambda one: float(one["stale"]))
    return Finding(
        f"The real cache is within {numbers.percent(off)} of what renewal theory expects. The price: with a time to "
        f"live of {worst['ttl']:,} s and an asking each {worst['gap']:,} s, {numbers.percent(worst['stale'])} of the "
        f"answers are out of date."
    )
