"""Figures of notebook 03."""

from matplotlib.ticker import NullFormatter

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.growth import decade, last_decade
from carenotes.report.axes import log_ticks
from carenotes.report.drawing import Figure, finish, styled
from carenotes.report.growing import lines, said_along


@styled
def growth(measured: Measured) -> Figure:
    """Seconds a query over the number of notes, a line for each configuration, both axes logarithmic."""
    exponents, sizes = last_decade(measured), sorted(int(size) for size in measured.values("notes"))
    canvas, axes = lines(measured, "notes", {one: f" ({each.value:.2f})" for one, each in exponents.items()}, 3.8)
    log_ticks(axes.xaxis, (sizes[0], sizes[-1]), "")
    axes.set_xlabel("notes in the table (log)")
    caption = (
        "How the time of one query grows with the table: medians with 95 % intervals as bands, single rounds faint. "
        f"In brackets: the scaling exponent from {decade(sizes)[0]:,} notes on."
    )
    alt = f"Time a query by configuration and number of notes. {said_along(measured, 'notes')}."
    return finish(canvas, "growth", caption, alt)


@styled
def row_size(measured: Measured) -> Figure:
    """Seconds a query over the characters of the notes' texts, a line for each configuration."""
    canvas, axes = lines(measured, "characters", {}, 3.3)
    lengths = sorted(int(length) for length in measured.values("characters"))
    axes.set_xticks(lengths, [f"{length:,}" for length in lengths])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("characters in the text of each note (log)")
    caption = "The same query over the same notes with longer texts, which it does not read."
    alt = f"Time a query by configuration and characters of the text. {said_along(measured, 'characters')}."
    return finish(canvas, "row-size", caption, alt)
