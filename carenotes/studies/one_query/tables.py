"""Tables of notebook 02."""

from collections.abc import Mapping, Sequence

from carenotes.lab.comparison import ALONE
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.estimates import Estimate, medians
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, Finding
from carenotes.report.table import FAILED, Table, conditions, rounds_note
from carenotes.studies.one_query.ceilings import UNITS


def path(measured: Measured, labels: Mapping[str, str], first: str, floor: str) -> Table:
    """The steps from the first version to the fastest: seconds a query, and against the first."""
    rows = [
        (label, *_configuration(measured, name, first, floor))
        for name, label in {**labels, floor: f"the floor: {floor}"}.items()
    ]
    columns = ("step", "one day, one tenant", "as fast as the first", f"time of {floor}")
    return Table("From the first version to the fastest", columns, rows, rounds_note({"": measured}))


def comparison(spans: Mapping[str, Measured], baseline: str, floor: str) -> Table:
    """Each configuration over each span: seconds a query, against the baseline, the floor, and its own statement alone."""
    rows = [
        (f"{span}: {name}", *_configuration(one, name, baseline, floor), _above_statement(one, name))
        for span, one in spans.items()
        for name in (*conditions(one), *one.failed)
        if not name.endswith(ALONE)
    ]
    columns = ("configuration", "a query", f"as fast as {baseline}", f"time of {floor}", "time of its statement alone")
    return Table("One query: median time", columns, rows, rounds_note(spans))


def _above_statement(one: Measured, name: str) -> str:
    each = medians(one.samples)
    if not {name, f"{name}{ALONE}"} <= each.keys():
        return ""
    return numbers.times(numbers.inverse(times(one, name, f"{name}{ALONE}")))


def _configuration(one: Measured, name: str, baseline: str, floor: str) -> list[str]:
    if name in one.failed:
        return [FAILED, "", ""]
    each = medians(one.samples)
    faster = numbers.times(times(one, name, baseline)) if baseline in each else ""
    above = numbers.times(numbers.inverse(times(one, name, floor))) if floor in each else ""
    own = name in (baseline, floor)
    return [numbers.seconds(each[name]), "" if own else faster, "" if name == floor else above]


def ablation(measured: Measured, taken_away: Mapping[str, str], full: str) -> Table | Finding:
    """The full stack, and what a query takes when one measure is taken away."""
    each = medians(measured.samples)
    if full not in each:
        return NO_COMPARISON
    rows = [("nothing: the full stack", numbers.seconds(each[full]), "")]
    for name, what in taken_away.items():
        more = numbers.times(numbers.inverse(times(measured, name, full))) if name in each else ""
        rows.append((what, numbers.seconds(each[name]) if name in each else FAILED, more))
    columns = ("taken away", "a query", "time of the full stack")
    return Table("The full stack with one measure taken away", columns, rows, rounds_note({"": measured}))


def ceilings(measured: Measured) -> Table:
    """What the machine, the interpreter and the stack can do at best."""
    each = medians(measured.samples)
    rows = [
        (name, numbers.rate(each[name], UNITS[name]) if name in UNITS else numbers.seconds(each[name]))
        for name in each
        if name not in measured.failed
    ]
    return Table("Limits, measured in this run", ("limit", "at best"), sorted(rows), rounds_note({"": measured}))


def plans(
    measured: Measured,
    sizes: Mapping[str, int],
    inserts: Measured,
    aggregators: Sequence[str],
    baseline: str = "none",
) -> Table:
    """Each index plan: seconds a query by aggregator, times faster than without an index; its price.

    That is the size of the file, and what a note takes that is inserted.
    """
    each = medians(measured.samples)
    rows = []
    for plan, size in sizes.items():
        row = [plan]
        for name in aggregators:
            row += _plan_cells(measured, each, f"{name}/{plan}", f"{name}/{baseline}")
        rows.append([*row, numbers.size(size), *_insert_cells(inserts, plan, baseline)])
    columns = ["index plan"]
    for name in aggregators:
        columns += [f"{name}: a query", "as fast as without"]
    return Table(
        "One query under each index plan: median time",
        [*columns, "file", "a note inserted", "time without an index"],
        rows,
        "Inserted by the driver, thousands in a transaction that is then taken back: the work on the table and its "
        f"indexes, without the disk. {rounds_note({'': measured})}",
    )


def _insert_cells(inserts: Measured, plan: str, baseline: str) -> list[str]:
    each = medians(inserts.samples)
    if plan not in each:
        return [FAILED if plan in inserts.failed else "", ""]
    longer = times(inserts, baseline, plan) if baseline in each and plan != baseline else None
    return [numbers.seconds(each[plan]), numbers.times(longer) if longer else ""]


def _plan_cells(measured: Measured, each: Mapping[str, Estimate], name: str, baseline: str) -> list[str]:
    if name in measured.failed:
        return [FAILED, ""]
    faster = times(measured, name, baseline) if baseline in each and name != baseline else None
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
    columns = ("up to", "a query", "this step adds", "of the whole")
    return Table("Where the time of the naive answer goes", columns, rows, rounds_note({"": measured}))
