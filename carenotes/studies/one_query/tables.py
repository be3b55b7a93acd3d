"""Tables of notebook 02."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from carenotes.designs import title
from carenotes.lab.conditions import DRIVER_ALONE, SELECT_1
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.estimates import Estimate
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding
from carenotes.report.table import FAILED, Table, conditions, rounds_note
from carenotes.studies.one_query.ceilings import UNITS
from carenotes.studies.one_query.experiment import ABLATION, COMPARED, DESIGNS, FULL_STACK, STEPS


def path(measured: Measured, titles: Mapping[str, str]) -> Table:
    """The steps from the first version to the fastest: seconds a query, and against the first.

    `titles` has the labels of the conditions in their order, with the words for each.
    """
    first, floor = next(iter(titles)), measured.of(statement=SELECT_1)
    named = {**titles, floor: f"the floor: {SELECT_1}"}
    rows = [(said, *_configuration(measured, label, first)) for label, said in named.items()]
    columns = ("step", "one day, one tenant", "speedup over the first", f"time of {SELECT_1}")
    return Table("From the first version to the fastest", columns, rows, rounds_note({"": measured}))


def comparison(spans: Mapping[str, Measured]) -> Table | Finding:
    """Each condition over each span: seconds a query, against `naive`, the floor, and its own statement alone."""
    if not spans:
        return NOT_MEASURED
    rows = [
        (f"{span}: {label}", *_configuration(one, label, one.of(aggregator="naive")), _above_statement(one, label))
        for span, one in spans.items()
        for label in (*conditions(one), *one.failed)
        if one.conditions[label].get("client") != DRIVER_ALONE
    ]
    columns = ("configuration", "a query", "speedup over naive", f"time of {SELECT_1}", "time of its statement alone")
    return Table("One query: median time", columns, rows, rounds_note(spans))


def _above_statement(one: Measured, label: str) -> str:
    """How many times the time of what it sends, by the driver alone; nothing where that was not timed."""
    each, of = one.medians, one.conditions[label]
    its = replace(of, particular=(*of.particular, ("client", DRIVER_ALONE)))
    alone = next((other for other, each_of in one.conditions.items() if each_of == its), None)
    return numbers.times(numbers.inverse(times(one, label, alone))) if alone and {label, alone} <= each.keys() else ""


def _configuration(one: Measured, label: str, baseline: str) -> list[str]:
    if label in one.failed:
        return [FAILED, "", ""]
    each, floor = one.medians, one.of(statement=SELECT_1)
    faster = numbers.times(times(one, label, baseline)) if baseline in each else ""
    above = numbers.times(numbers.inverse(times(one, label, floor))) if floor in each else ""
    own = label in (baseline, floor)
    return [numbers.seconds(each[label]), "" if own else faster, "" if label == floor else above]


def ablation(measured: Measured) -> Table | Finding:
    """The full stack, and what a query takes when one measure is taken away."""
    each, full = measured.medians, measured.of(**FULL_STACK)
    if full not in each:
        return NO_COMPARISON
    rows = [("nothing: the full stack", numbers.seconds(each[full]), "")]
    for fields, what in ABLATION:
        label = measured.of(**fields)
        more = numbers.times(numbers.inverse(times(measured, label, full))) if label in each else ""
        rows.append((what, numbers.seconds(each[label]) if label in each else FAILED, more))
    columns = ("taken away", "a query", "time of the full stack")
    return Table("The full stack with one measure taken away", columns, rows, rounds_note({"": measured}))


def ceilings(measured: Measured) -> Table:
    """What the machine, the interpreter and the stack can do at best."""
    rows = [
        (name, numbers.rate(best, UNITS[name]) if name in UNITS else numbers.seconds(best))
        for name, best in measured.medians.items()
    ]
    return Table("Limits, measured in this run", ("limit", "at best"), sorted(rows), rounds_note({"": measured}))


def designs(measured: Measured, sizes: Mapping[str, int], inserts: Measured) -> Table:
    """Each design: seconds a query by aggregator, its speedup over no index; its price.

    That is the size of the file, and what a note takes that is inserted.
    """
    each = measured.medians
    rows = []
    for design, size in sizes.items():
        row = [title(design)]
        for name in COMPARED:
            label, without = (measured.of(aggregator=name, design=one) for one in (design, DESIGNS[0]))
            row += _design_cells(measured, each, label, without)
        rows.append([*row, numbers.size(size), *_insert_cells(inserts, design)])
    columns = ["design", *(said for name in COMPARED for said in (f"{name}: a query", "speedup"))]
    return Table(
        "One query under each design: median time",
        [*columns, "file", "a note inserted", "time without an index"],
        rows,
        "Inserted by the driver, thousands in a transaction that is then taken back: the work on the table and its "
        f"indexes, without the disk. {rounds_note({'': measured})}",
    )


def _insert_cells(inserts: Measured, design: str) -> list[str]:
    each, label, without = inserts.medians, inserts.of(design=design), inserts.of(design=DESIGNS[0])
    if label not in each:
        return [FAILED if label in inserts.failed else "", ""]
    longer = times(inserts, without, label) if without in each and label != without else None
    return [numbers.seconds(each[label]), numbers.times(longer) if longer else ""]


def _design_cells(measured: Measured, each: Mapping[str, Estimate], label: str, without: str) -> list[str]:
    if label in measured.failed:
        return [FAILED, ""]
    faster = times(measured, label, without) if without in each and label != without else None
    return [numbers.seconds(each[label]), numbers.times(faster) if faster else ""]


def query_plans(shown: Mapping[str, Sequence[str]]) -> Table:
    """How the database finds the notes under each design: the steps that touch the table."""
    rows = [
        (title(design), next(step.strip() for step in steps if "care_notes" in step)) for design, steps in shown.items()
    ]
    return Table("How SQLite reads the notes of one tenant's day", ("design", "step"), rows, words=True)


def steps(measured: Measured) -> Table:
    """The naive answer in steps: what each adds, and its share of the whole."""
    order = [measured.of(**fields) for fields in STEPS]
    each = measured.medians
    whole, before, rows = each[order[-1]].value, 0.0, []
    for name in order:
        added = each[name].value - before
        factor, unit = numbers.scaled(abs(added), "s")
        shown = f"{numbers.digits(added * factor)} {unit}"
        rows.append((name, numbers.seconds(each[name]), shown, numbers.percent(added / whole)))
        before = each[name].value
    columns = ("up to", "a query", "this step adds", "of the whole")
    return Table("Where the time of the naive answer goes", columns, rows, rounds_note({"": measured}))
