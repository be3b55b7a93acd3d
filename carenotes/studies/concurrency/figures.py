"""Figures of notebook 05."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray

from carenotes.backends import engine_name
from carenotes.lab.conditions import Condition
from carenotes.lab.configurations.closed_loop import EVENT_LOOP_LAG
from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import percentile
from carenotes.report import numbers
from carenotes.report.axes import log_ticks, seconds_axis
from carenotes.report.drawing import FAINT, Figure, finish, panels, style_of, styled
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.studies.concurrency.experiment import AWAITED_PAUSE, WARM, WITH_PAUSE
from carenotes.studies.concurrency.lines import Line, lines, names_without_design


@styled
def requests(measured: Measured | None) -> Figure | Finding:
    """The latency of each of the original's twenty requests, all rounds together, as a whole distribution."""
    if measured is None:
        return NOT_MEASURED
    shown = [measured.of(aggregator="original_first", pause=one) for one in (WITH_PAUSE, AWAITED_PAUSE)]
    shown += [measured.of(aggregator=name, cache=WARM) for name in ("original_optimized", "pushdown")]
    names = names_without_design(measured)
    canvas, [axes] = panels(1, 3.2)
    for label, colour in zip(shown, ("#d55e00", "#e69f00", "#009e73", "#0072b2"), strict=True):
        _ecdf(axes, _sorted(measured, label, LATENCY), colour, names[label])
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_ylabel("requests answered by then")
    seconds_axis(axes, "time since all twenty were sent (log)")
    canvas.legend(frameon=False, labelcolor="linecolor", fontsize=8, loc="outside upper left", ncols=2)
    said = _said(measured, {label: names[label] for label in shown}, LATENCY)
    caption = "Latency of twenty requests, all rounds together; the original report divides the total by twenty."
    return finish(canvas, "requests", caption, f"Distribution of latency. {said}.")


def _ecdf(axes: Axes, seconds: NDArray[np.float64], colour: str, name: str) -> None:
    if len(seconds):
        share = np.arange(1, len(seconds) + 1) / len(seconds)
        axes.step(seconds, share, where="post", color=colour, label=name)


def _sorted(measured: Measured, label: str, kind: str) -> NDArray[np.float64]:
    """The seconds of a condition's requests, all rounds together."""
    every = measured.latencies
    return np.sort(every.loc[(every["condition"] == label) & (every["kind"] == kind), "seconds"].to_numpy(dtype=float))


def _said(measured: Measured, names: Mapping[str, str], kind: str) -> str:
    """Distributions in words: the middle and the largest value of each condition."""
    said = []
    for label, name in names.items():
        if not len(_sorted(measured, label, kind)):
            said.append(f"{name}: not measured")
            continue
        middle, largest = (numbers.seconds(percentile(measured.latencies, label, one, kind)) for one in (50, 100))
        said.append(f"{name}: p50 {middle}, all by {largest}")
    return "; ".join(said)


@styled
def event_loop_lag(measured: Measured) -> Figure:
    """How late a timer of the loop is while it serves, a panel an aggregator, a line a service."""
    aggregators = measured.values("aggregator")
    canvas, columns = panels(len(aggregators), 3.0, sharey=True)
    for axes, name in zip(columns, aggregators, strict=True):
        for label, one in measured.every(aggregator=name).items():
            lags = np.maximum(_sorted(measured, label, EVENT_LOOP_LAG), 1e-6)
            _ecdf(axes, lags, style_of(one)[0], str(one.get("service")))
        axes.set_title(f"{name}, twenty queries at once")
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        seconds_axis(axes, "lag (log)")
    columns[0].set_ylabel("timers of 1 ms")
    _legend(canvas, columns)
    caption = "Event-loop lag: how late everybody else is served while the loop answers; further left is better."
    said = _said(measured, {label: label for label in measured.conditions}, EVENT_LOOP_LAG)
    return finish(canvas, "event-loop-lag", caption, f"Event-loop lag. {said}.")


@styled
def clients(measured: Measured, query: str) -> Figure:
    """Throughput against the p95 latency, the number of clients along each curve; a server has a panel of its own."""
    found = lines(measured, "clients")
    groups = [[one for one in found if (one.condition.engine == "postgresql") is there] for there in (False, True)]
    shown = [group for group in groups if group]
    canvas, columns = panels(len(shown), 3.8, sharex=True, sharey=True)
    said = [one for axes, group in zip(columns, shown, strict=True) for one in _by_clients(axes, measured, group)]
    for axes in columns:
        axes.set_yscale("log")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel("requests a second")
    log_ticks(columns[0].yaxis, columns[0].get_ylim(), "s")
    columns[0].set_ylabel("p95 latency (log)")
    columns[0].annotate("numbers: clients", (0.02, 0.03), xycoords="axes fraction", color=FAINT, size=8)
    _legend(canvas, columns)
    caption = f"Throughput and latency of {query}, clients along each curve (closed loop); down and right is better."
    name = f"clients-{query.replace(' ', '-')}"
    return finish(canvas, name, caption, f"Throughput and latency of {query} by clients. {'; '.join(said)}.")


def _by_clients(axes: Axes, measured: Measured, group: Sequence[Line]) -> Iterator[str]:
    """Draw these lines, and say their ends."""
    each = measured.medians
    axes.set_title(", ".join(dict.fromkeys(engine_name(str(line.condition.engine)) for line in group)))
    for line in group:
        there = {number: label for number, label in line.labels.items() if label in each}
        if not there:
            continue
        colour, marker, stroke = line_style(line.condition)
        rates = [1 / each[label].value for label in there.values()]
        latencies = [percentile(measured.latencies, label, 95).value for label in there.values()]
        axes.plot(rates, latencies, stroke, color=colour, marker=marker, markersize=5, label=line.name)
        for number, x, y in [*zip(there, rates, latencies, strict=True)][:: max(1, len(there) - 1)]:
            axes.annotate(f"{number}", (x, y), xytext=(5, 4), textcoords="offset points", size=8, color=colour)
        ends = [f"{numbers.digits(rates[place])}/s with {[*there][place]}" for place in (0, -1)]
        yield f"{line.name}: {', '.join(ends)}"


@styled
def pools(of: Mapping[str, Measured]) -> Figure:
    """Requests a second over the number of connections, a panel a query, a line a service on an engine."""
    canvas, columns = panels(len(of), 3.2)
    said = []
    for axes, (query, measured) in zip(columns, of.items(), strict=True):
        said += _by_connections(axes, measured)
        axes.set_title(query)
        axes.set_xlabel("connections in the pool")
    columns[0].set_ylabel("requests a second")
    _legend(canvas, columns)
    caption = "Throughput by the number of connections; dashed: PostgreSQL."
    return finish(canvas, "pools", caption, f"Throughput by pool size. {'; '.join(said)}.")


def _by_connections(axes: Axes, measured: Measured) -> list[str]:
    each, found, said = measured.medians, lines(measured, "connections"), []
    sizes = sorted({size for line in found for size in line.labels})
    for line in found:
        rates = {size: 1 / each[label].value for size, label in line.labels.items() if label in each}
        colour, marker, stroke = line_style(line.condition)
        if rates:
            axes.plot([*rates], [*rates.values()], stroke, color=colour, marker=marker, markersize=5, label=line.name)
        for size, rate in rates.items():
            interval = each[line.labels[size]].interval
            if interval:
                axes.plot([size, size], [1 / end for end in interval], color=colour, linewidth=2.2, alpha=0.6)
            said.append(f"{line.name} with {size}: {numbers.digits(rate)}/s")
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return said


def _legend(canvas: Canvas, columns: Sequence[Axes]) -> None:
    """One for all panels."""
    handles = {name: line for axes in columns for line, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    canvas.legend(
        handles.values(),
        handles.keys(),
        frameon=False,
        labelcolor="linecolor",
        fontsize=8,
        loc="outside upper left",
        ncols=2,
    )


def line_style(one: Condition) -> tuple[str, str, str]:
    """The colour and marker of a service, or of DuckDB; the line of PostgreSQL is dashed."""
    return *style_of(one), "--" if one.engine == "postgresql" else "-"
