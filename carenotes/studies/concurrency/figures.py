"""Figures of notebook 05."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray

from carenotes.lab.configurations.services import LATENCY, LATENESS
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import medians, percentile
from carenotes.report import numbers
from carenotes.report.axes import log_ticks, seconds_axis
from carenotes.report.drawing import FAINT, Figure, finish, panels, style_of, styled
from carenotes.report.finding import NOT_MEASURED, Finding


def _ecdf(axes: Axes, measured: Measured, name: str, label: str) -> None:
    waited = _sorted(measured, name, LATENESS)
    if not len(waited):
        return
    colour, _ = style_of(name.partition(": ")[2] or name)
    axes.step(np.maximum(waited, 1e-6), np.arange(1, len(waited) + 1) / len(waited), where="post", color=colour)
    axes.plot([], [], color=colour, label=label)


@styled
def requests(measured: Measured | None, names: Sequence[str]) -> Figure | Finding:
    """What each of the original's twenty requests waited, all rounds together, as a whole distribution."""
    if measured is None:
        return NOT_MEASURED
    canvas, [axes] = panels(1, 3.2)
    for name, colour in zip(names, ("#d55e00", "#e69f00", "#009e73", "#0072b2"), strict=False):
        waited = _sorted(measured, name, LATENCY)
        if len(waited):
            axes.step(waited, np.arange(1, len(waited) + 1) / len(waited), where="post", color=colour, label=name)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_ylabel("requests answered by then")
    seconds_axis(axes, "time since all twenty were asked (log)")
    canvas.legend(frameon=False, labelcolor="linecolor", fontsize=8, loc="outside upper left", ncols=2)
    said = "; ".join(f"{name}: {_spread(measured, name, LATENCY)}" for name in names)
    caption = (
        "What each of twenty requests waited, all rounds together; the original report divides the total by twenty."
    )
    return finish(canvas, "requests", caption, f"Distribution of waiting. {said}.")


def _sorted(measured: Measured, name: str, kind: str) -> NDArray[np.float64]:
    """The seconds of a condition's requests, all rounds together."""
    every = measured.latencies
    return np.sort(every.loc[(every["condition"] == name) & (every["kind"] == kind), "seconds"].to_numpy(dtype=float))


def _spread(measured: Measured, name: str, kind: str) -> str:
    if not len(_sorted(measured, name, kind)):
        return "not measured"
    middle, last = (numbers.seconds(percentile(measured.latencies, name, one, kind)) for one in (50, 100))
    return f"half by {middle}, all by {last}"


@styled
def lateness(measured: Measured, aggregators: Sequence[str], ways: Sequence[str]) -> Figure:
    """How late a timer of the loop is while it serves, a panel an aggregator, a line a way."""
    canvas, columns = panels(len(aggregators), 3.0, sharey=True)
    for axes, name in zip(columns, aggregators, strict=True):
        for way in ways:
            _ecdf(axes, measured, f"{name}: {way}", way)
        axes.set_title(f"{name}, twenty queries at once")
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        seconds_axis(axes, "late by up to (log)")
    columns[0].set_ylabel("timers of 1 ms")
    canvas.legend(
        *columns[0].get_legend_handles_labels(),
        frameon=False,
        labelcolor="linecolor",
        fontsize=8,
        loc="outside upper left",
        ncols=3,
    )
    said = "; ".join(
        f"{name}: {way}: {_spread(measured, f'{name}: {way}', LATENESS)}" for name in aggregators for way in ways
    )
    caption = "How late the event loop is for everybody else while it answers; further left is better."
    return finish(canvas, "lateness", caption, f"Lateness of the event loop. {said}.")


@styled
def clients(measured: Measured, ways: Sequence[str], levels: Sequence[int]) -> Figure:
    """Throughput against the 95th percentile of latency, the number of clients along each curve."""
    canvas, [axes] = panels(1, 3.8)
    each, said = medians(measured.samples), []
    for way in ways:
        there = [level for level in levels if f"{way}/{level}" in each]
        if not there:
            continue
        colour, marker = style_of(way)
        rates = [1 / each[f"{way}/{level}"].value for level in there]
        waits = [percentile(measured.latencies, f"{way}/{level}", 95).value for level in there]
        axes.plot(rates, waits, color=colour, marker=marker, markersize=5, label=way)
        for place in (0, -1):
            at = (rates[place], waits[place])
            axes.annotate(f"{there[place]}", at, xytext=(5, 4), textcoords="offset points", size=8, color=colour)
        said.append(
            f"{way}: {numbers.digits(rates[0])}/s with {there[0]}, {numbers.digits(rates[-1])}/s with {there[-1]}"
        )
    axes.set_yscale("log")
    log_ticks(axes.yaxis, axes.get_ylim(), "s")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("requests a second")
    axes.set_ylabel("95th percentile of waiting (log)")
    axes.legend(frameon=False, labelcolor="linecolor", fontsize=8)
    axes.annotate("numbers: clients", (0.02, 0.03), xycoords="axes fraction", color=FAINT, size=8)
    caption = "Throughput and latency, the load along each curve (closed loop); down and to the right is better."
    return finish(canvas, "clients", caption, f"Throughput and latency by clients. {'; '.join(said)}.")


@styled
def pools(measured: Measured, ways: Sequence[str], sizes: Sequence[int]) -> Figure:
    """Requests a second over the number of connections."""
    canvas, [axes] = panels(1, 2.8)
    each, said = medians(measured.samples), []
    for way in ways:
        there = [size for size in sizes if f"{way}/{size}" in each]
        if not there:
            continue
        colour, marker = style_of(way)
        rates = [1 / each[f"{way}/{size}"].value for size in there]
        axes.plot(there, rates, color=colour, marker=marker)
        for size, rate in zip(there, rates, strict=True):
            interval = each[f"{way}/{size}"].interval
            if interval:
                axes.plot([size, size], [1 / end for end in interval], color=colour, linewidth=2.2, alpha=0.6)
            said.append(f"{way} with {size}: {numbers.digits(rate)}/s")
        end = (there[-1], rates[-1])
        axes.annotate(way, end, xytext=(8, 0), textcoords="offset points", color=colour, va="center", size=8)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xlim(right=sizes[-1] * 2.6)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("connections in the pool")
    axes.set_ylabel("requests a second")
    return finish(canvas, "pools", "What more connections bring here.", f"Throughput by pool size. {'; '.join(said)}.")
