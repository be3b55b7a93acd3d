"""Figures of notebook 03."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullFormatter

from carenotes.lab.conditions import Condition, labels
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate, medians, seconds_each
from carenotes.report.axes import label_ends, log_ticks, room_for_ends, said_of
from carenotes.report.drawing import Figure, finish, panels, style_of, styled
from carenotes.studies.dataset_size.experiment import decade, last_decade


@styled
def growth(measured: Measured) -> Figure:
    """Seconds a query over the number of notes, a line for each configuration, both axes logarithmic."""
    exponents, sizes = last_decade(measured), sorted(int(size) for size in measured.values("notes"))
    canvas, axes = _lines(measured, "notes", {one: f" ({each.value:.2f})" for one, each in exponents.items()}, 3.8)
    log_ticks(axes.xaxis, (sizes[0], sizes[-1]), "")
    axes.set_xlabel("notes in the table (log)")
    caption = (
        "How the time of one query grows with the table: medians with 95 % intervals as bands, single rounds faint. "
        f"In brackets: the scaling exponent from {decade(sizes)[0]:,} notes on."
    )
    alt = f"Time a query by configuration and number of notes. {_said(measured, 'notes')}."
    return finish(canvas, "growth", caption, alt)


def _lines(measured: Measured, along: str, more: Mapping[Condition, str], height: float) -> tuple[Canvas, Axes]:
    """A line for each configuration along a field, both axes logarithmic; at its end its name, and what `more` says."""
    canvas, [axes] = panels(1, height)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylabel("median time a query (log)")
    by_number = measured.along(along)
    ends = [
        (x, y, name + more.get(one, ""), style_of(one)[0])
        for name, one in labels(by_number).items()
        for x, y in _line(axes, measured, one, by_number[one])
    ]
    log_ticks(axes.yaxis, axes.get_ylim(), "s")
    room_for_ends(axes, ends)
    label_ends(axes, ends)
    return canvas, axes


def _said(measured: Measured, along: str) -> str:
    """The ends of each line."""
    by_number = [list(one.values()) for one in measured.along(along).values()]
    return said_of(measured, [label for one in by_number for label in dict.fromkeys((one[0], one[-1]))])


def _line(axes: Axes, measured: Measured, of: Condition, by_number: Mapping[int, str]) -> list[tuple[float, float]]:
    """Draw a configuration over numbers; the place where its line ends."""
    each, raw = medians(measured.samples), seconds_each(measured.samples)
    there = {number: label for number, label in by_number.items() if label in each}
    if not there:
        return []
    colour, marker = style_of(of)
    for number, label in there.items():
        axes.plot([number] * len(raw), raw[label], linestyle="", marker="_", color=colour, alpha=0.3, markersize=6)
    estimates = [each[label] for label in there.values()]
    dashes = (3, 2) if of.design == "none" and of.engine == "sqlite" else (None, None)
    axes.plot(list(there), [one.value for one in estimates], color=colour, marker=marker, markersize=5, dashes=dashes)
    _band(axes, estimates, list(there), colour)
    return [(max(there), estimates[-1].value)]


def _band(axes: Axes, estimates: Sequence[Estimate], at: Sequence[int], colour: str) -> None:
    """The intervals along a line."""
    ends = [one.interval or (one.value, one.value) for one in estimates]
    axes.fill_between(at, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.15, linewidth=0)


@styled
def row_size(measured: Measured) -> Figure:
    """Seconds a query over the characters of the notes' texts, a line for each configuration."""
    canvas, axes = _lines(measured, "characters", {}, 3.3)
    lengths = sorted(int(length) for length in measured.values("characters"))
    axes.set_xticks(lengths, [f"{length:,}" for length in lengths])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("characters in the text of each note (log)")
    caption = "The same query over the same notes with longer texts, which it does not read."
    alt = f"Time a query by configuration and characters of the text. {_said(measured, 'characters')}."
    return finish(canvas, "row-size", caption, alt)
