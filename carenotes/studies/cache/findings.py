"""Sentences of notebook 04."""

from collections.abc import Mapping, Sequence
from typing import Any

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding
from carenotes.studies.cache.caches import ORIGINALS, OURS
from carenotes.studies.cache.experiment import PAUSED, UNPAUSED
from carenotes.studies.cache.hits import FLOOR, SAME


def faults(found: Mapping[str, Mapping[str, str]]) -> Finding:
    """How many of the faults our cache survives."""
    lost = [fault for fault, said in found[OURS].items() if said]
    if lost:
        return Finding(f"✗ FAILED: {OURS} does not survive: {', '.join(lost)}.", "failed")
    return Finding(f"✓ {OURS} survives all {len(found[OURS])}.", "gate")


def hit_latency(measured: Measured) -> Finding:
    """Our hit against the bare look-up, and against the fastest peer."""
    floor, ours = measured.of(cache=FLOOR), measured.of(cache=OURS, key=SAME)
    each = measured.medians
    peers = [name for name in each if measured.conditions[name].get("cache") not in (FLOOR, OURS)]
    if not {floor, ours} <= each.keys() or not peers:
        return NO_COMPARISON
    next_best = min(peers, key=lambda name: each[name].value)
    above = numbers.times(numbers.inverse(times(measured, ours, floor)))
    ahead = numbers.times(times(measured, ours, next_best))
    return Finding(
        f"A hit takes {numbers.seconds(each[ours])}, {above} the time of a {floor}; "
        f"its speedup over the fastest of the others, {next_best}, is {ahead}."
    )


def hit_speedup(measured: Measured | None) -> Finding:
    """What the claimed speedup of a hit becomes, by what a hit is compared with."""
    if measured is None:
        return NOT_MEASURED
    ours, theirs = (measured.of(cache=name) for name in (OURS, ORIGINALS))
    each = measured.medians
    if not {ours, theirs} <= each.keys():
        return NO_COMPARISON
    without = [measured.of(aggregator="original_first", pause=one) for one in (PAUSED, UNPAUSED)]
    without.append(measured.of(aggregator="pushdown"))
    said = [f"{numbers.times(times(measured, ours, name))} over {name}" for name in without if name in each]
    claimed = ORIGINAL_FIGURES["hit"]["speedup"]
    return Finding(
        f"Claimed: {claimed:,}x, with a hit of about 0.0000 s. Here the original's own scheme answers from memory in "
        f"{numbers.seconds(each[theirs])}, ours in {numbers.seconds(each[ours])}: a speedup of {'; '.join(said)}."
    )


def hit_ratios(found: Sequence[Mapping[str, Any]]) -> Finding:
    """How far the measured ratios are from what theory expects, and where answers are stale most often."""
    off = max(abs(one["hit_ratio"] - one["expected"]) for one in found)
    worst = max(found, key=lambda one: float(one["stale"]))
    stale = numbers.percent(worst["stale"])
    return Finding(
        f"The real cache is within {numbers.percent(off)} of what renewal theory expects. The cost: with a time to "
        f"live of {worst['ttl']:,} s and a query each {worst['interarrival']:,} s, {stale} of the answers are stale."
    )
