"""Tables of notebook 06."""

from collections.abc import Collection, Mapping

from carenotes.lab.conditions import SELECT_1, labels
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.growth import last_decade
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, Finding
from carenotes.report.table import FAILED, Table, rounds_note
from carenotes.studies.rollups.experiment import SLOW_TO_FAST
from carenotes.studies.rollups.findings import label_of, rivals_of, span
from carenotes.studies.rollups.rivals import ALIKE, RIVALS
from carenotes.studies.rollups.sketched import EXACT, REGISTERS, of_registers

NOT_THERE = "not installed"
Skipped = Mapping[int, Mapping[str, float]]  # seconds a query of aggregators that were left out, by days


def slow_to_fast(spans: Mapping[int, Measured], skipped: Skipped, where: str) -> Table | Finding:
    """From slow to fast over each period: the time of a query, its multiple of `SELECT 1`, the pyramid against it."""
    if not spans:
        return NO_COMPARISON
    rows = []
    for days, one in spans.items():
        lacking = skipped.get(days, {})
        rows += [[f"{span(days)}: {name}", *_of_aggregator(one, name, lacking)] for name in SLOW_TO_FAST]
        floor = next(iter(one.every(statement=SELECT_1)))
        rows.append([f"{span(days)}: {SELECT_1}", _time(one, floor), "", ""])
    columns = ("query about", "takes", f"time of {SELECT_1}", "the pyramid's speedup over it")
    notes = {str(days): one for days, one in spans.items()}
    return Table(f"From slow to fast on {where}", columns, rows, rounds_note(notes))


def _of_aggregator(one: Measured, name: str, skipped: Mapping[str, float]) -> list[str]:
    if name in skipped:
        return [f"skipped: about {skipped[name]:,} s", "", ""]
    label, pyramid = label_of(one, name), label_of(one, "pyramid")
    if label is None:
        return [FAILED, "", ""]
    floor = next(iter(one.every(statement=SELECT_1)))
    above = numbers.times(numbers.inverse(times(one, label, floor)))
    faster = numbers.times(times(one, pyramid, label)) if pyramid and pyramid != label else ""
    return [_time(one, label), above, faster]


def _time(one: Measured, label: str) -> str:
    each = one.medians
    return numbers.seconds(each[label]) if label in each else FAILED


def rivals(spans: Mapping[int, Measured], there: Collection[str]) -> Table | Finding:
    """The pyramid's speedup over each of those that hold the notes in memory, by period; below 1, they win."""
    if not spans:
        return NO_COMPARISON
    rows = []
    for rival in RIVALS:
        cells = [_over(one, rival.name) for one in spans.values()] if rival.name in there else [NOT_THERE] * len(spans)
        rows.append([_kind(rival.name), *cells])
    notes = {str(days): one for days, one in spans.items()}
    columns = ("held in memory", *(span(days) for days in spans))
    return Table("The pyramid's speedup over those that hold the notes in memory", columns, rows, rounds_note(notes))


def _kind(name: str) -> str:
    return f"{name} ({'alike' if name in {one.name for one in ALIKE} else 'raw scan'})"


def memory(held: Mapping[str, Mapping[str, int]], nodes: Mapping[str, int]) -> Table:
    """What each of them takes of memory, and the pyramid of the disk."""
    rows = [[_kind(name), numbers.size(one["data"]), numbers.size(one["process"])] for name, one in held.items()]
    rows.append([f"the pyramid's {nodes['nodes']:,} nodes, on disk", numbers.size(nodes["bytes"]), ""])
    note = "Data as each library counts them; a process that holds them grows by them and by what its library needs."
    return Table("What it takes to hold the notes", ("held", "data", "the process grows by"), rows, note)


def _over(one: Measured, name: str) -> str:
    pyramid, there = label_of(one, "pyramid"), rivals_of(one, [name])
    return numbers.times(times(one, pyramid, there[name])) if pyramid and name in there else FAILED


def growth(found: Mapping[str, Measured]) -> Table | Finding:
    """Of whatever grows: the time of a query where there is least and most of it, and the exponent of the end."""
    rows = []
    for of, one in found.items():
        by_size, exponents = one.along(of), last_decade(one, of)
        for name, line in labels(by_size).items():
            least, most = min(by_size[line]), max(by_size[line])
            first, last = by_size[line][least], by_size[line][most]
            there = one.medians.keys() >= {first, last}
            longer = numbers.times(numbers.inverse(times(one, last, first))) if there else ""
            exponent = numbers.plain(exponents[line]) if line in exponents else ""
            said = f"{name}, {least:,} to {most:,} {of}"
            rows.append([said, _time(one, first), _time(one, last), longer, exponent])
    if not rows:
        return NO_COMPARISON
    columns = ("what grows", "with the fewest", "with the most", "times as long", "exponent")
    note = f"The exponent is that of the last decade. {rounds_note(found)}"
    return Table("The time of a query by what grows", columns, rows, note)


def sketches(one: Measured, errors: Mapping[str, Mapping[str, float]], held: Mapping[str, int]) -> Table | Finding:
    """Sets of patients, exact and approximate: bytes, time, error."""
    exact, nodes = one.of(sketch=EXACT), held["nodes"]
    if exact not in one.medians:
        return NO_COMPARISON
    sizes = [numbers.size(held["patients"] / nodes), numbers.size(held["patients"])]
    rows = [[EXACT, *sizes, _time(one, exact), *[""] * 4]]
    for number in REGISTERS:
        name, label = of_registers(number), one.of(sketch=of_registers(number))
        error = errors[name]
        shown = [numbers.percent(error[what]) for what in ("root mean square", "largest", "exact")]
        longer = numbers.times(numbers.inverse(times(one, label, exact)))
        rows.append([name, numbers.size(number), numbers.size(number * nodes), _time(one, label), longer, *shown])
    columns = (
        *("patients kept as", "a node", "all nodes", "a count", "time of the exact"),
        *("mean error (RMS)", "largest", "right"),
    )
    return Table("Exact and approximate sets of patients", columns, rows, rounds_note({"": one}))


def cache(one: Measured) -> Table | Finding:
    """A hit, and answers without a cache."""
    each, pyramid, pushdown = one.medians, label_of(one, "pyramid"), label_of(one, "pushdown")
    if pyramid is None or pushdown is None:
        return NO_COMPARISON
    rows = []
    for label in one.conditions:
        against = [of if label in each and label != of else None for of in (pyramid, pushdown)]
        over = [numbers.times(times(one, label, of)) if of else "" for of in against]
        rows.append([label, _time(one, label), *over])
    columns = ("answered by", "takes", "speedup over the pyramid", "over pushdown")
    return Table("A hit of the cache beside an answer", columns, rows, rounds_note({"": one}))
