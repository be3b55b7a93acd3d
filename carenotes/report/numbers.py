"""How numbers are written: three significant figures, units that keep them from 1 to 1,000, intervals in brackets."""

from collections.abc import Callable
from math import floor, log10

from carenotes.lab.statistics.estimates import Estimate

_PREFIXES = {-3: "n", -2: "µ", -1: "m", 0: "", 1: "k", 2: "M", 3: "G"}


def digits(value: float) -> str:
    """Three significant figures, thousands apart: 0.0123, 1.23, 12.3, 123, 1,234."""
    if value == 0:
        return "0"
    power = int(f"{abs(value):.2e}".partition("e")[2])  # of the rounded value: 0.9999 has two places, as 1.00 has
    return f"{value:,.{max(0, 2 - power)}f}"


def scaled(value: float, unit: str) -> tuple[float, str]:
    """A factor and a prefixed unit that bring `value` between 1 and 1,000."""
    power = 0 if value == 0 else max(-3, min(3, floor(log10(abs(value)) / 3)))
    return 1000.0**-power, _PREFIXES[power] + unit


def seconds(estimate: Estimate) -> str:
    """A duration: `17.2 ms [16.9, 17.8]`."""
    return _with_interval(estimate, *scaled(estimate.value, "s"))


def fitted(estimate: Estimate) -> str:
    """A duration that was fitted, given only where its interval lies above 0."""
    if estimate.interval is None:
        return "not known: too few rounds"
    low, high = estimate.interval
    if low > 0:
        return seconds(estimate)
    factor, unit = scaled(high, "s")
    return (
        f"not different from 0: at most {digits(high * factor)} {unit}" if high > 0 else "below 0: it grows as no line"
    )


def rate(estimate: Estimate, unit: str) -> str:
    """Units a second, from an estimate in seconds a unit: `0.982 M notes/s [0.97, 0.99]`, `9.03 GB/s`."""
    apart = " " if len(unit) > 1 else ""  # a prefix stands by a symbol, and apart from a word
    return _with_interval(inverse(estimate), *scaled(1 / estimate.value, f"{apart}{unit}/s"))


def a_second(estimate: Estimate) -> str:
    """How many there are in a second, from an estimate in seconds each: `2,030/s [1,980, 2,110]`."""
    return _with_interval(inverse(estimate), 1.0, "/s", gap="")


def times(estimate: Estimate) -> str:
    """A ratio: `12.3x [11.9, 12.8]`."""
    return _with_interval(estimate, 1.0, "x", gap="")


def plain(estimate: Estimate) -> str:
    """A number without a unit: `0.98 [0.95, 1.01]`."""
    return _with_interval(estimate, 1.0, "", gap="")


def scale(estimate: Estimate, factor: float) -> Estimate:
    """The same estimate of so many."""
    return _mapped(estimate, lambda value: value * factor)


def percent(value: float) -> str:
    """A share of one as per cent."""
    return f"{100 * value:.1f} %"


def shares(estimate: Estimate) -> str:
    """A share of one with its interval: `84.8 % [84.1, 85.5]`."""
    ends = f" [{', '.join(f'{100 * end:.1f}' for end in estimate.interval)}]" if estimate.interval else ""
    return percent(estimate.value) + ends


def size(number: float) -> str:
    """A number of bytes."""
    factor, unit = scaled(number, "B")
    return f"{digits(number * factor)} {unit}"


def inverse(estimate: Estimate) -> Estimate:
    """The same estimate the other way up."""
    return _mapped(estimate, lambda value: 1 / value)


def less(ratio: Estimate) -> Estimate:
    """The share of time that is saved by being `ratio` times as fast."""
    return _mapped(ratio, lambda value: 1 - 1 / value)


def saved(ratio: Estimate, said: str = "{}") -> str:
    """The share of time that a speedup saves, put into what is `said`; where its interval holds 0, that none is seen.

    `84.8 % [84.1, 85.5]`, `no detectable effect (-1.6 % [-8.4, 10.8])`. Without an interval nothing is known of that.
    """
    share = less(ratio)
    if share.interval and share.interval[0] <= 0 <= share.interval[1]:
        return f"no detectable effect ({shares(share)})"
    return said.format(shares(share))


def _mapped(estimate: Estimate, change: Callable[[float], float]) -> Estimate:
    interval = estimate.interval and tuple(sorted(change(end) for end in estimate.interval))
    return Estimate(change(estimate.value), (interval[0], interval[1]) if interval else None, estimate.rounds)


def _with_interval(estimate: Estimate, factor: float, unit: str, gap: str = " ") -> str:
    text = f"{digits(estimate.value * factor)}{gap}{unit.strip()}"
    if estimate.interval is None:
        return text
    low, high = (digits(end * factor) for end in estimate.interval)
    return f"{text} [{low}, {high}]"
