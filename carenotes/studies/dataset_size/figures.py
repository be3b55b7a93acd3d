"""Figures of notebook 03."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullFormatter

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate, medians, seconds_each
from carenotes.report.axes import End, label_ends, log_ticks, room_for_ends, said_of
from carenotes.report.drawing import Figure, finish, panels, style_of, styled
from carenotes.studies.dataset_size.experiment import decade, last_decade


@styled
def growth(measured: Measured, configurations: Sequence[str], sizes: Sequence[int]) -> Figure:
    """Seconds a query over the number of notes, a line a configuration, both axes logarithmic."""
    powers = last_decade(measured, configurations, sizes)
    canvas, axes = _lines(
        measured,
        configurations,
        sizes,
        {configuration: f" ({one.value:.2f})" for configuration, one in powers.items()},
        3.8,
    )
    log_ticks(axes.xaxis, (sizes[0], sizes[-1]), "")
    axes.set_xlabel("notes in the table (log)")
    caption = (
        "How the time of one query grows with the table: medians with 95 % intervals as bands, single rounds faint. "
        f"In brackets: the power of the notes that it grows as from {decade(sizes)[0]:,} of them on."
    )
    return finish(
        canvas,
        "growth",
        caption,
        f"Time a query by configuration and number of notes. {_said(measured, configurations, sizes)}.",
    )


def _lines(
    measured: Measured, configurations: Sequence[str], at: Sequence[int], more: Mapping[str, str], height: float
) -> tuple[Canvas, Axes]:
    """A line a configuration, both axes logarithmic; at its end its name, and what `more` says of it."""
    canvas, [axes] = panels(1, height)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylabel("median time a query (log)")
    ends = [
        (x, y, configuration + more.get(configuration, ""), colour)
        for configuration in configurations
        for x, y, configuration, colour in _line(axes, measured, configuration, at)
    ]
    log_ticks(axes.yaxis, axes.get_ylim(), "s")
    room_for_ends(axes, ends)
    label_ends(axes, ends)
    return canvas, axes


def _said(measured: Measured, configurations: Sequence[str], at: Sequence[int]) -> str:
    return said_of(measured, [f"{configuration}/{at[place]}" for configuration in configurations for place in (0, -1)])


def _line(axes: Axes, measured: Measured, configuration: str, sizes: Sequence[int]) -> list[End]:
    """Draw a configuration over sizes; where its line ends, its name, its colour."""
    each, raw = medians(measured.samples), seconds_each(measured.samples)
    there = [size for size in sizes if f"{configuration}/{size}" in each]
    if not there:
        return []
    colour, marker = style_of(configuration)
    dashes = (None, None) if "no index" not in configuration else (3, 2)
    for size in there:
        rounds = raw[f"{configuration}/{size}"]
        axes.plot([size] * len(rounds), rounds, linestyle="", marker="_", color=colour, alpha=0.3, markersize=6)
    values = [each[f"{configuration}/{size}"].value for size in there]
    axes.plot(there, values, color=colour, marker=marker, markersize=5, dashes=dashes)
    _band(axes, [each[f"{configuration}/{size}"] for size in there], there, colour)
    return [(there[-1], values[-1], configuration, colour)]


def _band(axes: Axes, estimates: Sequence[Estimate], at: Sequence[int], colour: str) -> None:
    """The intervals along a line."""
    ends = [one.interval or (one.value, one.value) for one in estimates]
    axes.fill_between(at, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.15, linewidth=0)


@styled
def widths(measured: Measured, configurations: Sequence[str], lengths: Sequence[int]) -> Figure:
    """Seconds a query over the length of the notes' texts, a line a configuration."""
    canvas, axes = _lines(measured, configurations, lengths, {}, 3.3)
    axes.set_xticks(lengths, [f"{length:,}" for length in lengths])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("letters in the text of each note (log)")
    caption = "The same query over the same notes with longer texts, which it does not read."
    return finish(
        canvas,
        "widths",
        caption,
        f"Time a query by configuration and length of the text. {_said(measured, configurations, lengths)}.",
    )
