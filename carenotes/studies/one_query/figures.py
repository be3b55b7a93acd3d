"""Figures of notebook 02, and the comparison that others draw as well."""

from collections.abc import Mapping, Sequence

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import medians
from carenotes.report import numbers
from carenotes.report.axes import dot, dots, said_of, seconds_axis
from carenotes.report.drawing import OTHER, STYLE, Figure, finish, panels, style_of, styled
from carenotes.report.finding import NOT_MEASURED, Finding


@styled
def comparison(
    spans: Mapping[str, Measured], labels: Mapping[str, str], floor: str, name: str = "comparison", of: str = "a query"
) -> Figure:
    """The comparison: seconds for each configuration, slow above fast, over each span, with the floor to measure against.

    `labels` names the conditions in their order, with the words that stand at the axis.
    """
    order = tuple(labels)
    canvas, columns = panels(len(spans), 0.62 * len(order) + 0.9, sharex=True, sharey=True)
    for axes, (span, measured) in zip(columns, spans.items(), strict=True):
        dots(axes, measured, order, floor)
        seconds_axis(axes, f"median time {of} (log)")
        axes.set_title(span)
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.12)
    columns[0].set_yticks(range(len(order)), list(labels.values()))
    columns[0].set_ylim(len(order) - 0.5, -0.75)
    said = "; ".join(f"{span}: {said_of(one, {**labels, floor: floor})}" for span, one in spans.items())
    caption = f"Median time {of}; bars are 95 % intervals, ticks single rounds, the dashed line the floor of the stack."
    return finish(canvas, name, caption, f"Time {of} by configuration. {said}.")


@styled
def index_plans(measured: Measured, plans: Sequence[str], aggregators: Sequence[str]) -> Figure:
    """Seconds a query under each index plan, a colour an aggregator."""
    canvas, [axes] = panels(1, 0.62 * len(plans) + 0.9)
    each = medians(measured.samples)
    for shift, name in zip((-0.14, 0.14), aggregators, strict=True):
        colour, marker = style_of(name)
        for place, plan in enumerate(plans):
            estimate = each.get(f"{name}/{plan}")
            if estimate:
                dot(axes, estimate, place + shift, colour, marker)
        last = each.get(f"{name}/{plans[-1]}")
        if last:
            at = (last.value, len(plans) - 1 + shift)
            axes.annotate(name, at, xytext=(0, -10), textcoords="offset points", ha="center", va="top", color=colour)
    axes.set_yticks(range(len(plans)), plans)
    axes.set_ylim(len(plans) - 0.35, -0.75)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.12)
    seconds_axis(axes, "median time a query (log)")
    said = said_of(measured, [f"{name}/{plan}" for name in aggregators for plan in plans])
    return finish(
        canvas,
        "index-plans",
        "The same query under four index plans.",
        f"Time a query by index plan. {said}.",
    )


@styled
def original_tables(measured: Mapping[str, Measured], claims: Mapping[str, Mapping[str, float]]) -> Figure | Finding:
    """The original's two tables: what it claims (hollow) and what a rerun gives (filled)."""
    if not measured:
        return NOT_MEASURED
    order = ["original, with its pause", "original, without", "optimized", "pushdown, covering index"]
    canvas, columns = panels(len(measured), 3.3, sharex=True, sharey=True)
    for axes, (name, one) in zip(columns, measured.items(), strict=True):
        dots(axes, one, order, "")
        for place, key in ((0, "original_s"), (2, "optimized_s")):
            colour, marker = style_of(order[place])
            axes.plot(
                [claims[name][key]],
                [place + 0.24],
                marker=marker,
                markersize=6,
                color=colour,
                fillstyle="none",
            )
            axes.annotate(
                "claimed",
                (claims[name][key], place + 0.24),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                size=8,
            )
        seconds_axis(axes, "median time a call (log)")
        axes.set_title(f"{name} query")
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.18)
    columns[0].set_yticks(range(len(order)), order)
    columns[0].set_ylim(len(order) - 0.5, -0.75)
    said = "; ".join(f"{name}: {said_of(one, order)}" for name, one in measured.items())
    caption = "The original's own two programs on its own workload: claimed (hollow), rerun here (filled)."
    return finish(canvas, "seed-tables", caption, f"The original's tables rerun. {said}.")


@styled
def steps(measured: Measured, order: Sequence[str]) -> Figure:
    """Where the time goes: each step as the stretch that it adds to the one before it."""
    canvas, [axes] = panels(1, 0.42 * len(order) + 0.8)
    each = medians(measured.samples)
    factor, unit = numbers.scaled(max(value.value for value in each.values()), "s")
    before = 0.0
    for place, name in enumerate(order):
        now = each[name].value * factor
        colour = STYLE["naive"][0] if now >= before else OTHER[0]
        axes.plot([before, now], [place, place], color=colour, linewidth=9, solid_capstyle="butt")
        axes.annotate(
            f"{now - before:+.3g}",
            (max(now, before), place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            size=8,
        )
        before = now
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(len(order) - 0.5, -0.6)
    axes.set_xlim(left=0)
    axes.margins(x=0.08)
    axes.set_xlabel(f"time up to here, {unit} a query (median)")
    axes.grid(axis="y", visible=False)
    caption = "The naive answer step by step: each bar is the time that one more step takes."
    return finish(canvas, "steps", caption, f"Time of the naive answer, cumulated. {said_of(measured, order)}.")
