"""Figures of notebook 01."""

from collections.abc import Mapping

from matplotlib.ticker import FuncFormatter

from carenotes.lab.runner.measured import Measured
from carenotes.report.axes import short
from carenotes.report.drawing import INK, STYLE, Figure, finish, panels, style_of, styled
from carenotes.studies.seed_data.experiment import READY_TUPLES


@styled
def batch_sizes(measured: Measured) -> Figure:
    """Notes a second over batch sizes, a line for each writer, the driver with ready tuples dashed."""
    canvas, [axes] = panels(1, 3.1)
    each = measured.medians
    for writer, by_size in measured.along("notes_a_batch").items():
        colour, marker = style_of(writer)
        points = {size: each[label] for size, label in by_size.items() if label in each}
        if not points:
            continue
        sizes, rates = list(points), [1 / one.value for one in points.values()]
        axes.plot(sizes, rates, marker=marker, color=colour, markersize=6)
        for size, one in points.items():
            if one.interval:
                axes.plot([size, size], [1 / end for end in one.interval], color=colour, linewidth=2.2, alpha=0.6)
        words, end = writer.get("writer"), (sizes[-1], rates[-1])
        axes.annotate(words, end, xytext=(8, 0), textcoords="offset points", color=colour, va="center")
    ceiling = measured.of(writer=READY_TUPLES)
    if ceiling in each:
        best = 1 / each[ceiling].value
        axes.axhline(best, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        at, beside = ("axes fraction", "data"), (4, 4)
        axes.annotate(ceiling, (0, best), xycoords=at, xytext=beside, textcoords="offset points", size=8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value, "")))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.14)
    axes.set_xlabel("notes a batch (log)")
    axes.set_ylabel("notes a second")
    said = ", ".join(f"{name} {short(float(f'{1 / one.value:.3g}'), '')}" for name, one in each.items())
    return finish(
        canvas,
        "batch-sizes",
        "Loading rate over batch sizes.",
        f"Notes a second by writer and batch size. {said}.",
    )


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
    by_hour = [100 * counts["hour"].get(str(hour), 0) / whole for hour in range(24)]
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
