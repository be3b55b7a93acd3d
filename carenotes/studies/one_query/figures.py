"""Figures of notebook 02, and the one that opens the page."""

from collections.abc import Mapping

from carenotes.backends import engine_name
from carenotes.designs import title
from carenotes.lab.conditions import SELECT_1
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.verdicts import Fields
from carenotes.report import numbers
from carenotes.report.axes import dot, dots, said_of, seconds_axis
from carenotes.report.drawing import OTHER, STYLE, Figure, finish, panels, style_of, styled
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.studies.one_query.experiment import (
    COMPARED,
    DESIGNS,
    OPTIMIZED,
    OURS,
    PAUSED,
    STEPS,
    UNPAUSED,
    answering,
)

_ORIGINAL: tuple[tuple[Fields, str], ...] = (
    (PAUSED, "original, with its pause"),
    (UNPAUSED, "original, without"),
    (OPTIMIZED, "optimized"),
    (OURS, "pushdown, covering index"),
)


def comparison(spans: Mapping[str, Measured], name: str = "comparison") -> Figure | Finding:
    """Each aggregator over each span."""
    if not spans:
        return NOT_MEASURED
    [one, *_] = spans.values()
    return medians_over_spans(spans, {label: _named(one, label) for label in answering(one)}, name)


def _named(one: Measured, label: str) -> str:
    """An aggregator by its name, and on which engine, where that is another one than the first one's."""
    of, first = one.conditions[label], next(iter(one.conditions.values()))
    return str(of.aggregator) + ("" if of.engine == first.engine else f" on {engine_name(str(of.engine))}")


@styled
def medians_over_spans(spans: Mapping[str, Measured], titles: Mapping[str, str], name: str) -> Figure:
    """Seconds a query of some conditions, slow above fast, over each span, with `SELECT 1` to measure against.

    `titles` has the labels of the conditions in their order, with the words that stand at the axis.
    """
    order = tuple(titles)
    canvas, columns = panels(len(spans), 0.62 * len(order) + 0.9, sharex=True, sharey=True)
    said = []
    for axes, (span, measured) in zip(columns, spans.items(), strict=True):
        floor = measured.of(statement=SELECT_1)
        dots(axes, measured, order, floor)
        seconds_axis(axes, "median time a query (log)")
        axes.set_title(span)
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.12)
        said.append(f"{span}: {said_of(measured, {**titles, floor: SELECT_1})}")
    columns[0].set_yticks(range(len(order)), list(titles.values()))
    columns[0].set_ylim(len(order) - 0.5, -0.75)
    caption = (
        "Median time a query; bars are 95 % intervals, ticks single rounds, the dashed line the floor of the stack."
    )
    return finish(canvas, name, caption, f"Time a query by condition. {'; '.join(said)}.")


@styled
def designs(measured: Measured) -> Figure:
    """Seconds a query under each design, a colour an aggregator."""
    canvas, [axes] = panels(1, 0.62 * len(DESIGNS) + 0.9)
    each = measured.medians
    order = {name: [measured.of(aggregator=name, design=one) for one in DESIGNS] for name in COMPARED}
    for shift, (name, labels) in zip((-0.14, 0.14), order.items(), strict=True):
        for place, label in enumerate(labels):
            if label in each:
                dot(axes, each[label], place + shift, *style_of(measured.conditions[label]))
        if labels[-1] in each:
            at, colour = (each[labels[-1]].value, len(DESIGNS) - 1 + shift), STYLE[name][0]
            axes.annotate(name, at, xytext=(0, -10), textcoords="offset points", ha="center", va="top", color=colour)
    axes.set_yticks(range(len(DESIGNS)), [title(one) for one in DESIGNS])
    axes.set_ylim(len(DESIGNS) - 0.35, -0.75)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.12)
    seconds_axis(axes, "median time a query (log)")
    said = said_of(measured, [label for labels in order.values() for label in labels])
    return finish(canvas, "designs", "The same query under four designs.", f"Time a query by design. {said}.")


@styled
def original_tables(measured: Mapping[str, Measured], claims: Mapping[str, Mapping[str, float]]) -> Figure | Finding:
    """The original's two tables: what it claims (hollow) and what a rerun gives (filled)."""
    if not measured:
        return NOT_MEASURED
    canvas, columns = panels(len(measured), 3.3, sharex=True, sharey=True)
    in_words = []
    for axes, (name, one) in zip(columns, measured.items(), strict=True):
        titles = {one.of(**fields): said for fields, said in _ORIGINAL}
        order = list(titles)
        dots(axes, one, order)
        for place, key in ((0, "original_s"), (2, "optimized_s")):
            colour, marker = style_of(one.conditions[order[place]])
            at, beside = (claims[name][key], place + 0.24), (7, 0)
            axes.plot(*([value] for value in at), marker=marker, markersize=6, color=colour, fillstyle="none")
            axes.annotate("claimed", at, xytext=beside, textcoords="offset points", va="center", size=8)
        axes.set_yticks(range(len(order)), list(titles.values()))
        seconds_axis(axes, "median time a call (log)")
        axes.set_title(f"{name} query")
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.18)
        in_words.append(f"{name}: {said_of(one, titles)}")
    columns[0].set_ylim(3.5, -0.75)
    caption = "The original's own two programs on its own workload: claimed (hollow), rerun here (filled)."
    return finish(canvas, "original-tables", caption, f"The original's tables rerun. {'; '.join(in_words)}.")


@styled
def steps(measured: Measured) -> Figure:
    """Where the time goes: each step as the stretch that it adds to the one before it."""
    order = [measured.of(**fields) for fields in STEPS]
    canvas, [axes] = panels(1, 0.42 * len(order) + 0.8)
    each = measured.medians
    factor, unit = numbers.scaled(max(value.value for value in each.values()), "s")
    before = 0.0
    for place, name in enumerate(order):
        now = each[name].value * factor
        colour = STYLE["naive"][0] if now >= before else OTHER[0]
        axes.plot([before, now], [place, place], color=colour, linewidth=9, solid_capstyle="butt")
        at = (max(now, before), place)
        axes.annotate(f"{now - before:+.3g}", at, xytext=(5, 0), textcoords="offset points", va="center", size=8)
        before = now
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(len(order) - 0.5, -0.6)
    axes.set_xlim(left=0)
    axes.margins(x=0.08)
    axes.set_xlabel(f"time up to here, {unit} a query (median)")
    axes.grid(axis="y", visible=False)
    caption = "The naive answer step by step: each bar is the time that one more step takes."
    return finish(canvas, "steps", caption, f"Time of the naive answer, cumulated. {said_of(measured, order)}.")
