"""Figures of notebook 04."""

from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import PercentFormatter

from carenotes.lab.runner.measured import Measured
from carenotes.report.axes import dots, said_of, seconds_axis
from carenotes.report.drawing import FAINT, Figure, finish, panels, styled
from carenotes.studies.cache.hits import FLOOR

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7")
_MARKERS = ("o", "D", "^", "s", "P")


@styled
def hit_latency(measured: Measured) -> Figure:
    """Seconds a hit of each cache, about slow above fast, with the bare look-up to measure against."""
    floor = measured.of(cache=FLOOR)
    order = [label for label in measured.conditions if label != floor]
    canvas, [axes] = panels(1, 0.62 * len(order) + 0.9)
    dots(axes, measured, order, floor)
    seconds_axis(axes, "median latency of a hit (log)")
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.12)
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(len(order) - 0.5, -0.75)
    caption = "Median latency of a hit; bars are 95 % intervals, ticks single rounds, the dashed line the floor."
    return finish(canvas, "hit-latency", caption, f"Latency of a hit by cache. {said_of(measured, [*order, floor])}.")


@styled
def hit_ratios(found: Sequence[dict[str, Any]]) -> Figure:
    """Hit ratio, measured and expected, and share of stale answers, over the time between two queries."""
    canvas, [hits, stale] = panels(2, 3.1, sharex=True)
    for ttl, colour, marker in zip(sorted({one["ttl"] for one in found}), _COLOURS, _MARKERS, strict=False):
        of_one = [one for one in found if one["ttl"] == ttl]
        apart = [one["interarrival"] for one in of_one]
        hits.plot(apart, [one["expected"] for one in of_one], color=colour, linewidth=1, dashes=(3, 2))
        hits.plot(apart, [one["hit_ratio"] for one in of_one], color=colour, linestyle="", marker=marker)
        stale.plot(apart, [one["stale"] for one in of_one], color=colour, marker=marker, label=f"TTL {ttl:,} s")
    for axes, title in ((hits, "answered from the cache"), (stale, "answered with something out of date")):
        axes.set_title(title)
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        seconds_axis(axes, "mean interarrival time of the queries (log)")
    stale.legend(frameon=False, labelcolor="linecolor", fontsize=8)
    hits.annotate("dashes: T / (T + interarrival time)", (0.03, 0.05), xycoords="axes fraction", color=FAINT, size=8)
    said = "; ".join(
        f"TTL {one['ttl']} s, a query each {one['interarrival']} s: {one['hit_ratio']:.0%} hits, "
        f"{one['stale']:.0%} stale"
        for one in found
    )
    return finish(
        canvas, "hit-ratios", "What a time to live gives, and what it costs.", f"Hit ratio and staleness. {said}."
    )
