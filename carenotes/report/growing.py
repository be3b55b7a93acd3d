"""Lines of configurations along a number, which figures share: medians with their intervals as bands, rounds faint."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from carenotes.lab.conditions import Condition, labels
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate
from carenotes.report.axes import label_ends, lay_out, log_ticks, room_for_ends, said_of
from carenotes.report.drawing import panels, style_of


def lines(measured: Measured, along: str, more: Mapping[Condition, str], height: float) -> tuple[Canvas, Axes]:
    """A line for each configuration along a field, both axes logarithmic; at its end its name, and what `more` says."""
    canvas, [axes] = panels(1, height)
    draw(axes, measured, along, {name: name + more.get(one, "") for name, one in _named(measured, along).items()})
    axes.set_ylabel("median time a query (log)")
    return canvas, axes


def draw(axes: Axes, measured: Measured, along: str, titles: Mapping[str, str]) -> None:
    """The lines of some configurations, by their labels, with the words that stand at their ends."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    by_number, named = measured.along(along), _named(measured, along)
    ends = [
        (x, y, said, style_of(named[name])[0])
        for name, said in titles.items()
        for x, y in _line(axes, measured, named[name], by_number[named[name]])
    ]
    log_ticks(axes.yaxis, axes.get_ylim(), "s")
    lay_out(axes)
    room_for_ends(axes, ends)
    label_ends(axes, ends)


def _named(measured: Measured, along: str) -> dict[str, Condition]:
    """The configurations by their labels."""
    return labels(measured.along(along))


def said_along(measured: Measured, along: str) -> str:
    """The ends of each line."""
    by_number = [list(one.values()) for one in measured.along(along).values()]
    return said_of(measured, [label for one in by_number for label in dict.fromkeys((one[0], one[-1]))])


def _line(axes: Axes, measured: Measured, of: Condition, by_number: Mapping[int, str]) -> list[tuple[float, float]]:
    """Draw a configuration over numbers; the place where its line ends."""
    each, raw = measured.medians, measured.seconds
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
