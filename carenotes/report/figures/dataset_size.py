"""Figures of notebook 03."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from carenotes.experiments.dataset_size import exponents
from carenotes.lab.estimates import Estimate, medians, seconds_each
from carenotes.lab.study import Measured
from carenotes.report.drawing import Figure, finish, panels, style_of, styled
from carenotes.report.figures.axes import label_ends, log_ticks, plain, said_of


@styled
def growth(measured: Measured, rungs: Sequence[str], sizes: Sequence[int]) -> Figure:
    """Seconds a question over the number of notes, a line a rung, both axes logarithmic."""
    canvas, [axes] = panels(1, 3.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    ends = [end for rung in rungs for end in _line(axes, measured, rung, sizes)]
    further = [_further(axes, end, exponents(measured, rungs, sizes), sizes) for end in ends]
    log_ticks(axes.yaxis, axes.get_ylim(), "s")
    axes.set_xlim(right=sizes[-1] * 80)  # room for a decade beyond, and for the labels at the ends
    log_ticks(axes.xaxis, axes.get_xlim(), "")
    axes.set_xlabel("notes in the table (log)")
    axes.set_ylabel("median time a question (log)")
    label_ends(axes, further)
    caption = (
        "How the time of one question grows with the table: medians with 95 % intervals as bands, single rounds faint. "
        "Dotted: drawn on by the fitted power to ten times the notes; not measured."
    )
    said = said_of(measured, [f"{rung}/{sizes[place]}" for rung in rungs for place in (0, -1)])
    beyond = ", ".join(f"{rung} about {plain(Estimate(there, None, 0))}" for _, there, rung, _ in further)
    alt = f"Time a question by rung and number of notes. {said}. Drawn on to ten times the notes: {beyond}."
    return finish(canvas, "growth", caption, alt)


def _line(axes: Axes, measured: Measured, rung: str, sizes: Sequence[int]) -> "list[End]":
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


End = tuple[float, float, str, str]  # where a line ends: notes, seconds; its rung, its colour


def _further(axes: Axes, end: End, powers: Mapping[str, Estimate], sizes: Sequence[int]) -> End:
    """Draw a line on by its power over a decade that was not measured; where it ends then."""
    notes, seconds, rung, colour = end
    if rung not in powers:
        return end
    beyond = 10.0 * sizes[-1], seconds * (10.0 * sizes[-1] / notes) ** powers[rung].value
    axes.plot([notes, beyond[0]], [seconds, beyond[1]], color=colour, linewidth=1.1, dashes=(1, 2))
    return *beyond, rung, colour


@styled
def widths(measured: Measured, rungs: Sequence[str], lengths: Sequence[int]) -> Figure:
    """Seconds a question over the length of the notes' texts, a line a rung."""
    canvas, [axes] = panels(1, 3.3)
    axes.set_xscale("log")
    axes.set_yscale("log")
    labels = [end for rung in rungs for end in _line(axes, measured, rung, lengths)]
    log_ticks(axes.yaxis, axes.get_ylim(), "s")
    axes.set_xlim(right=lengths[-1] * 8)
    axes.set_xticks(lengths, [f"{length:,}" for length in lengths])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("letters in the text of each note (log)")
    axes.set_ylabel("median time a question (log)")
    label_ends(axes, labels)
    caption = "The same question over the same notes with longer texts, which it does not read."
    ends = said_of(measured, [f"{rung}/{lengths[place]}" for rung in rungs for place in (0, -1)])
    return finish(canvas, "widths", caption, f"Time a question by rung and length of the text. {ends}.")
