"""Sentences of the seed's smaller claims."""

from collections.abc import Mapping

from carenotes.lab.estimates import Estimate, medians, ratios
from carenotes.lab.study import Measured
from carenotes.report import numbers
from carenotes.report.readings.reading import NO_COMPARISON, Reading

TENTH = 1.1
FASTER, SLOWER, ALIKE, OPEN = "A tenth faster or more", "A tenth slower or more", "Alike", "Open"


def differences(found: Mapping[str, Measured], against: Mapping[str, Mapping[str, str]]) -> Reading:
    """Which ways differ by a tenth or more from the ones they are held against, which do not, and what is open."""
    said: dict[str, dict[str, list[str]]] = {kind: {} for kind in (FASTER, SLOWER, ALIKE, OPEN)}
    for experiment, one in found.items():
        each = medians(one.samples)
        for name, base in against[experiment.partition("/")[0]].items():
            if {name, base} <= each.keys():
                said[_kind(ratios(one.samples, base)[name])].setdefault(experiment, []).append(name)
    told = [f"{kind}: {_by_experiment(names)}." for kind, names in said.items() if names]
    return Reading(" ".join(told)) if told else NO_COMPARISON


def _by_experiment(names: Mapping[str, list[str]]) -> str:
    return ", ".join(f"{experiment} ({', '.join(of)})" for experiment, of in names.items())


def _kind(faster: Estimate) -> str:
    if faster.interval is None:
        return OPEN
    low, high = faster.interval
    if low >= TENTH:
        return FASTER
    if high <= 1 / TENTH:
        return SLOWER
    return ALIKE if low > 1 / TENTH and high < TENTH else OPEN


def progress(measured: Measured, seen: Mapping[str, int], load: str, alone: str) -> Reading:
    """How often a load tells of its notes, and the share of its time that the telling takes."""
    told = f"{seen['batches']} batches are told of {seen['times told']} times"
    if not {load, alone} <= medians(measured.samples).keys():
        return NO_COMPARISON
    share = numbers.inverse(ratios(measured.samples, load)[alone])
    return Reading(f"{told}; the telling takes {numbers.shares(share)} of the time of a load.")
