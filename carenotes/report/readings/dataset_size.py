"""Sentences of notebook 03."""

from collections.abc import Mapping, Sequence

from carenotes.experiments.dataset_size import decade, last_decade, lines
from carenotes.lab.difference import times
from carenotes.lab.estimates import medians
from carenotes.lab.study import Measured
from carenotes.report import numbers
from carenotes.report.readings.reading import NO_COMPARISON, Reading


def growth(measured: Measured, rungs: Sequence[str], sizes: Sequence[int]) -> Reading:
    """Which rungs grow most and least in the end; the fastest at the largest size, and its prices."""
    each = medians(measured.samples)
    if len(sizes) < 2 or measured.failed:
        return NO_COMPARISON
    best = min(
        (rung for rung in rungs if f"{rung}/{sizes[-1]}" in each), key=lambda rung: each[f"{rung}/{sizes[-1]}"].value
    )
    said = [_in_the_end(measured, rungs, sizes)]
    said.append(f"At {sizes[-1]:,} notes {best} is the fastest: {numbers.seconds(each[f'{best}/{sizes[-1]}'])}.")
    law = lines(measured, [best], sizes).get(best)
    if law:
        said.append(f"Its fixed price: {numbers.price(law.fixed)}; its price a note: {numbers.price(law.each)}.")
    return Reading(" ".join(filter(None, said)))


def _in_the_end(measured: Measured, rungs: Sequence[str], sizes: Sequence[int]) -> str:
    """The powers of the last decade; nothing where that has but one size."""
    powers = last_decade(measured, rungs, sizes)
    if not powers:
        return ""
    most, least = (pick(powers, key=lambda rung: powers[rung].value) for pick in (max, min))
    return (
        f"From {decade(sizes)[0]:,} to {sizes[-1]:,} notes (the last decade), {most} grows as the notes to the power "
        f"of {numbers.plain(powers[most])}, {least} to that of {numbers.plain(powers[least])}."
    )


def isolation(attacks: Mapping[str, int]) -> Reading:
    """How many questions tried to reach other tenants' notes, and how many did."""
    asked, wrong = attacks["questions"], attacks["wrong"]
    if wrong:
        return Reading(f"✗ Of {asked:,} attacks on the isolation of tenants {wrong:,} came through.", "failed")
    return Reading(f"✓ {asked:,} attacks on the isolation of tenants: none came through.", "gate")


def widths(measured: Measured, rungs: Sequence[str], lengths: Sequence[int]) -> Reading:
    """How much longer each rung takes over the longest texts than over none."""
    each = medians(measured.samples)
    if not {f"{rung}/{lengths[place]}" for rung in rungs for place in (0, -1)} <= each.keys():
        return NO_COMPARISON
    longest = {rung: (f"{rung}/{lengths[0]}", f"{rung}/{lengths[-1]}") for rung in rungs}
    more = {rung: numbers.inverse(times(measured, last, first)) for rung, (first, last) in longest.items()}
    said = ", ".join(f"{rung} {numbers.times(ratio)}" for rung, ratio in more.items())
    return Reading(f"With texts of {lengths[-1]:,} letters instead of {lengths[0]:,}, the time of a question: {said}.")
