"""A comparison of two runs for people: as lines for a terminal, and as one page that loads nothing."""

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import jinja2

from carenotes.errors import Refused
from carenotes.lab.statistics.estimates import Estimate
from carenotes.report import numbers
from carenotes.report.table import Table
from carenotes.report.two_runs.compare import FAILED, Change, Comparison, said
from carenotes.report.two_runs.figures import ratios

_TEMPLATES = Path(str(files("carenotes.report").joinpath("templates")))


def text(found: Comparison, every: bool = False) -> str:
    """What counts, then how many others there are; with `every`, and where there is no verdict, those as well."""
    shown = ranked([one for one in found.changes if every or one.counts or found.floor is None])
    runs = [
        f"{letter}  {run.name}, commit {run.facts.get('commit')}" for letter, run in zip("AB", found.runs, strict=True)
    ]
    width = max((len(one.word) for one in shown), default=0)
    return "\n".join([*runs, measure(found), *[_line(one, width) for one in shown], summary(found), *apart(found)])


def ranked(changes: Sequence[Change]) -> list[Change]:
    """What counts first, the largest ratios before smaller ones; the rest as it stands."""
    return sorted(changes, key=lambda one: (not one.counts, -_far(one) if one.counts else 0.0))


def _far(change: Change) -> float:
    """How far from 1; what failed is farthest."""
    return max(change.ratio.value, 1 / change.ratio.value) if change.ratio else float("inf")


def _line(change: Change, width: int) -> str:
    times = numbers.times(change.ratio) if change.ratio else "-"
    both = f"{_time(change.before)} -> {_time(change.after)}"
    return f"{change.word:{width}}  {times:22}  {said(change.key)}  ({both})"


def _time(estimate: Estimate | None) -> str:
    return numbers.seconds(estimate) if estimate else "no time"


def measure(found: Comparison) -> str:
    """By what a ratio is judged."""
    if found.floor is None:
        return "No verdict: how much runs of the same thing differ is not known; add one or more with --same RUN."
    noise, matters = numbers.digits(found.floor.ratio), numbers.digits(found.matters)
    return (
        f"Runs of the same thing differ by up to {noise}x ({found.floor.of}), by which intervals are widened; "
        f"B is slower or faster when all of the interval of B/A is {matters}x or more away."
    )


def summary(found: Comparison) -> str:
    """How many conditions there are of each kind."""
    words = Counter(one.word for one in ranked(found.changes))  # in this order, then: what counts comes first
    counted = ", ".join(f"{count} {word}" for word, count in words.items())
    few = [one.ratio.rounds for one in found.changes if one.ratio and one.ratio.interval is None]
    there = f"{min(few)} rounds are" if few and min(few) > 1 else "one round is"
    why = f" {there} too few for intervals of {found.family} ratios together." if few else ""
    return f"{len(found.changes)} conditions: {counted}.{why}"


def apart(found: Comparison) -> list[str]:
    """What cannot be compared, a line a notebook."""
    return [f"{notebook}: not comparable, {why}" for notebook, why in found.apart.items()]


def page(found: Comparison, file: Path) -> None:
    """Write one HTML file, with a figure and a table for each notebook. Refused where it would break a run folder."""
    for run in found.runs:
        if file.resolve().is_relative_to(Path(run.name).resolve()):
            raise Refused(f"{file}: lies in a run folder, whose manifest would then no longer hold")
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True)
    notebooks = list(dict.fromkeys(one.key[0] for one in found.changes))
    rendered = environment.get_template("compare.html.j2").render(
        runs=dict(zip("AB", found.runs, strict=True)),
        measure=measure(found),
        summary=summary(found),
        apart=apart(found),
        sections={name: _section(found, name) for name in notebooks},
        style=(_TEMPLATES / "page.css").read_text(),
    )
    file.write_text(rendered, encoding="utf-8")


def _section(found: Comparison, notebook: str) -> tuple[str, str]:
    changes = [one for one in found.changes if one.key[0] == notebook]
    return ratios(changes, found)._repr_html_(), _table(notebook, changes, found)._repr_html_()


def _table(notebook: str, changes: Sequence[Change], found: Comparison) -> Table:
    rows = [
        (
            f"{one.key[1]}: {one.key[2]}",
            f"{'✗ ' if one.word.startswith(FAILED) else ''}{one.word}",
            numbers.times(one.ratio) if one.ratio else "-",
            _time(one.before),
            _time(one.after),
        )
        for one in ranked(changes)
    ]
    note = f"Medians with 95 % intervals; ratios are unpaired; intervals of {found.family} of them hold together"
    note += ", widened by what runs of the same thing differ by." if found.floor else "."
    return Table(f"{notebook}: both runs", ("condition", "B is", "B/A", "A", "B"), rows, note)
