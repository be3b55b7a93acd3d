"""Figures: one function draws one figure from one set of measurements."""

from collections.abc import Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from carenotes.lab.estimates import Estimate, medians, seconds_each
from carenotes.lab.study import Measured
from carenotes.report import numbers
from carenotes.report.drawing import INK, OTHER, STYLE, Figure, finish, panels, style_of, styled
from carenotes.report.readings import NOT_MEASURED, Reading


def _seconds_axis(axes: Axes, label: str) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value, "s")))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)
    axes.grid(visible=True, axis="x", which="major")


def _short(value: float, unit: str) -> str:
    factor, prefixed = numbers.scaled(value, unit)
    return f"{value * factor:g} {prefixed.strip()}"


def _dots(axes: Axes, measured: Measured, order: Sequence[str], floor: str) -> None:
    """Raw rounds faint, the median with its interval, its value beside it; a failed condition says so."""
    each, raw = medians(measured.samples), seconds_each(measured.samples)
    for place, name in enumerate(order):
        if name not in each:
            axes.text(0.02, place, "FAILED", transform=axes.get_yaxis_transform(), va="center", weight="bold")
            continue
        colour, marker = style_of(name)
        axes.plot(raw[name], [place] * len(raw), linestyle="", marker="|", color=colour, alpha=0.35, markersize=7)
        _dot(axes, each[name], place, colour, marker)
    if floor in each:
        axes.axvline(each[floor].value, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"{floor} {_plain(each[floor])}",
            (each[floor].value, 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, -2),
            textcoords="offset points",
            va="top",
            size=8,
        )


def _dot(axes: Axes, estimate: Estimate, place: float, colour: str, marker: str) -> None:
    if estimate.interval:
        axes.plot(estimate.interval, [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
    axes.plot([estimate.value], [place], marker=marker, color=colour, markersize=7)
    axes.annotate(
        _plain(estimate),
        (estimate.value, place),
        xytext=(0, 8),
        textcoords="offset points",
        ha="center",
        size=8,
    )


def _plain(estimate: Estimate) -> str:
    return numbers.seconds(Estimate(estimate.value, None, estimate.rounds))


@styled
def ladder(spans: Mapping[str, Measured], labels: Mapping[str, str], floor: str, name: str = "ladder") -> Figure:
    """The ladder: seconds a question of each rung, slow above fast, over each span, with the floor to measure against.

    `labels` names the conditions in their order, with the words that stand at the axis.
    """
    order = tuple(labels)
    canvas, columns = panels(len(spans), 0.62 * len(order) + 0.9, sharex=True, sharey=True)
    for axes, (span, measured) in zip(columns, spans.items(), strict=True):
        _dots(axes, measured, order, floor)
        _seconds_axis(axes, "median time a question (log)")
        axes.set_title(span)
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.12)
    columns[0].set_yticks(range(len(order)), list(labels.values()))
    columns[0].set_ylim(len(order) - 0.5, -0.75)
    said = "; ".join(f"{span}: {_said(one, {**labels, floor: floor})}" for span, one in spans.items())
    caption = (
        "Median time a question; bars are 95 % intervals, ticks single rounds, the dashed line the floor of the stack."
    )
    return finish(canvas, name, caption, f"Time a question by rung. {said}.")


def _said(measured: Measured, order: Sequence[str] | Mapping[str, str]) -> str:
    """The figure in words: each condition, by its label if it has one, with its time."""
    each = medians(measured.samples)
    labels = order if isinstance(order, Mapping) else {name: name for name in order}
    return ", ".join(f"{label} {_plain(each[name]) if name in each else 'FAILED'}" for name, label in labels.items())


@styled
def index_plans(measured: Measured, plans: Sequence[str], aggregators: Sequence[str]) -> Figure:
    """Seconds a question under each index plan, a colour an aggregator."""
    canvas, [axes] = panels(1, 0.62 * len(plans) + 0.9)
    each = medians(measured.samples)
    for shift, name in zip((-0.14, 0.14), aggregators, strict=True):
        colour, marker = style_of(name)
        for place, plan in enumerate(plans):
            estimate = each.get(f"{name}/{plan}")
            if estimate:
                _dot(axes, estimate, place + shift, colour, marker)
        last = each.get(f"{name}/{plans[-1]}")
        if last:
            at = (last.value, len(plans) - 1 + shift)
            axes.annotate(name, at, xytext=(0, -10), textcoords="offset points", ha="center", va="top", color=colour)
    axes.set_yticks(range(len(plans)), plans)
    axes.set_ylim(len(plans) - 0.35, -0.75)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.12)
    _seconds_axis(axes, "median time a question (log)")
    said = _said(measured, [f"{name}/{plan}" for name in aggregators for plan in plans])
    return finish(
        canvas,
        "index-plans",
        "The same question under four index plans.",
        f"Time a question by index plan. {said}.",
    )


@styled
def seed_tables(measured: Mapping[str, Measured], claims: Mapping[str, Mapping[str, float]]) -> Figure | Reading:
    """The seed's two tables: what it claims (hollow) and what a rerun gives (filled)."""
    if not measured:
        return NOT_MEASURED
    order = ["original, with its pause", "original, without", "optimized", "pushdown, covering index"]
    canvas, columns = panels(len(measured), 3.3, sharex=True, sharey=True)
    for axes, (name, one) in zip(columns, measured.items(), strict=True):
        _dots(axes, one, order, "")
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
        _seconds_axis(axes, "median time a call (log)")
        axes.set_title(f"{name} query")
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.18)
    columns[0].set_yticks(range(len(order)), order)
    columns[0].set_ylim(len(order) - 0.5, -0.75)
    said = "; ".join(f"{name}: {_said(one, order)}" for name, one in measured.items())
    caption = "The seed's own two programs on its own workload: claimed (hollow), rerun here (filled)."
    return finish(canvas, "seed-tables", caption, f"The seed's tables rerun. {said}.")


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
    axes.set_xlabel(f"time up to here, {unit} a question (median)")
    axes.grid(axis="y", visible=False)
    caption = "The naive answer step by step: each bar is the time that one more step takes."
    return finish(canvas, "steps", caption, f"Time of the naive answer, cumulated. {_said(measured, order)}.")


@styled
def batch_sizes(measured: Measured, ways: Iterable[str], ceiling: str) -> Figure:
    """Notes a second over batch sizes, a line a way, the ceiling dashed."""
    canvas, [axes] = panels(1, 3.1)
    each = medians(measured.samples)
    for way in ways:
        colour, marker = style_of(way)
        points = sorted(
            (int(name.partition("/")[2]), value) for name, value in each.items() if name.startswith(f"{way}/")
        )
        if not points:
            continue
        sizes, rates = [size for size, _ in points], [1 / value.value for _, value in points]
        axes.plot(sizes, rates, marker=marker, color=colour, markersize=6)
        for size, value in points:
            if value.interval:
                axes.plot([size, size], [1 / end for end in value.interval], color=colour, linewidth=2.2, alpha=0.6)
        axes.annotate(way, (sizes[-1], rates[-1]), xytext=(8, 0), textcoords="offset points", color=colour, va="center")
    if ceiling in each:
        axes.axhline(1 / each[ceiling].value, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        at = (0, 1 / each[ceiling].value)
        axes.annotate(
            ceiling, at, xycoords=("axes fraction", "data"), xytext=(4, 4), textcoords="offset points", size=8
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value, "")))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.14)
    axes.set_xlabel("notes a batch (log)")
    axes.set_ylabel("notes a second")
    return finish(
        canvas,
        "batch-sizes",
        "Loading rate over batch sizes.",
        f"Notes a second by way and batch size. {_rates_said(each)}.",
    )


def _rates_said(each: Mapping[str, Estimate]) -> str:
    return ", ".join(f"{name} {_short(float(f'{1 / value.value:.3g}'), '')}" for name, value in each.items())


_WEEKDAYS = ("Su", "Mo", "Tu", "We", "Th", "Fr", "Sa")


@styled
def shares(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """What the notes look like: the tenants' sizes, and the rhythm of a day and of a week."""
    canvas, [tenants, hours, weekdays] = panels(3, 2.3)
    sizes = sorted(counts["tenant"].values(), reverse=True)
    whole = sum(sizes)
    colour, marker = STYLE["pushdown"]
    tenants.plot(
        range(1, len(sizes) + 1),
        [100 * one / whole for one in sizes],
        marker=marker,
        color=colour,
        markersize=3,
    )
    tenants.set_title("tenants by size")
    tenants.set_xlabel("rank")
    tenants.set_ylabel("share of the notes, %")
    by_hour = [100 * counts["hour"].get(f"{hour:02d}", 0) / whole for hour in range(24)]
    hours.step(range(25), [*by_hour, by_hour[-1]], where="post", color=colour)
    hours.set_title("hours of a day")
    hours.set_xlabel("hour, UTC")
    hours.set_xticks([0, 6, 12, 18, 24])
    by_day = [100 * counts["weekday"].get(str(day % 7), 0) / whole for day in range(1, 8)]
    weekdays.plot(range(7), by_day, marker=marker, color=colour, markersize=4)
    weekdays.set_xticks(range(7), [_WEEKDAYS[day % 7] for day in range(1, 8)])
    weekdays.set_title("days of a week")
    for axes in (tenants, hours, weekdays):
        axes.set_ylim(bottom=0)
    alt = (
        f"The largest of {len(sizes)} tenants has {sizes[0] / whole:.0%} of the notes, "
        f"the busiest hour {max(by_hour):.0f} %."
    )
    return finish(canvas, "shares", "Who writes the notes, and when.", alt)
