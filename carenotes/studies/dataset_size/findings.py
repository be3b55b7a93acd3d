"""Sentences of notebook 03."""

from collections.abc import Mapping, Sequence

from carenotes.lab.conditions import labels
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.growth import decade, last_decade, lines
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, Finding


def growth(measured: Measured) -> Finding:
    """Which configurations grow most and least in the end; the fastest at the largest size, and its law."""
    each, by_size = measured.medians, measured.along("notes")
    sizes = sorted(int(size) for size in measured.values("notes"))
    if len(sizes) < 2 or measured.failed:
        return NO_COMPARISON
    at_most = {name: by_size[one][sizes[-1]] for name, one in labels(by_size).items() if sizes[-1] in by_size[one]}
    best = min(at_most, key=lambda name: each[at_most[name]].value)
    said = [_in_the_end(measured, sizes)]
    said.append(f"At {sizes[-1]:,} notes {best} is the fastest: {numbers.seconds(each[at_most[best]])}.")
    law = lines(measured).get(labels(by_size)[best])
    if law:
        said.append(f"Its fixed time: {numbers.fitted(law.fixed)}; its time a note: {numbers.fitted(law.each)}.")
    return Finding(" ".join(filter(None, said)))


def _in_the_end(measured: Measured, sizes: Sequence[int]) -> str:
    """The scaling exponents of the last decade; nothing where that has but one size."""
    found = last_decade(measured)
    exponents = {name: found[one] for name, one in labels(measured.along("notes")).items() if one in found}
    if not exponents:
        return ""
    most, least = (pick(exponents, key=lambda name: exponents[name].value) for pick in (max, min))
    return (
        f"From {decade(sizes)[0]:,} to {sizes[-1]:,} notes (the last decade), {most} has the largest scaling exponent, "
        f"{numbers.plain(exponents[most])}, {least} the smallest, {numbers.plain(exponents[least])}."
    )


def isolation(attacks: Mapping[str, int]) -> Finding:
    """How many queries tried to reach other tenants' notes, and how many did."""
    asked, wrong = attacks["queries"], attacks["wrong"]
    if wrong:
        return Finding(f"✗ Of {asked:,} attacks on the isolation of tenants {wrong:,} came through.", "failed")
    return Finding(f"✓ {asked:,} attacks on the isolation of tenants: none came through.", "gate")


def row_size(measured: Measured) -> Finding:
    """How much longer each configuration takes over the longest texts than over the shortest."""
    each, by_length = measured.medians, measured.along("characters")
    lengths = sorted(int(length) for length in measured.values("characters"))
    shortest, longest = lengths[0], lengths[-1]
    ends = {name: (by_length[one][shortest], by_length[one][longest]) for name, one in labels(by_length).items()}
    if not {label for pair in ends.values() for label in pair} <= each.keys():
        return NO_COMPARISON
    longer = {name: numbers.inverse(times(measured, last, first)) for name, (first, last) in ends.items()}
    said = ", ".join(f"{name} {numbers.times(ratio)}" for name, ratio in longer.items())
    return Finding(f"With texts of {longest:,} characters instead of {shortest:,}, the time of a query: {said}.")
