"""Figures of the loads in notebook 05."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from carenotes.experiments.load import name_of, offered
from carenotes.lab.contenders.open_loop import SERVICE
from carenotes.lab.contenders.services import LATENCY
from carenotes.lab.load.tails import BEYOND, TENTH, lateness, needed, seconds_of, tail
from carenotes.lab.study import Measured
from carenotes.report import numbers
from carenotes.report.drawing import FAINT, INK, Figure, finish, panels, styled
from carenotes.report.figures.axes import label_ends, log_ticks, plain, seconds_axis
from carenotes.report.readings import NOT_MEASURED, Reading

_LINES = {99: ("#d55e00", "s"), 90: ("#e69f00", "D"), 50: ("#0072b2", "o")}
_LOADS, _SATURATED = ("#0072b2", "#009e73", "#e69f00", "#cc79a7"), "#d55e00"


@styled
def open_loop(measured: Measured, loads: Sequence[int]) -> Figure | Reading:
    """Percentiles of latency over the offered load, a service beneath; beside it whole distributions, by their tail."""
    if measured.samples.empty:
        return NOT_MEASURED
    every = offered(loads)
    canvas, [left, right] = panels(2, 3.4)
    said = _percentiles(left, measured, every)
    _tails(right, measured, every)
    caption = (
        "Latency from when a request was due (Poisson arrivals). Left: percentiles by load; hollow: beyond the "
        "capacity, where waiting grows as long as the run lasts. Right: all requests, down to where ten are left. "
        "What is missing was judged: too few arrivals, or a generator too late."
    )
    return finish(canvas, "open-loop", caption, f"Latency by offered load. {'; '.join(said)}.")


def _percentiles(axes: Axes, measured: Measured, loads: Sequence[int]) -> list[str]:
    ends, said = [], []
    for label, kind, per_cent, colour, marker in _lines():
        found = {load: tail(measured.latencies, name_of(load), per_cent, kind).estimate for load in loads}
        there = {load: one for load, one in found.items() if one}
        if not there:
            continue
        steady = [load for load in there if load <= 100]
        style = "--" if kind == SERVICE else "-"
        axes.plot(steady, [there[load].value for load in steady], style, color=colour, marker=marker, markersize=5)
        for load, one in there.items():
            if one.interval:
                axes.plot([load, load], one.interval, color=colour, linewidth=2.2, alpha=0.6)
            if load > 100:
                axes.plot([load], [one.value], marker=marker, markersize=5, color=colour, markerfacecolor="none")
        last = max(there)
        ends.append((last, there[last].value, label, colour))
        said.append(f"{label}: " + ", ".join(f"{plain(one)} at {name_of(load)}" for load, one in there.items()))
    if not ends:
        _nothing(axes, "y")
    axes.axvline(100, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate("capacity", (100, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", size=8)
    axes.set_xlim(0, max(loads) + 45)
    axes.set_xticks(loads, [f"{load}" for load in loads])
    axes.set_xlabel("offered load, per cent of the measured capacity")
    axes.set_ylabel("latency (log)")
    axes.set_yscale("log")
    log_ticks(axes.yaxis, axes.get_ylim(), "s")
    label_ends(axes, ends)
    return said


def _lines() -> list[tuple[str, str, int, str, str]]:
    """What is drawn over the load: label, kind, percentile, colour, marker."""
    return [
        *((f"{one} %" if one != 50 else "half", LATENCY, one, *_LINES[one]) for one in _LINES),
        ("a service", SERVICE, 50, INK, ""),
    ]


def _tails(axes: Axes, measured: Measured, loads: Sequence[int]) -> None:
    """The share of requests that waited longer, from where the generator was in time to where ten are left."""
    for load, colour in zip(loads, cycle(_LOADS), strict=False):
        waited = np.sort(seconds_of(measured.latencies, name_of(load), LATENCY).to_numpy(dtype=float))
        if len(waited) < needed(50):
            continue
        longer = 1 - np.arange(1, len(waited) + 1) / len(waited)
        unfit = lateness(measured.latencies, name_of(load)) >= TENTH * waited
        shown = (longer * len(waited) >= BEYOND) & ~unfit
        colour, style = (_SATURATED, "--") if load > 100 else (colour, "-")
        axes.step(waited[shown], longer[shown], style, where="post", color=colour, label=name_of(load))
    if not any(len(line.get_xdata()) for line in axes.lines):  # type: ignore[arg-type]
        _nothing(axes, "x")
        axes.set_ylim(0.001, 1)
    else:
        axes.legend(frameon=False, labelcolor="linecolor", fontsize=8, loc="lower left")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{numbers.digits(100 * value)} %"))
    axes.set_ylabel("requests that waited longer (log)")
    seconds_axis(axes, "latency (log)")


def _nothing(axes: Axes, seconds: str) -> None:
    """Say that all was judged unfit; an empty log axis has no limits of its own."""
    axes.text(0.5, 0.5, "all judged unfit", transform=axes.transAxes, ha="center")
    axes.set(**{f"{seconds}lim": (1e-4, 1.0)})
