"""Tables of notebook 07."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from carenotes.backends import engine_name
from carenotes.designs import title
from carenotes.lab.runner.measured import Measured
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, Finding
from carenotes.report.table import Table, compared, facts, rounds_note
from carenotes.studies.server.attacks import Seen
from carenotes.studies.server.experiment import (
    COMPARED,
    DELETED,
    DROPPED,
    NO_POLICY,
    SCOPED,
    SHUFFLED,
    VACUUMED,
    WRITTEN,
)
from carenotes.studies.server.place import DESIGNS, MONTHS, PLAIN
from carenotes.studies.server.tenants import ON_ROLE, ON_SETTING

NOT_HERE = Finding("Not measured in this run: there is no PostgreSQL server, and none can be started.")


def known(caption: str, found: Mapping[str, Any]) -> Table | Finding:
    """Names and values, as far as anything was found."""
    return facts(caption, found) if found else NOT_HERE


def designs(measured: Measured, sizes: Mapping[str, int], inserts: Measured) -> Table | Finding:
    """Each design: seconds a query by aggregator, its speedup over no index, and its price."""
    if not measured.medians:
        return NOT_HERE if not measured.failed else NO_COMPARISON
    rows = []
    for design, order in (*((one, None) for one in DESIGNS), ("brin", SHUFFLED)):
        row = [title(design) + (f", notes {order}" if order else "")]
        for name in COMPARED:
            label = measured.of(aggregator=name, design=design, **({"order": order} if order else {}))
            row += compared(measured, label, measured.of(aggregator=name, design=DESIGNS[0]))
        price = ["", "", ""] if order else [numbers.size(sizes[design]), *_insert(inserts, design)]
        rows.append([*row, *price])
    columns = ["design", *(said for name in COMPARED for said in (f"{name}: a query", "speedup"))]
    return Table(
        "One query under each design on PostgreSQL: median time",
        [*columns, "table and indexes", "a note inserted", "time without an index"],
        rows,
        f"Inserted in a transaction that is then taken back. {rounds_note({'': measured})}",
    )


def _insert(inserts: Measured, design: str) -> list[str]:
    if not inserts.every(design=design):
        return ["", ""]
    shown, longer = compared(inserts, inserts.of(design=design), inserts.of(design=DESIGNS[0]), slower=True)
    return [shown, longer]


def plans(shown: Mapping[str, Sequence[str]], of: str, by: str) -> Table | Finding:
    """How the database finds the notes: the step that looks at them first, `by` design or engine."""
    if not shown:
        return NOT_HERE
    rows = [(_named(name), _first_look(steps)) for name, steps in shown.items()]
    return Table(f"How the notes of a tenant's day are found: {of}", (by, "steps"), rows, words=True)


def _named(name: str) -> str:
    return engine_name(name) if title(name) == name else title(name)


def _first_look(steps: Sequence[str]) -> str:
    """From the first step that names the table, or an index, with those below it."""
    found = [step for step in steps if "care_notes" in step or " using " in step]
    first = next(place for place, step in enumerate(steps) if step == found[0])
    depth = len(steps[first]) - len(steps[first].lstrip())
    below = []
    for step in steps[first + 1 :]:
        if len(step) - len(step.lstrip()) <= depth:
            break
        below.append(step.strip())
    return " <- ".join(_without_values(step) for step in [steps[first].strip(), *below])


def _without_values(step: str) -> str:
    """A step without the values that it was planned with; which columns are searched is left."""
    kept = re.sub(r"'[^']*'(?:::[\w ]*\w)?", "?", step)
    return re.sub(r" +", " ", kept)


def as_meant(measured: Measured) -> Table | Finding:
    """The original's statement on each engine, without an index, on its own as they were meant; and a range."""
    if not measured.medians:
        return NOT_HERE if not measured.failed else NO_COMPARISON
    rows = []
    for engine in map(str, measured.values("engine")):
        base = measured.of(aggregator="original_optimized", engine=engine, design="none")
        for said, name, design in (
            ("date(created_at) = day", "original_optimized", "none"),
            ("date(created_at) = day", "original_optimized", "original_meant"),
            ("a range of times", "naive", "date"),
        ):
            label = measured.of(aggregator=name, engine=engine, design=design)
            rows.append([f"{engine_name(engine)}: {said}", title(design), *compared(measured, label, base)])
    columns = ("asked by", "on", "a query", "speedup over no index")
    return Table("The original's date indexes, as they were meant", columns, rows, rounds_note({"": measured}),
                 of_words=("on",))  # fmt: skip


def partitions(spans: Mapping[int, Measured], touched: Mapping[str, int]) -> Table | Finding:
    """A query about one month and about twelve, on partitions and on the plain table with the same index."""
    if not touched or not all(one.medians for one in spans.values()):
        return NOT_HERE if not touched else NO_COMPARISON
    rows = []
    for many, one in spans.items():
        plain, parts = (one.of(aggregator="pushdown", design=design) for design in (PLAIN, MONTHS))
        count = f"{touched[f'{many} months']} of {touched['there']}"
        span = f"{many} month{'s' if many > 1 else ''}"
        rows.append([span, compared(one, plain, plain)[0], *compared(one, parts, plain, slower=True), count])
    columns = ("query about", "plain table", "partitions", "time of the plain table", "partitions touched")
    notes = {str(many): one for many, one in spans.items()}
    return Table("Partitions by month: median time of a query by pushdown", columns, rows, rounds_note(notes))


def removed(measured: Measured) -> Table | Finding:
    """A month removed, in three ways."""
    if not measured.medians:
        return NOT_HERE if not measured.failed else NO_COMPARISON
    base = measured.of(removal=VACUUMED)
    rows = [[how, *compared(measured, measured.of(removal=how), base)] for how in (VACUUMED, DELETED, DROPPED)]
    note = f"After DELETE alone the rows are still on disk, and nobody's. {rounds_note({'': measured})}"
    return Table("A month removed", ("by", "takes", "speedup"), rows, note)


def attacks(found: Mapping[str, Mapping[str, Seen]]) -> Table | Finding:
    """What came of each attack, by the policy."""
    if not found:
        return NOT_HERE
    rows = [[name, *(_outcome(*seen[policy]) for policy in (ON_ROLE, ON_SETTING))] for name, seen in found.items()]
    columns = ("attack on row-level security", f"policy {ON_ROLE}", f"policy {ON_SETTING}")
    return Table("Attacks on row-level security: held, or came through", columns, rows, words=True)


def _outcome(through: bool, seen: str) -> str:
    return f"✗ came through: {seen}" if through else f"✓ held: {seen}"


def policies(measured: Measured) -> Table | Finding:
    """What a policy costs a query."""
    each = measured.medians
    if not each:
        return NOT_HERE if not measured.failed else NO_COMPARISON
    base = measured.of(aggregator="pushdown", policy=NO_POLICY, where=SCOPED)
    rows = [
        [f"policy {one.get('policy')}, {one.get('where')}", *compared(measured, label, base, slower=True)]
        for label, one in measured.conditions.items()
    ]
    columns = ("pushdown, covering index", "a query", "time without a policy")
    return Table("The price of a policy", columns, rows, rounds_note({"": measured}))


def fresh_day(measured: Measured, fetches: Mapping[str, int]) -> Table | Finding:
    """A day that was just written, and the same after VACUUM."""
    if not measured.medians:
        return NOT_HERE if not measured.failed else NO_COMPARISON
    base = measured.of(aggregator="pushdown", day=WRITTEN)
    rows = [
        [str(one.get("day")), *compared(measured, label, base), f"{fetches[str(one.get('day'))]:,}"]
        for label, one in measured.conditions.items()
    ]
    columns = ("the day", "a query", "speedup", "rows looked up in the table")
    return Table("The day that was written last", columns, rows, rounds_note({"": measured}))
