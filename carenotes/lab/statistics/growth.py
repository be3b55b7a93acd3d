"""How configurations grow along a number: of notes, of facilities, or whatever their conditions have a field for."""

from collections.abc import Sequence

from carenotes.lab.conditions import Condition
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate, slope
from carenotes.lab.statistics.fits import Line, line


def lines(measured: Measured, along: str = "notes") -> dict[Condition, Line]:
    """How each configuration grows: a fixed time and a time for each, fitted to two sizes or more."""
    return {one: line(measured.samples, at) for one, at in _sizes(measured, along).items() if len(at) > 1}


def last_decade(measured: Measured, along: str = "notes") -> dict[Condition, Estimate]:
    """The scaling exponent of each configuration over the last decade of the sizes (two or more of them).

    One exponent over all of them would be none: where the fixed time weighs, time hardly grows; where the notes do, it
    grows as they do.
    """
    there = decade([int(size) for size in measured.values(along)])
    sizes = _sizes(measured, along)
    ends = {one: {label: size for label, size in at.items() if size in there} for one, at in sizes.items()}
    return {one: slope(measured.samples, at) for one, at in ends.items() if len(at) > 1}


def decade(sizes: Sequence[int]) -> list[int]:
    """The sizes from a tenth of the largest on."""
    return [size for size in sizes if 10 * size >= max(sizes)]


def _sizes(measured: Measured, along: str) -> dict[Condition, dict[str, float]]:
    """The sizes at which each configuration was measured, by label."""
    there = measured.medians.keys()
    return {
        one: {label: float(size) for size, label in by_size.items() if label in there}
        for one, by_size in measured.along(along).items()
    }
