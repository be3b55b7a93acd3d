"""The figure of readers and writers in notebook 05."""

from collections.abc import Iterator

from matplotlib.axes import Axes

from carenotes.backends import engine_name
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate, percentile
from carenotes.report import numbers
from carenotes.report.axes import log_ticks
from carenotes.report.drawing import Figure, finish, panels, styled
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.studies.concurrency.readers_and_writers import POSTGRESQL, SQLITE_ROLLBACK, SQLITE_WAL, WRITING

_STYLES = {SQLITE_ROLLBACK: ("#d55e00", "s"), SQLITE_WAL: ("#e69f00", "D"), POSTGRESQL: ("#0072b2", "o")}
_WORDS = {"single notes": "single", "batches of 100": "batches"}


@styled
def readers_and_writers(measured: Measured) -> Figure | Finding:
    """Throughput and p99 latency of the readers, by who writes meanwhile: a line an engine and a journal."""
    if measured.samples.empty:
        return NOT_MEASURED
    canvas, [left, right] = panels(2, 3.4)
    said = [*_lines(left, measured, "rate"), *_lines(right, measured, "p99")]
    for axes, title, unit in ((left, "queries a second (log)", "/s"), (right, "p99 latency (log)", "s")):
        axes.set_title(title)
        axes.set_yscale("log")
        log_ticks(axes.yaxis, axes.get_ylim(), unit)
        who = _who(measured)
        axes.set_xticks(
            range(len(who)), ["nobody", *(f"{number}, {_WORDS[str(of)]}" for number, of in who[1:])], size=7
        )
        axes.set_xlabel("who writes meanwhile")
    handles, names = left.get_legend_handles_labels()
    canvas.legend(handles, names, frameon=False, labelcolor="linecolor", fontsize=8, loc="outside upper left", ncols=3)
    caption = (
        "Four readers while nobody or some others write, single notes or batches of 100; bars: 95 % intervals. "
        "With a rollback journal readers are kept out, and samples are cut short."
    )
    return finish(canvas, "readers-and-writers", caption, f"Readers by who writes. {'; '.join(said)}.")


def _lines(axes: Axes, measured: Measured, what: str) -> Iterator[str]:
    for (engine, journal), (colour, marker) in _STYLES.items():
        found = dict(sorted(_points(measured, engine, journal, what), key=lambda one: one[0]))
        if not found:
            continue
        name = f"{engine_name(engine)}, {journal}"
        axes.plot(
            [*found], [one.value for one in found.values()], color=colour, marker=marker, markersize=5, label=name
        )
        for place, one in found.items():
            if one.interval:
                axes.plot([place, place], one.interval, color=colour, linewidth=2.2, alpha=0.6)
        told = numbers.a_second if what == "rate" else numbers.seconds
        first, last = (found[end] for end in (min(found), max(found)))
        told_of = [told(numbers.inverse(one)) if what == "rate" else told(one) for one in (first, last)]
        yield f"{name}: {what} {told_of[0]} alone, {told_of[1]} with the most writers of batches"


def _who(measured: Measured) -> list[tuple[int, str | None]]:
    """How many write what, by their places on the axis."""
    some = sorted(int(str(number)) for number in measured.values("writers") if number)
    return [(0, None), *((number, writing) for writing in WRITING for number in some)]


def _points(measured: Measured, engine: str, journal: str, what: str) -> Iterator[tuple[int, Estimate]]:
    """What there is of an engine and a journal, by its place among those who write."""
    each, who = measured.medians, _who(measured)
    for label, one in measured.every(engine=engine, journal=journal).items():
        if label in each:
            place = who.index((one.get("writers"), one.get("writing")))
            yield place, numbers.inverse(each[label]) if what == "rate" else percentile(measured.latencies, label, 99)
