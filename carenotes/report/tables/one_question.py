"""Tables of notebook 02."""

from collections.abc import Mapping, Sequence

from carenotes.lab.estimates import Estimate, medians, ratios
from carenotes.lab.study import Measured
from carenotes.report import numbers
from carenotes.report.tables.table import FAILED, Table, conditions, rounds_note


def path(measured: Measured, labels: Mapping[str, str], first: str, floor: str) -> Table:
    """The steps from the first version to the fastest: seconds a question, and against the first."""
    rows = [
        (label, *_rung(measured, name, first, floor))
        for name, label in {**labels, floor: f"the floor: {floor}"}.items()
    ]
    columns = ("step", "one day, one tenant", "as fast as the first", f"time of {floor}")
    return Table("From the first version to the fastest", columns, rows, rounds_note({"": measured}))


def ladder(spans: Mapping[str, Measured], baseline: str, floor: str) -> Table:
    """Each rung over each span: seconds a question, times faster than the baseline, times the floor."""
    rows = [
        (f"{span}: {name}", *_rung(one, name, baseline, floor))
        for span, one in spans.items()
        for name in (*conditions(one), *one.failed)
    ]
    columns = ("rung", "a question", f"as fast as {baseline}", f"time of {floor}")
    return Table("One question: median time", columns, rows, rounds_note(spans))


def _rung(one: Measured, name: str, baseline: str, floor: str) -> list[str]:
    if name in one.failed:
        return [FAILED, "", ""]
    each, faster, above = medians(one.samples), ratios(one.samples, baseline), ratios(one.samples, floor)
    ratio = numbers.times(faster[name]) if baseline in each and name not in (baseline, floor) else ""
    height = numbers.times(numbers.inverse(above[name])) if floor in each and name != floor else ""
    return [numbers.seconds(each[name]), ratio, height]


def plans(measured: Measured, sizes: Mapping[str, int], aggregators: Sequence[str], baseline: str = "none") -> Table:
    """Each index plan: seconds a question by aggregator, times faster than without an index, size of the file."""
    each = medians(measured.samples)
    rows = []
    for plan, size in sizes.items():
        row = [plan]
        for name in aggregators:
            row += _plan_cells(measured, each, f"{name}/{plan}", f"{name}/{baseline}")
        rows.append([*row, numbers.size(size)])
    columns = ["index plan"]
    for name in aggregators:
        columns += [f"{name}: a question", "as fast as without"]
    return Table(
        "One question under each index plan: median time",
        [*columns, "file"],
        rows,
        rounds_note({"": measured}),
    )


def _plan_cells(measured: Measured, each: Mapping[str, Estimate], name: str, baseline: str) -> list[str]:
    if name in measured.failed:
        return [FAILED, ""]
    faster = ratios(measured.samples, baseline)[name] if baseline in each and name != baseline else None
    return [numbers.seconds(each[name]), numbers.times(faster) if faster else ""]


def query_plans(shown: Mapping[str, Sequence[str]]) -> Table:
    """How the database finds the notes under each index plan: the steps that touch the table."""
    rows = [(plan, next(step.strip() for step in steps if "care_notes" in step)) for plan, steps in shown.items()]
    return Table("How SQLite reads the notes of one tenant's day", ("index plan", "step"), rows, words=True)


def steps(measured: Measured, order: Sequence[str]) -> Table:
    """The naive answer in steps: what each adds, and its share of the whole."""
    each = medians(measured.samples)
    whole, before, rows = each[order[-1]].value, 0.0, []
    for name in order:
        added = each[name].value - before
        factor, unit = numbers.scaled(abs(added), "s")
        shown = f"{numbers.digits(added * factor)} {unit}"
        rows.append((name, numbers.seconds(each[name]), shown, numbers.percent(added / whole)))
        before = each[name].value
    columns = ("up to", "a question", "this step adds", "of the whole")
    return Table("Where the time of the naive answer goes", columns, rows, rounds_note({"": measured}))
