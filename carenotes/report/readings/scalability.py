"""The Universal Scalability Law in a sentence."""

from collections.abc import Sequence

from carenotes.lab.fits import usl
from carenotes.lab.study import Measured
from carenotes.report import numbers
from carenotes.report.readings.reading import NO_COMPARISON, Reading


def scalability(measured: Measured, ways: Sequence[str], levels: Sequence[int]) -> Reading:
    """Which ways follow the law, and for which it cannot be told."""
    found = {way: one for way in ways if (one := usl(measured, way, levels))}
    if not found:
        return NO_COMPARISON
    said = [
        f"{way}: not identified ({one.why_not})"
        if one.why_not
        else f"{way}: each client costs every other {numbers.plain(one.kappa)} of a request"
        + (f", so that about {one.peak:,.0f} bring the most" if one.peak else "")
        for way, one in found.items()
    ]
    return Reading(f"The Universal Scalability Law, {'; '.join(said)}.")
