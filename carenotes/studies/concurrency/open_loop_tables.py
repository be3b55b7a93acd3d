"""Tables of the open loop in notebook 05."""

from collections.abc import Sequence

from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.open_loop.server import SERVICE_TIME, WAITING_TIME_IDLE
from carenotes.lab.open_loop.tails import Tail, lateness, mean, mean_wait, seconds_of, tail
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate, paired_ratio
from carenotes.report import numbers
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.report.table import FAILED, Table
from carenotes.studies.concurrency.open_loop import CLOSED, by_theory, loads_of, offered, title, utilisation

_SHOWN = (50, 95, 99)
_BUSY = (
    "Server busy: service time by elapsed time, the utilisation that a load really had; what the event loop does "
    "between two requests is not in it, so that a server without an idle moment shows less than 100 %. An offered "
    "load is a share of what a server answers that is never idle; after a pause a service takes longer, and keeps the "
    "server busier."
)
_TRANSPORT = "A Unix-domain socket, one connection, JSON: reading and writing are part of the service time."


def open_loop(measured: Measured, utilisation_percent: Sequence[int], left_out: Sequence[int]) -> Table | Finding:
    """Utilisation, percentiles of latency and service time by offered load, and how late the generator was."""
    if measured.samples.empty:
        return NOT_MEASURED
    labels = loads_of(measured)
    rows = [(title(one), *_row(measured, one, labels.get(one, ""), left_out)) for one in offered(utilisation_percent)]
    latencies = [f"p{one} latency" for one in _SHOWN]
    columns = ("offered load", "server busy", "arrivals", *latencies, "p50 service time", "p99 generator lateness")
    return Table("Latency by load, counted from when a request was due", columns, rows, _note(measured))


def _row(measured: Measured, percent: int, label: str, left_out: Sequence[int]) -> tuple[str, ...]:
    count = len(seconds_of(measured.latencies, label, LATENCY))
    if not count:
        skipped = "skipped: its run would last too long" if percent in left_out else "not run"
        return (FAILED if label in measured.failed else skipped, *[""] * (len(_SHOWN) + 3))
    shown = [of_tail(tail(measured.latencies, label, one)) for one in _SHOWN]
    late = Estimate(lateness(measured.latencies, label), None, 0)
    services = of_tail(tail(measured.latencies, label, 50, SERVICE_TIME))
    return (numbers.shares(utilisation(measured, label)), f"{count:,}", *shown, services, numbers.seconds(late))


def of_tail(found: Tail) -> str:
    """A judged percentile in words."""
    if found.estimate is None:
        return found.why_not
    return numbers.seconds(found.estimate) + (" (pooled)" if found.pooled else "")


def _note(measured: Measured) -> str:
    rounds = measured.samples["round"].nunique()
    intervals = "median of rounds with its 95 % interval" if rounds >= 6 else "too few for an interval"
    said = [f"{rounds} rounds, each in a process of its own: {intervals}; pooled: taken of all rounds together."]
    each, closed = measured.medians, measured.of(load=CLOSED)
    if closed in each:
        said.append(f"When the server is never idle it answers {numbers.a_second(each[closed])}.")
    names = {label: title(percent) for percent, label in loads_of(measured).items()}
    said += [f"{names.get(one, CLOSED).capitalize()} ran twice: {_differ(measured, one)}." for one in measured.controls]
    return " ".join([*said, _BUSY, _TRANSPORT])


def _differ(measured: Measured, label: str) -> str:
    """By how much the p50 latency differs between the two runs of one condition."""
    one, other = (
        seconds_of(every, label, LATENCY).groupby(every["round"]).median()
        for every in (measured.latencies, measured.replicate_latencies)
    )
    if len(one) != len(other):
        return "one of the two failed"
    ratio = numbers.inverse(paired_ratio(one.tolist(), other.tolist()))
    return f"the p50 latency of the second is {numbers.times(ratio)} that of the first"


def theory(measured: Measured, utilisation_percent: Sequence[int]) -> Table | Finding:
    """The mean wait for the server, measured and by Pollaczek and Khinchine."""
    if measured.samples.empty:
        return NOT_MEASURED
    labels = loads_of(measured)
    rows = [
        (title(one), *_theory_row(measured, labels.get(one, ""), steady=one <= 100))
        for one in offered(utilisation_percent)
    ]
    columns = ("offered load", "mean wait", "by theory", "mean wait at an idle server")
    note = (
        "Theory: Pollaczek and Khinchine, from the service times and arrivals of each round. It leaves out what a "
        "request waits at an idle server: the way there, and waking the server. The wait holds both."
    )
    return Table("Waiting for the server, measured and by theory", columns, rows, note)


def _theory_row(measured: Measured, label: str, *, steady: bool) -> tuple[str, ...]:
    if label not in set(measured.samples["condition"]):
        return (FAILED if label in measured.failed else "not run", "", "")
    wait, idle = mean_wait(measured.latencies, label), mean(measured.latencies, label, WAITING_TIME_IDLE)
    expected = by_theory(measured, label) if steady else None
    said = numbers.seconds(expected) if expected else "no bound: the queue grows"
    return (of_tail(wait), said, numbers.seconds(idle) if idle else "")
