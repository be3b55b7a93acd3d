"""Figures of notebook 04 (its comparisons are those of notebook 02)."""

from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import PercentFormatter

from carenotes.report.axes import seconds_axis
from carenotes.report.drawing import FAINT, Figure, finish, panels, styled

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7")
_MARKERS = ("o", "D", "^", "s", "P")


@styled
def hit_ratios(found: Sequence[dict[str, Any]]) -> Figure:
    """Hit ratio, measured and expected, and share of stale answers, over how seldom a query is asked again."""
    canvas, [hits, stale] = panels(2, 3.1, sharex=True)
    for ttl, colour, marker in zip(sorted({one["ttl"] for one in found}), _COLOURS, _MARKERS, strict=False):
        of_one = [one for one in found if one["ttl"] == ttl]
        gaps = [one["gap"] for one in of_one]
        hits.plot(gaps, [one["expected"] for one in of_one], color=colour, linewidth=1, dashes=(3, 2))
        hits.plot(gaps, [one["hit_ratio"] for one in of_one], color=colour, linestyle="", marker=marker)
        stale.plot(gaps, [one["stale"] for one in of_one], color=colour, marker=marker, label=f"TTL {ttl:,} s")
    for axes, title in ((hits, "answered from the cache"), (stale, "answered with something out of date")):
        axes.set_title(title)
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        seconds_axis(axes, "mean time between two askings (log)")
    stale.legend(frameon=False, labelcolor="linecolor", fontsize=8)
    hits.annotate("dashes: T / (T + gap)", (0.03, 0.05), xycoords="axes fraction", color=FAINT, size=8)
    said = "; ".join(
        f"TTL {one['ttl']} s, asked each {one['gap']} s: {one['hit_ratio']:.0%} hits, {one['stale']:.0%} stale"
        for one in found
    )
    return finish(canvas, "hit-ratios", "What a time to live buys, and its price.", f"Hit ratio and staleness. {said}.")
