"""What figures share: axes of durations, dots with intervals, the same in words."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from carenotes.lab.conditions import SELECT_1
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate
from carenotes.report import numbers
from carenotes.report.drawing import INK, style_of


def seconds_axis(axes: Axes, label: str) -> None:
    """A log axis of durations, from left to right; to be called when all is drawn."""
    axes.set_xscale("log")
    log_ticks(axes.xaxis, axes.get_xlim(), "s")
    axes.set_xlabel(label)
    axes.grid(visible=True, axis="x", which="major")


def log_ticks(axis: Axis, limits: tuple[float, float], unit: str) -> None:
    """Ticks at decades, and at twos and fives between them where there are few decades."""
    axis.set_major_locator(LogLocator(10, subs=(1.0,) if limits[1] / max(limits[0], 1e-12) > 60 else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value, unit)))
    axis.set_minor_formatter(NullFormatter())


End = tuple[float, float, str, str]  # of a line: x, y, the words there, their colour
_LETTERS, _APART, _BESIDE = 8, 10, 8  # points: size of the words, from one to the next above, from the line's end


def label_ends(axes: Axes, ends: Sequence[End]) -> None:
    """Words at the ends of lines of axes that are laid out; who would collide or stand above is moved apart."""
    points = 72 / axes.figure.dpi
    upwards = sorted(ends, key=lambda end: end[1])
    at = [float(axes.transData.transform((x, y))[1]) * points for x, y, _, _ in upwards]
    heights = _spread(at, axes.bbox.y1 * points - _APART / 2)
    for (x, y, text, colour), line, height in zip(upwards, at, heights, strict=True):
        offset = (_BESIDE, height - line)
        axes.annotate(text, (x, y), xytext=offset, textcoords="offset points", color=colour, va="center", size=_LETTERS)


def lay_out(axes: Axes) -> None:
    """Have axes know where they will stand."""
    canvas = axes.get_figure(root=True)
    if canvas and (layout := canvas.get_layout_engine()):
        layout.execute(canvas)


def _spread(heights: Sequence[float], top: float) -> list[float]:
    """The same heights, from low to high, moved apart: upwards first, and down again from where there is no more."""
    found, least = [], -math.inf
    for height in heights:
        least = max(height, least + _APART)
        found.append(least)
    for place in reversed(range(len(found))):
        found[place] = min(found[place], top)
        top = found[place] - _APART
    return found


def room_for_ends(axes: Axes, ends: Sequence[End]) -> None:
    """Draw the x axis on to the right, as far as the words at the ends of lines reach; the axes are laid out."""
    canvas = axes.figure
    across = axes.xaxis.get_transform()
    left, right = (float(across.transform(end)) for end in axes.get_xlim())
    for x, _, text, _ in ends:
        written = axes.text(0, 0, text, transform=None, size=_LETTERS)
        taken = written.get_window_extent().width + 2 * _BESIDE * canvas.dpi / 72
        written.remove()
        right = max(right, left + (float(across.transform(x)) - left) / (1 - taken / axes.bbox.width))
    axes.set_xlim(right=float(across.inverted().transform(right)))


def short(value: float, unit: str) -> str:
    """A number with a prefixed unit, for an axis."""
    factor, prefixed = (1.0, unit) if unit == "s" and value >= 1 else numbers.scaled(value, unit)
    return f"{value * factor:,.6g} {prefixed.strip()}".strip()


def dots(axes: Axes, measured: Measured, order: Sequence[str], floor: str = "") -> None:
    """Raw rounds faint, the median with its interval, its value beside it; a failed condition says so.

    `order` has labels from the top; `floor` that of `SELECT 1`, drawn as a line.
    """
    each, raw = measured.medians, measured.seconds
    for place, name in enumerate(order):
        if name not in each:
            axes.text(0.02, place, "FAILED", transform=axes.get_yaxis_transform(), va="center", weight="bold")
            continue
        colour, marker = style_of(measured.conditions[name])
        axes.plot(raw[name], [place] * len(raw), linestyle="", marker="|", color=colour, alpha=0.35, markersize=7)
        dot(axes, each[name], place, colour, marker)
    if floor in each:
        axes.axvline(each[floor].value, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"{SELECT_1} {plain(each[floor])}",
            (each[floor].value, 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, -2),
            textcoords="offset points",
            va="top",
            size=8,
        )


def dot(axes: Axes, estimate: Estimate, place: float, colour: str, marker: str, *, below: bool = False) -> None:
    """An estimate with its interval, its value above or below it."""
    if estimate.interval:
        axes.plot(estimate.interval, [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
    axes.plot([estimate.value], [place], marker=marker, color=colour, markersize=7)
    axes.annotate(
        plain(estimate),
        (estimate.value, place),
        xytext=(0, -6 if below else 8),
        textcoords="offset points",
        ha="center",
        va="top" if below else "baseline",
        size=8,
    )


def plain(estimate: Estimate) -> str:
    """A duration without its interval."""
    return numbers.seconds(Estimate(estimate.value, None, estimate.rounds))


def said_of(measured: Measured, order: Sequence[str] | Mapping[str, str]) -> str:
    """The figure in words: each condition, by its label if it has one, with its time."""
    each = measured.medians
    labels = order if isinstance(order, Mapping) else {name: name for name in order}
    return ", ".join(f"{label} {plain(each[name]) if name in each else 'FAILED'}" for name, label in labels.items())
