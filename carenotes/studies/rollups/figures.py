"""Figures of notebook 06."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from carenotes.lab.conditions import SELECT_1, Condition, labels
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.growth import last_decade
from carenotes.report.axes import short
from carenotes.report.drawing import Figure, finish, panels, styled
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.report.growing import draw, said_along
from carenotes.studies.rollups.along import along_days


def _named(one: Condition) -> str:
    return str(one.get("held") or one.aggregator or SELECT_1)


@styled
def periods(spans: Mapping[int, Measured]) -> Figure | Finding:
    """Seconds a query over its days: from slow to fast in the database, and beside the pyramid who is in memory."""
    if not spans:
        return NOT_MEASURED
    every = along_days(spans)
    named = labels(every.along("days"))
    here = {label: _named(one) for label, one in named.items() if not one.get("held")}
    there = {label: _named(one) for label, one in named.items() if one.get("held") or one.aggregator == "pyramid"}
    canvas, columns = panels(2, 4.4, sharey=True)
    for axes, title, titles in zip(columns, ("in the database", "in memory"), (here, there), strict=True):
        draw(axes, every, "days", titles)
        _numbers(axes, list(spans))
        axes.set_xlabel("days that a query is about (log)")
        axes.set_title(title)
    columns[0].set_ylabel("median time a query (log)")
    caption = (
        "Time a query by the days that it is about: medians with 95 % intervals as bands, single rounds faint. "
        "Left in the database, with the floor of the stack; right those that hold the notes in memory, and the pyramid."
    )
    alt = f"Time a query by days. {said_along(every, 'days')}."
    return finish(canvas, "periods", caption, alt)


_LONG = 200_000  # such numbers would run into each other in a panel


def _numbers(axes: Axes, there: Sequence[int]) -> None:
    """The numbers that were measured as ticks, from small to large; with prefixes (3 M) where they are long."""
    axes.set_xticks(there, [short(one, "") if there[-1] > _LONG else f"{one:,}" for one in there])
    axes.xaxis.set_minor_formatter(NullFormatter())


@styled
def growth(found: Mapping[str, Measured], those: Sequence[str]) -> Figure | Finding:
    """Seconds a query over some of what grows, a panel for each."""
    if not all(found[of].conditions for of in those):
        return NOT_MEASURED
    canvas, columns = panels(len(those), 3.2, sharey=True)
    said = []
    for axes, of in zip(columns, those, strict=True):
        one = found[of]
        exponents, named = last_decade(one, of), labels(one.along(of))
        powers = {name: f" ({exponents[line].value:.2f})" if line in exponents else "" for name, line in named.items()}
        draw(axes, one, of, {name: f"{name}{power}" for name, power in powers.items()})
        _numbers(axes, sorted(int(size) for size in one.values(of)))
        axes.set_xlabel(f"{of} (log)")
        said.append(f"{of}: {said_along(one, of)}")
    columns[0].set_ylabel("median time a query (log)")
    caption = (
        f"Time a query by {' and by '.join(those)}, each alone: medians with 95 % intervals as bands, single rounds "
        "faint. In brackets: the scaling exponent of the last decade."
    )
    return finish(canvas, f"rollup-{'-'.join(those)}", caption, f"Time a query by what grows. {'; '.join(said)}.")
