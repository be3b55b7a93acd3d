"""Tables of the loads in notebook 05."""

from collections.abc import Sequence

from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.open_loop.server import ALONE, SERVICE
from carenotes.lab.open_loop.tails import Tail, lateness, mean, mean_wait, seconds_of, tail
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate, medians, paired_ratio
from carenotes.report import numbers
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.report.table import FAILED, Table
from carenotes.studies.concurrency.open_loop import CLOSED, by_theory, name_of, offered, utilisation

_SHOWN = (50, 95, 99)
_BUSY = (
    "Server busy: service time by elapsed time, the utilisation that a load really had; what the event loop does "
    "between two requests is not in it, so that a server without an idle moment shows less than 100 %. An offered "
    "load is a share of what a server answers that is never idle; after a pause a service takes longer, and keeps the "
    "server busier."
)
_TRANSPORT = "A Unix-domain socket, one connection, JSON: reading and writing are part of the service time."


def open_loop(measured: Measured, loads: Sequence[int], left_out: Sequence[str]) -> Table | Finding:
    """Utilisation and percentiles of latency by offered load, a service beside them, and how late the generator was."""
    if measured.samples.empty:
        return NOT_MEASURED
    rows = [_row(measured, name_of(load), left_out) for load in offered(loads)]
    latencies = [f"p{one} latency" for one in _SHOWN]
    columns = ("offered load", "server busy", "arrivals", *latencies, "p50 service time", "p99 generator lateness")
    return Table("Latency by load, counted from when a request was due", columns, rows, _note(measured))


def _row(measured: Measured, name: str, left_out: Sequence[str]) -> tuple[str, ...]:
    count = len(seconds_of(measured.latencies, name, LATENCY))
    if not count:
        return (name, _missing(measured, name, left_out), *[""] * (len(_SHOWN) + 3))
    shown = [of_tail(tail(measured.latencies, name, one)) for one in _SHOWN]
    late = Estimate(lateness(measured.latencies, name), None, 0)
    services = of_tail(tail(measured.latencies, name, 50, SERVICE))
    return (name, numbers.shares(utilisation(measured, name)), f"{count:,}", *shown, services, numbers.seconds(late))


def _missing(measured: Measured, name: str, left_out: Sequence[str]) -> str:
    if name in measured.failed:
        return FAILED
    return "skipped: its run would last too long" if name in left_out else "not run"


def of_tail(found: Tail) -> str:
    """A judged percentile in words."""
    if found.estimate is None:
        return found.why_not
    return numbers.seconds(found.estimate) + (" (pooled)" if found.pooled else "")


def _note(measured: Measured) -> str:
    rounds = measured.samples["round"].nunique()
    intervals = "median of rounds with its 95 % interval" if rounds >= 6 else "too few for an interval"
    said = [f"{rounds} rounds, each in a process of its own: {intervals}; pooled: taken of all rounds together."]
    each = medians(measured.samples)
    if CLOSED in each:
        said.append(f"When the server is never idle it answers {numbers.a_second(each[CLOSED])}.")
    said += [f"{name.capitalize()} ran twice: {_differ(measured, name)}." for name in measured.pairs]
    return " ".join([*said, _BUSY, _TRANSPORT])


def _differ(measured: Measured, name: str) -> str:
    """By how much the p50 latency differs between the two names of one condition."""
    every = measured.latencies[measured.latencies["kind"] == LATENCY]
    halves = every.groupby(["condition", "round"])["seconds"].median()
    one, other = (halves[halves.index.get_level_values(0) == which] for which in (name, f"{name}{AGAIN}"))
    if len(one) != len(other):
        return "one of the two failed"
    ratio = numbers.inverse(paired_ratio(one.tolist(), other.tolist()))
    return f"the p50 latency of the second is {numbers.times(ratio)} that of the first"


def theory(measured: Measured, loads: Sequence[int]) -> Table | Finding:
    """The mean wait for the server, measured and by Pollaczek and Khinchine."""
    if measured.samples.empty:
        return NOT_MEASURED
    rows = [_theory_row(measured, name_of(load), steady=load <= 100) for load in offered(loads)]
    columns = ("offered load", "mean wait", "by theory", "with nobody before")
    note = (
        "Theory: Pollaczek and Khinchine, from the services and arrivals of each round. It leaves out what a request "
        "waits with nobody before it: the way there, and waking the server. The wait holds both."
    )
    return Table("Waiting for the server, measured and by theory", columns, rows, note)


def _theory_row(measured: Measured, name: str, *, steady: bool) -> tuple[str, ...]:
    if name not in set(measured.samples["condition"]):
        return (name, FAILED if name in measured.failed else "not run", "", "")
    wait, alone = mean_wait(measured.latencies, name), mean(measured.latencies, name, ALONE)
    expected = by_theory(measured, name) if steady else None
    said = numbers.seconds(expected) if expected else "no bound: the queue grows"
    return (name, of_tail(wait), said, numbers.seconds(alone) if alone else "")
