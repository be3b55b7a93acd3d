"""Figures of the open loop in notebook 05."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.open_loop.server import SERVICE_TIME
from carenotes.lab.open_loop.tails import BEYOND, TENTH, lateness, needed, seconds_of, tail
from carenotes.lab.runner.measured import Measured
from carenotes.report.axes import label_ends, lay_out, log_ticks, plain, seconds_axis
from carenotes.report.drawing import FAINT, INK, Figure, finish, panels, styled
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.studies.concurrency.open_loop import loads_of, offered, title, utilisation

_LINES = {99: ("#d55e00", "s"), 95: ("#e69f00", "D"), 50: ("#0072b2", "o")}
_TAIL = "#009e73"  # of no percentile: loads differ by their shade
Floats = NDArray[np.floating[Any]]
Curve = tuple[Floats, Floats]
_CELLS = 150  # along either side of a curve, each about a point wide: what is closer is drawn once
Loads = Mapping[int, str]  # labels by per cent of the capacity


@styled
def open_loop(measured: Measured, utilisation_percent: Sequence[int]) -> Figure | Finding:
    """Percentiles of latency and service time over the offered load; beside it whole distributions, by their tail."""
    if measured.samples.empty:
        return NOT_MEASURED
    labels = loads_of(measured)
    every = {percent: labels.get(percent, "") for percent in offered(utilisation_percent)}
    busy = _busy(measured, every)
    canvas, [left, right] = panels(2, 3.8)
    said = _percentiles(left, measured, every)
    _tails(right, measured, every, busy)
    caption = (
        "Latency from when a request was due (Poisson arrivals). Left: percentiles by load; hollow: beyond the "
        "capacity, where waiting grows as long as the run lasts. Right: all requests, down to where ten are left. "
        "What is missing was judged: too few arrivals, a generator too late, or a tail that is mostly of one round."
    )
    loaded = ", ".join(f"{share} at {title(one)}" for one, share in busy.items())
    alt = f"Latency by offered load, per cent of the capacity. Server busy: {loaded}. {'; '.join(said)}."
    return finish(canvas, "open-loop", caption, alt)


def _busy(measured: Measured, loads: Loads) -> dict[int, str]:
    """The utilisation of each load that ran, without its interval, which the table has."""
    ran = set(measured.samples["condition"])
    return {one: f"{100 * utilisation(measured, name).value:.0f} %" for one, name in loads.items() if name in ran}


def _percentiles(axes: Axes, measured: Measured, loads: Loads) -> list[str]:
    ends, said = [], []
    for label, kind, per_cent, colour, marker in _lines():
        found = {load: tail(measured.latencies, name, per_cent, kind).estimate for load, name in loads.items()}
        there = {load: one for load, one in found.items() if one}
        if not there:
            continue
        steady = [load for load in there if load <= 100]
        style = "--" if kind == SERVICE_TIME else "-"
        axes.plot(steady, [there[load].value for load in steady], style, color=colour, marker=marker, markersize=5)
        for load, one in there.items():
            if one.interval:
                axes.plot([load, load], one.interval, color=colour, linewidth=2.2, alpha=0.6)
            if load > 100:
                axes.plot([load], [one.value], marker=marker, markersize=5, color=colour, markerfacecolor="none")
        last = max(there)
        ends.append((last, there[last].value, label, colour))
        said.append(f"{label}: " + ", ".join(f"{plain(one)} at {title(load)}" for load, one in there.items()))
    if not ends:
        _nothing(axes, "y")
    axes.axvline(100, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate("capacity", (100, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", size=8)
    axes.set_xlim(0, max(loads) + 45)
    axes.set_xticks([*loads], [f"{load}" for load in loads], size=8)
    axes.set_xlabel("offered load, per cent of the measured capacity")
    axes.set_ylabel("latency (log)")
    axes.set_yscale("log")
    log_ticks(axes.yaxis, axes.get_ylim(), "s")
    lay_out(axes)
    label_ends(axes, ends)
    return said


def _lines() -> list[tuple[str, str, int, str, str]]:
    """What is drawn over the load: label, kind, percentile, colour, marker."""
    return [
        *((f"p{one}", LATENCY, one, *_LINES[one]) for one in _LINES),
        ("p50 service", SERVICE_TIME, 50, INK, ""),
    ]


def _tails(axes: Axes, measured: Measured, loads: Loads, busy: Mapping[int, str]) -> None:
    """The share of requests that waited longer, the heavier the load the darker and wider its line."""
    for (load, name), shade in zip(loads.items(), np.linspace(0, 1, len(loads)), strict=True):
        waited, longer = _tail(measured, name)
        if len(waited):
            style: dict[str, Any] = {
                "linestyle": "--" if load > 100 else "-",
                "label": f"{title(load)}, busy {busy[load]}",
            }
            style |= {"color": _TAIL, "alpha": 0.35 + 0.65 * shade, "linewidth": 0.9 + 1.5 * shade}
            axes.step(*_thinned(waited, longer), where="post", **style)
    if axes.lines:
        _legend(axes)
    else:
        _nothing(axes, "x")
        axes.set_ylim(0.001, 1)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.set_ylabel("requests that waited longer (log)")
    seconds_axis(axes, "latency (log)")


def _legend(axes: Axes) -> None:
    """The loads of the right panel, beneath both: in it there is no room for eight."""
    axes.figure.legend(
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=8,
        title="right: offered load, and how busy the server really was",
        title_fontsize=8,
    )


def _tail(measured: Measured, name: str) -> Curve:
    """What requests waited, and the share that waited longer: from where the generator was in time to ten left."""
    waited = np.sort(seconds_of(measured.latencies, name, LATENCY).to_numpy(dtype=float))
    longer = 1 - np.arange(1, len(waited) + 1) / max(len(waited), 1)
    shown = (longer * len(waited) >= BEYOND) & (lateness(measured.latencies, name) < TENTH * waited)
    shown &= len(waited) >= needed(50)
    return waited[shown], longer[shown]


def _thinned(x: Floats, y: Floats) -> Curve:
    """A curve on two log axes without the points that nobody could tell from the one before them."""
    logs = np.log([x, y])
    spans = np.maximum(np.ptp(logs, axis=1), 1e-9)
    cells = np.floor(_CELLS * (logs - logs.min(axis=1, keepdims=True)) / spans[:, None])
    seen = np.any(np.diff(cells, prepend=-1) != 0, axis=0)
    return x[seen], y[seen]


def _nothing(axes: Axes, seconds: str) -> None:
    """Say that all was judged unfit; an empty log axis has no limits of its own."""
    axes.text(0.5, 0.5, "all judged unfit", transform=axes.transAxes, ha="center")
    axes.set(**{f"{seconds}lim": (1e-4, 1.0)})
