"""Tables for people: a caption, scoped headers, tabular figures; the same object prints as text for a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import family, times
from carenotes.lab.statistics.estimates import FEWEST_ROUNDS, fewest_rounds
from carenotes.report import numbers
from carenotes.report.noise import banner

FAILED = "✗ FAILED: a wrong answer"


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    words: bool = False  # the values are words, not numbers: aligned to the left
    of_words: Sequence[str] = ()  # further columns that are, beside those of numbers

    def _repr_html_(self) -> str:
        kinds = [self._kind(name) for name in self.columns]
        head = "".join(
            f'<th scope="col"{kind}>{escape(name)}</th>' for kind, name in zip(kinds, self.columns, strict=True)
        )
        body = "\n".join(f"<tr>{_cells(row, kinds)}</tr>" for row in self.rows)
        note = f"<p class='note'>{escape(self.note)}</p>" if self.note else ""
        kind = " words" if self.words else ""
        return (
            f"<div class='table{kind}'><table class='{kind.strip()}'><caption>{escape(self.caption)}</caption>\n"
            f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>{note}</div>"
        )

    def _kind(self, column: str) -> str:
        """The attributes of a column's cells: of several in words, their name, for pages too narrow to have columns."""
        if self.words and len(self.columns) > 2:
            return f' data-column="{escape(column)}"'
        return ' class="word"' if column in self.of_words else ""

    def markdown(self) -> str:
        """The table for a README."""
        grid = [self.columns, ["---"] + ["---:"] * (len(self.columns) - 1), *self.rows]
        return "\n".join(f"| {' | '.join(row)} |" for row in grid)

    def __repr__(self) -> str:
        grid = [list(self.columns), *(list(row) for row in self.rows)]
        widths = [max(len(row[place]) for row in grid) for place in range(len(self.columns))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in grid]
        return "\n".join([self.caption, *lines, *([self.note] if self.note else [])])


def _cells(row: Sequence[str], kinds: Sequence[str]) -> str:
    first, *rest = (escape(cell) for cell in row)
    cells = "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds[1:], rest, strict=True))
    return f'<th scope="row">{first}</th>{cells}'


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


def conditions(measured: Measured) -> list[str]:
    """The conditions from slow to fast."""
    each = measured.medians
    return sorted(each, key=lambda name: -each[name].value)


def rounds_note(measured: Mapping[str, Measured]) -> str:
    """How many rounds there were, whether they carry an interval, and of how many ratios together."""
    warning = "".join({banner(one): None for one in measured.values()})
    every = [value.rounds for one in measured.values() for value in one.medians.values()]
    families = [family(one) for one in measured.values()]
    rounds, said = min(every), _to(every)
    if rounds < FEWEST_ROUNDS:
        return f"{warning}Medians of {rounds} rounds: too few for an interval."
    if rounds < fewest_rounds(max(families)):
        return f"{warning}Medians of {rounds} rounds with 95 % intervals; too few for ratios' that hold together."
    return (
        f"{warning}Medians of {said} rounds, each in a process of its own, with 95 % order-statistic intervals; "
        f"ratios are Hodges-Lehmann's, paired by round, with signed-rank intervals that hold for {_to(families)} of "
        f"them together and are widened by the A/A noise."
    )


def _to(numbers: Sequence[int]) -> str:
    return " to ".join(map(str, sorted({min(numbers), max(numbers)})))


def compared(one: Measured, label: str, base: str, *, slower: bool = False) -> list[str]:
    """The time of a condition, and its ratio to another one's: how much faster it is, or slower."""
    each = one.medians
    if label not in each:
        return [FAILED, ""]
    if base not in each or base == label:
        return [numbers.seconds(each[label]), ""]
    pair = (base, label) if slower else (label, base)
    return [numbers.seconds(each[label]), numbers.times(times(one, *pair))]
