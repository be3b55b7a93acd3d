"""Tables for people: a caption, scoped headers, tabular figures; the same object prints as text for a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from carenotes.lab.claims import SEED_CLAIMS
from carenotes.lab.estimates import Estimate, medians, ratios
from carenotes.lab.study import Measured
from carenotes.report import numbers
from carenotes.report.readings import NOT_MEASURED, Reading

FAILED = "✗ FAILED: a wrong answer"


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    words: bool = False  # the values are words, not numbers: aligned to the left

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.columns)
        body = "\n".join(f"<tr>{_cells(row)}</tr>" for row in self.rows)
        note = f"<p class='note'>{escape(self.note)}</p>" if self.note else ""
        kind = ' class="words"' if self.words else ""
        return (
            f"<div class='table'><table{kind}><caption>{escape(self.caption)}</caption>\n"
            f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>{note}</div>"
        )

    def markdown(self) -> str:
        """The table for a README."""
        grid = [self.columns, ["---"] + ["---:"] * (len(self.columns) - 1), *self.rows]
        return "\n".join(f"| {' | '.join(row)} |" for row in grid)

    def __repr__(self) -> str:
        grid = [list(self.columns), *(list(row) for row in self.rows)]
        widths = [max(len(row[place]) for row in grid) for place in range(len(self.columns))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in grid]
        return "\n".join([self.caption, *lines, *([self.note] if self.note else [])])


def _cells(row: Sequence[str]) -> str:
    first, *rest = row
    return f'<th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in rest)


def facts(caption: str, found: Mapping[str, Any]) -> Table:
    """Names and values."""
    return Table(
        caption,
        ("what", "value"),
        [(name.replace("_", " "), _plain(value)) for name, value in found.items()],
        words=True,
    )


def _plain(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def path(measured: Measured, labels: Mapping[str, str], first: str, floor: str) -> Table:
    """The steps from the first version to the fastest: seconds a question, and against the first."""
    rows = [
        (label, *_rung(measured, name, first, floor))
        for name, label in {**labels, floor: f"the floor: {floor}"}.items()
    ]
    columns = ("step", "one day, one tenant", "as fast as the first", f"time of {floor}")
    return Table("From the first version to the fastest", columns, rows, _rounds_note({"": measured}))


def ladder(spans: Mapping[str, Measured], baseline: str, floor: str) -> Table:
    """Each rung over each span: seconds a question, times faster than the baseline, times the floor."""
    rows = [
        (f"{span}: {name}", *_rung(one, name, baseline, floor))
        for span, one in spans.items()
        for name in (*_conditions(one), *one.failed)
    ]
    columns = ("rung", "a question", f"as fast as {baseline}", f"time of {floor}")
    return Table("One question: median time", columns, rows, _rounds_note(spans))


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
        _rounds_note({"": measured}),
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


def seed_tables(measured: Mapping[str, Measured]) -> Table | Reading:
    """The seed's single and filtered tables: claimed, rerun with its pause, rerun without, and ours."""
    if not measured:
        return NOT_MEASURED
    rows = []
    for name, one in measured.items():
        claim = SEED_CLAIMS[name]
        each = {condition: numbers.seconds(value) for condition, value in medians(one.samples).items()}
        rows += [
            (
                f"{name}: claimed",
                _claimed(claim["original_s"]),
                _claimed(claim["optimized_s"]),
                f"{claim['saved_percent']} %",
            ),
            (f"{name}: rerun with its pause", *_pair(one, each, "original, with its pause", "optimized")),
            (f"{name}: rerun without the pause", *_pair(one, each, "original, without", "optimized")),
            (
                f"{name}: ours against its original without",
                *_pair(one, each, "original, without", "pushdown, covering index"),
            ),
        ]
    note = "The claim names no spread, no hardware and no number of rows. " + _rounds_note(measured)
    return Table("The seed's first two tables", ("table", "original", "optimized", "time saved"), rows, note)


def _pair(one: Measured, each: Mapping[str, str], slow: str, fast: str) -> tuple[str, str, str]:
    if slow not in each or fast not in each:
        return each.get(slow, FAILED), each.get(fast, FAILED), ""
    saved = numbers.less(ratios(one.samples, slow)[fast])
    return each[slow], each[fast], numbers.shares(saved)


def _claimed(value: float) -> str:
    factor, unit = numbers.scaled(value, "s")
    return f"{numbers.digits(value * factor)} {unit}"


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
    return Table("Where the time of the naive answer goes", columns, rows, _rounds_note({"": measured}))


def loading(measured: Measured, baseline: str) -> Table:
    """Each way to load: notes a second, and against the baseline."""
    each, against = medians(measured.samples), ratios(measured.samples, baseline)
    rows = [
        (name, numbers.rate(each[name], "notes"), "" if name == baseline else numbers.times(against[name]))
        for name in _conditions(measured)
    ] + [(name, FAILED, "") for name in measured.failed]
    return Table("Loading into SQLite", ("way", "rate", f"rate of {baseline}"), rows, _rounds_note({"": measured}))


def _conditions(measured: Measured) -> list[str]:
    """The conditions from slow to fast."""
    each = medians(measured.samples)
    return sorted(each, key=lambda name: -each[name].value)


def _rounds_note(measured: Mapping[str, Measured]) -> str:
    rounds = min(value.rounds for one in measured.values() for value in medians(one.samples).values())
    if rounds < 6:
        return f"Medians of {rounds} rounds: too few for an interval."
    return f"Medians of {rounds} rounds with 95 % order-statistic intervals; ratios are paired by round."
