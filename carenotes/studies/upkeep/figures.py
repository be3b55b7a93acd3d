"""Figures of notebook 08."""

from matplotlib.axes import Axes

from carenotes.backends import engine_name
from carenotes.lab.open_loop.tails import seconds_of
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate
from carenotes.report import numbers
from carenotes.report.axes import dots, said_of, seconds_axis
from carenotes.report.drawing import Figure, finish, panels, styled
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding
from carenotes.studies.upkeep import stack
from carenotes.studies.upkeep.freshness import AGE
from carenotes.studies.upkeep.ways import COUNTED, INDEX, MARKED, NOTHING, VIEWED
from carenotes.studies.upkeep.writes import ONE_BY_ONE

_STYLES = {  # colour and marker, by what is kept
    NOTHING: ("#d55e00", "s"),
    INDEX: ("#e69f00", "D"),
    MARKED: ("#0072b2", "o"),
    COUNTED: ("#009e73", "^"),
    VIEWED: ("#cc79a7", "P"),
}


@styled
def writes(measured: Measured) -> Figure | Finding:
    """Seconds a note that is inserted alone, by what is kept: a panel an engine."""
    if not measured.conditions or measured.failed:
        return NO_COMPARISON if measured.conditions else NOT_MEASURED
    engines, each = [str(one) for one in measured.values("engine")], measured.medians
    canvas, panes = panels(len(engines), 2.4, sharey=True)
    ways, said = (NOTHING, INDEX, MARKED, COUNTED), []
    for axes, engine in zip(panes, engines, strict=True):
        for place, way in enumerate(ways):
            label = measured.of(engine=engine, notes=measured.values("notes")[0], kept=way, act=ONE_BY_ONE)
            _dot(axes, each[label], place, way)
            said.append(f"{engine_name(engine)}, {way} {_short(each[label].value)}")
        axes.set_title(engine_name(engine))
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.25)
        seconds_axis(axes, "median time a note inserted (log)")
    panes[0].set_yticks(range(len(ways)), ["no index", "covering index", "+ changes marked", "+ reference counts"])
    panes[0].set_ylim(len(ways) - 0.4, -0.75)
    caption = "A note inserted, by what is kept beside it; bars: 95 % intervals. Making it permanent is left out."
    return finish(canvas, "upkeep-writes", caption, f"Time of an insert. {', '.join(said)}.")


def _dot(axes: Axes, estimate: Estimate, place: float, way: str) -> None:
    colour, marker = _STYLES[way]
    if estimate.interval:
        axes.plot(estimate.interval, [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
    axes.plot([estimate.value], [place], marker=marker, color=colour, markersize=7)
    at = (estimate.value, place)
    axes.annotate(_short(estimate.value), at, xytext=(0, 8), textcoords="offset points", ha="center", size=8)


@styled
def freshness(measured: Measured) -> Figure | Finding:
    """How old answers are: every note that was looked for, and the median."""
    if not measured.conditions or measured.failed:
        return NO_COMPARISON if measured.conditions else NOT_MEASURED
    there = list(measured.conditions.items())
    canvas, [axes] = panels(1, 0.42 * len(there) + 0.8)
    names, said = [], []
    for place, (label, one) in enumerate(there):
        ages = seconds_of(measured.latencies, label, AGE)
        colour, _ = _STYLES[str(one.get("kept"))]
        axes.plot(ages, [place] * len(ages), linestyle="", marker="|", color=colour, alpha=0.4, markersize=8)
        _dot(axes, Estimate(float(ages.median()), None, 0), place, str(one.get("kept")))
        how = f", {one.get('refresh')}" if one.get("refresh") else ""
        names.append(f"{engine_name(str(one.engine))}: {one.get('kept')}{how}")
        said.append(f"{names[-1]} {_short(float(ages.median()))}, at most {_short(float(ages.max()))}")
    axes.set_yticks(range(len(there)), names)
    axes.set_ylim(len(there) - 0.4, -0.75)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.1)
    seconds_axis(axes, "from a commit to the first answer that shows it (log)")
    caption = "How old answers are: each note that was looked for, and the median."
    return finish(canvas, "upkeep-freshness", caption, f"Age of answers, median. {'; '.join(said)}.")


@styled
def stacks(measured: Measured) -> Figure | Finding:
    """Seconds a query, from no measure to all of them."""
    if not measured.conditions:
        return NOT_MEASURED
    steps = {"no measure": stack.NONE_OF_THEM, **{f"+ {one}": of for one, of in stack.ADDED.items()}}
    order = {stack.label(measured, of): said for said, of in steps.items()}
    canvas, [axes] = panels(1, 0.45 * len(order) + 0.8)
    dots(axes, measured, list(order))
    axes.set_yticks(range(len(order)), list(order.values()))
    axes.set_ylim(len(order) - 0.4, -0.75)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.12)
    seconds_axis(axes, "median time a query (log)")
    caption = (
        "The last 30 days of a tenant, each query four times, the last day still to be refreshed: measures added one "
        "after the other. Faint: each round."
    )
    return finish(canvas, "upkeep-stacks", caption, f"Time by measures. {said_of(measured, order)}.")


def _short(seconds: float) -> str:
    return numbers.seconds(Estimate(seconds, None, 0))
