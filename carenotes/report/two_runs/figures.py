"""The figure of two runs: how many times as long each condition takes in the second one."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from carenotes.report import numbers
from carenotes.report.drawing import FAINT, INK, Figure, finish, panels, styled
from carenotes.report.two_runs.compare import CEILING, FASTER, SAME, SLOWER, UNDECIDED, Change, Comparison

_STYLE = {
    SLOWER: ("#d55e00", "s"),
    FASTER: ("#009e73", "^"),
    SAME: ("#0072b2", "o"),
    UNDECIDED: ("#e69f00", "D"),
    CEILING: (FAINT, "|"),
}
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


@styled
def ratios(changes: Sequence[Change], found: Comparison) -> Figure:
    """B/A of each condition of a notebook, with what does not matter as a band; what has no ratio says why."""
    canvas, [axes] = panels(1, 0.27 * len(changes) + 1.0)
    axes.axvspan(1 / found.matters, found.matters, color=FAINT, alpha=0.18, linewidth=0)
    axes.axvline(1, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    for place, one in enumerate(changes):
        _row(axes, place, one)
    axes.set_yticks(range(len(changes)), [f"{one.key[1]}: {one.key[2]}" for one in changes], size=7.5)
    axes.set_ylim(len(changes) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    _ratio_axis(axes, found.matters)
    notebook = changes[0].key[0]
    return finish(
        canvas,
        f"compare-{notebook[:2]}",
        f"Time in B as a multiple of the time in A, with intervals that hold for {found.family} ratios together; the "
        "band is what does not matter.",
        f"Ratios of times B/A in {notebook}. {', '.join(map(_said, changes))}.",
    )


def _row(axes: Axes, place: int, change: Change) -> None:
    colour, marker = _STYLE.get(change.word, (INK, "x"))
    if change.ratio is None:
        axes.text(0.02, place, change.word, transform=axes.get_yaxis_transform(), va="center", size=8, weight="bold")
        return
    if change.ratio.interval:
        axes.plot(change.ratio.interval, [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
    axes.plot([change.ratio.value], [place], marker=marker, color=colour, markersize=5.5)
    if change.word in (SLOWER, FASTER):
        words = f"{numbers.digits(change.ratio.value)}x {change.word}"
        end = max(change.ratio.interval or (change.ratio.value,))
        axes.annotate(words, (end, place), xytext=(6, 0), textcoords="offset points", va="center", size=8)


def _ratio_axis(axes: Axes, matters: float) -> None:
    """A log axis of ratios, wide enough to show what would count."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 1 / (1.15 * matters)), max(high, 1.15 * matters))
    axes.xaxis.set_major_locator(FixedLocator(_TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("time in B as a multiple of the time in A (log)")


def _said(change: Change) -> str:
    ratio = f" {numbers.digits(change.ratio.value)}x" if change.ratio else ""
    return f"{change.key[1]}: {change.key[2]}{ratio}, {change.word}"
