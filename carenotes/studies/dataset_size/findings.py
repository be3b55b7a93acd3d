"""Sentences of notebook 03."""

from collections.abc import Mapping, Sequence

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.estimates import medians
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, Finding
from carenotes.studies.dataset_size.experiment import decade, last_decade, lines


def growth(measured: Measured, configurations: Sequence[str], sizes: Sequence[int]) -> Finding:
    """Which configurations grow most and least in the end; the fastest at the largest size, and its prices."""
    each = medians(measured.samples)
    if len(sizes) < 2 or measured.failed:
        return NO_COMPARISON
    best = min(
        (configuration for configuration in configurations if f"{configuration}/{sizes[-1]}" in each),
        key=lambda configuration: each[f"{configuration}/{sizes[-1]}"].value,
    )
    said = [_in_the_end(measured, configurations, sizes)]
    said.append(f"At {sizes[-1]:,} notes {best} is the fastest: {numbers.seconds(each[f'{best}/{sizes[-1]}'])}.")
    law = lines(measured, [best], sizes).get(best)
    if law:
        said.append(f"Its fixed price: {numbers.price(law.fixed)}; its price a note: {numbers.price(law.each)}.")
    return Finding(" ".join(filter(None, said)))


def _in_the_end(measured: Measured, configurations: Sequence[str], sizes: Sequence[int]) -> str:
    """The powers of the last decade; nothing where that has but one size."""
    powers = last_decade(measured, configurations, sizes)
    if not powers:
        return ""
    most, least = (pick(powers, key=lambda configuration: powers[configuration].value) for pick in (max, min))
    return (
        f"From {decade(sizes)[0]:,} to {sizes[-1]:,} notes (the last decade), {most} grows as the notes to the power "
        f"of {numbers.plain(powers[most])}, {least} to that of {numbers.plain(powers[least])}."
    )


def isolation(attacks: Mapping[str, int]) -> Finding:
    """How many queries tried to reach other tenants' notes, and how many did."""
    asked, wrong = attacks["queries"], attacks["wrong"]
    if wrong:
        return Finding(f"✗ Of {asked:,} attacks on the isolation of tenants {wrong:,} came through.", "failed")
    return Finding(f"✓ {asked:,} attacks on the isolation of tenants: none came through.", "gate")


def widths(measured: Measured, configurations: Sequence[str], lengths: Sequence[int]) -> Finding:
    """How much longer each configuration takes over the longest texts than over none."""
    each = medians(measured.samples)
    if (
        not {f"{configuration}/{lengths[place]}" for configuration in configurations for place in (0, -1)}
        <= each.keys()
    ):
        return NO_COMPARISON
    longest = {
        configuration: (f"{configuration}/{lengths[0]}", f"{configuration}/{lengths[-1]}")
        for configuration in configurations
    }
    more = {
        configuration: numbers.inverse(times(measured, last, first)) for configuration, (first, last) in longest.items()
    }
    said = ", ".join(f"{configuration} {numbers.times(ratio)}" for configuration, ratio in more.items())
    return Finding(f"With texts of {lengths[-1]:,} letters instead of {lengths[0]:,}, the time of a query: {said}.")
