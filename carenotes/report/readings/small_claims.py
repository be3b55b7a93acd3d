"""Sentences of the seed's smaller claims."""

from collections.abc import Mapping

from carenotes.lab.estimates import Estimate, medians, ratios
from carenotes.lab.study import Measured
from carenotes.report import numbers
from carenotes.report.readings.reading import NO_COMPARISON, Reading

TENTH = 1.1


def differences(found: Mapping[str, Measured], against: Mapping[str, Mapping[str, str]]) -> Reading:
    """Which ways differ by a tenth or more from the ones they are held against, which do not, and what is open."""
    said: dict[str, list[str]] = {"a tenth faster or more": [], "a tenth slower or more": [], "alike": [], "open": []}
    for experiment, one in found.items():
        each = medians(one.samples)
        for name, base in against[experiment.partition("/")[0]].items():
            if {name, base} <= each.keys():
                said[_kind(ratios(one.samples, base)[name])].append(f"{experiment}: {name}")
    told = [f"{kind}: {', '.join(names)}" for kind, names in said.items() if names]
    return Reading(". ".join(one[:1].upper() + one[1:] for one in told) + ".") if told else NO_COMPARISON


def _kind(faster: Estimate) -> str:
    if faster.interval is None:
        return "open"
    low, high = faster.interval
    if low >= TENTH:
        return "a tenth faster or more"
    if high <= 1 / TENTH:
        return "a tenth slower or more"
    return "alike" if low > 1 / TENTH and high < TENTH else "open"


def progress(measured: Measured, seen: Mapping[str, int], load: str, alone: str) -> Reading:
    """How often a load tells of its notes, and the share of its time that the telling takes."""
    told = f"{seen['batches']} batches are told of {seen['times told']} times"
    if not {load, alone} <= medians(measured.samples).keys():
        return NO_COMPARISON
    share = numbers.inverse(ratios(measured.samples, load)[alone])
    return Reading(f"{told}; the telling takes {numbers.shares(share)} of the time of a load.")
