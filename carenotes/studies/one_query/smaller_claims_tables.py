"""Tables of the original's smaller claims."""

import re
from collections.abc import Mapping, Sequence

from carenotes.backends import engine_name
from carenotes.designs import title
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.report import numbers
from carenotes.report.table import FAILED, Table, rounds_note
from carenotes.studies.one_query.smaller_claims import Seen, compared


def timed(found: Mapping[str, Measured]) -> Table:
    """Each condition of each experiment: seconds a query, and its speedup over the one that it is compared with."""
    rows = []
    for experiment, one in found.items():
        pairs = compared(experiment, one)
        for base in dict.fromkeys(pairs.values()):
            labels = (base, *(label for label, other in pairs.items() if other == base))
            rows += [(experiment, label, *_cells(one, label, pairs.get(label))) for label in labels]
    columns = ("claim", "configuration", "a query", "speedup", "over")
    note, words = rounds_note(found), ("configuration", "over")
    return Table("The original's smaller claims: median time", columns, rows, note, of_words=words)


def _cells(one: Measured, label: str, base: str | None) -> tuple[str, str, str]:
    each = one.medians
    if label not in each:
        return FAILED, "", ""
    shown = numbers.seconds(each[label])
    return (shown, numbers.times(times(one, label, base)), base) if base in each else (shown, "", "")


def plans(found: Mapping[str, Sequence[Seen]]) -> Table:
    """How the database finds the notes of one day for each aggregator, and how many it counts."""
    rows = [
        (
            claim,
            one["aggregator"],
            f"{engine_name(one['engine'])}, {title(one['design'])}",
            _first_look(one["steps"]),
            f"{one['counted']:,}",
        )
        for claim, every in found.items()
        for one in every
    ]
    columns = ("claim", "aggregator", "on", "first look at the notes", "notes counted")
    return Table("One day of the largest tenant", columns, rows, words=True)


def _first_look(steps: Sequence[str]) -> str:
    step = next(step.strip() for step in steps if "care_notes" in step)
    return re.sub(r'"[^"]*"\.main\.', "", step)  # DuckDB names the file as well
