"""The Universal Scalability Law as a table."""

from collections.abc import Sequence

from carenotes.lab.fits import Usl, usl
from carenotes.lab.study import Measured
from carenotes.report import numbers
from carenotes.report.tables.table import FAILED, Table


def scalability(measured: Measured, ways: Sequence[str], levels: Sequence[int]) -> Table:
    """The law's parameters for each way to serve, or why they cannot be told."""
    rows = [(way, *_row(measured, way, usl(measured, way, levels))) for way in ways]
    columns = ("way", "one client", "waits for a turn (sigma)", "costs the others (kappa)", "most with")
    note = (
        "X(N) = rate N / (1 + sigma (N - 1) + kappa N (N - 1)), fitted round by round; the medians of rounds. "
        "Not identified below 8 levels, or when the interval of kappa reaches 0."
    )
    return Table("The Universal Scalability Law", columns, rows, note)


def _row(measured: Measured, way: str, found: Usl | None) -> tuple[str, ...]:
    if found is None:
        failed = any(name.startswith(f"{way}/") for name in measured.failed)
        return (FAILED if failed else "not run", "", "", "")
    if found.why_not:
        return (numbers.a_second(numbers.inverse(found.rate)), f"not identified: {found.why_not}", "", "")
    most = f"{found.peak:,.0f} clients" if found.peak else "no client more"
    rate = numbers.a_second(numbers.inverse(found.rate))
    return (rate, numbers.plain(found.sigma), numbers.plain(found.kappa), most)
