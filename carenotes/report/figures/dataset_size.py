"""Figures of notebook 03."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullFormatter

from carenotes.experiments.dataset_size import decade, last_decade
from carenotes.lab.estimates import Estimate, medians, seconds_each
from carenotes.lab.study import Measured
from carenotes.report.drawing import Figure, finish, panels, style_of, styled
from carenotes.report.figures.axes import End, label_ends, log_ticks, room_for_ends, said_of


@styled
def growth(measured: Measured, rungs: Sequence[str], sizes: Sequence[int]) -> Figure:
    """Seconds a question over the number of notes, a line a rung, both axes logarithmic."""
    powers = last_decade(measured, rungs, sizes)
    canvas, axes = _lines(measured, rungs, sizes, {rung: f" ({one.value:.2f})" for rung, one in powers.items()}, 3.8)
    log_ticks(axes.xaxis, (sizes[0], sizes[-1]), "")
    axes.set_xlabel("notes in the table (log)")
    caption = (
        "How the time of one question grows with the table: medians with 95 % intervals as bands, single rounds faint. "
        f"In brackets: the power of the notes that it grows as from {decade(sizes)[0]:,} of them on."
    )
    return finish(
        canvas, "growth", caption, f"Time a question by rung and number of notes. {_said(measured, rungs, sizes)}."
    )


def _lines(
    measured: Measured, rungs: Sequence[str], at: Sequence[int], more: Mapping[str, str], height: float
) -> tuple[Canvas, Axes]:
    """A line a rung, both axes logarithmic; at its end its name, and what `more` says of it."""
    canvas, [axes] = panels(1, height)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylabel("median time a question (log)")
    ends = [
        (x, y, rung + more.get(rung, ""), colour)
        for rung in rungs
        for x, y, rung, colour in _line(axes, measured, rung, at)
    ]
    log_ticks(axes.yaxis, axes.get_ylim(), "s")
    room_for_ends(axes, ends)
    label_ends(axes, ends)
    return canvas, axes


def _said(measured: Measured, rungs: Sequence[str], at: Sequence[int]) -> str:
    return said_of(measured, [f"{rung}/{at[place]}" for rung in rungs for place in (0, -1)])


def _line(axes: Axes, measured: Measured, rung: str, sizes: Sequence[int]) -> list[End]:
    """Draw a rung over sizes; where its line ends, its name, its colour."""
    each, raw = medians(measured.samples), seconds_each(measured.samples)
    there = [size for size in sizes if f"{rung}/{size}" in each]
    if not there:
        return []
    colour, marker = style_of(rung)
    dashes = (None, None) if "no index" not in rung else (3, 2)
    for size in there:
        rounds = raw[f"{rung}/{size}"]
        axes.plot([size] * len(rounds), rounds, linestyle="", marker="_", color=colour, alpha=0.3, markersize=6)
    values = [each[f"{rung}/{size}"].value for size in there]
    axes.plot(there, values, color=colour, marker=marker, markersize=5, dashes=dashes)
    _band(axes, [each[f"{rung}/{size}"] for size in there], there, colour)
    return [(there[-1], values[-1], rung, colour)]


def _band(axes: Axes, estimates: Sequence[Estimate], at: Sequence[int], colour: str) -> None:
    """The intervals along a line."""
    ends = [one.interval or (one.value, one.value) for one in estimates]
    axes.fill_between(at, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.15, linewidth=0)


@styled
def widths(measured: Measured, rungs: Sequence[str], lengths: Sequence[int]) -> Figure:
    """Seconds a question over the length of the notes' texts, a line a rung."""
    canvas, axes = _lines(measured, rungs, lengths, {}, 3.3)
    axes.set_xticks(lengths, [f"{length:,}" for length in lengths])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("letters in the text of each note (log)")
    caption = "The same question over the same notes with longer texts, which it does not read."
    return finish(
        canvas, "widths", caption, f"Time a question by rung and length of the text. {_said(measured, rungs, lengths)}."
    )
