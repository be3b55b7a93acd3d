"""Tables of notebook 04."""

from collections.abc import Mapping, Sequence
from typing import Any

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import all_times, times
from carenotes.lab.statistics.estimates import medians
from carenotes.report import numbers
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.report.table import FAILED, Table, conditions, rounds_note
from carenotes.studies.cache.faults import NO_WAY_TO_TELL


def faults(found: Mapping[str, Mapping[str, str]]) -> Table:
    """Which cache survives which fault."""
    names = list(found)
    rows = [(fault, *(_mark(found[name][fault]) for name in names)) for fault in next(iter(found.values()))]
    marks = {name: [_mark(one) for one in found[name].values()] for name in names}
    survived = ("survived", *(f"{one.count('✓')} of {len(one) - one.count('–')}" for one in marks.values()))
    note = "–: has no call to throw one answer away, which the fault needs; not counted."
    return Table("What each cache survives", ("fault", *names), [*rows, survived], note, words=True)


def _mark(said: str) -> str:
    return "✓" if not said else "–" if said == NO_WAY_TO_TELL else "✗"


def what_went_wrong(found: Mapping[str, Mapping[str, str]]) -> Table:
    """What each fault did to those that did not survive it."""
    rows = []
    for fault in next(iter(found.values())):
        alike: dict[str, list[str]] = {}
        for name, said in found.items():
            if said[fault] and said[fault] != NO_WAY_TO_TELL:
                alike.setdefault(said[fault], []).append(name)
        if alike:
            rows.append((fault, "; ".join(f"{', '.join(names)}: {what}" for what, names in alike.items())))
    return Table("What went wrong", ("fault", "where, and what"), rows, words=True)


def hit_price(measured: Measured, floor: str, best: str) -> Table:
    """Each cache: seconds a hit, against the bare look-up, and against the best."""
    each, above, behind = medians(measured.samples), all_times(measured, floor), all_times(measured, best)
    rows = [
        (
            name,
            numbers.seconds(each[name]),
            "" if name == floor else numbers.times(numbers.inverse(above[name])),
            "" if name in (floor, best) else numbers.times(numbers.inverse(behind[name])),
        )
        for name in conditions(measured)
    ] + [(name, FAILED, "", "") for name in measured.failed]
    columns = ("cache", "a hit", "time of the floor", "time of ours")
    note = f"The floor: {floor}; ours: {best}. " + rounds_note({"": measured})
    return Table("The price of a hit", columns, rows, note)


def hit_worth(measured: Measured | None, hits: Sequence[str]) -> Table | Finding:
    """How many times faster a hit is than each way to answer without one."""
    if measured is None:
        return NOT_MEASURED
    each = medians(measured.samples)
    rows = [
        (
            name,
            numbers.seconds(each[name]),
            *(numbers.times(times(measured, hit, name)) if hit in each else FAILED for hit in hits),
        )
        for name in conditions(measured)
        if name not in hits
    ]
    columns = ("answered without a cache", "a query", *(f"{hit} is faster by" for hit in hits))
    return Table("What a hit is worth depends on what it is compared with", columns, rows, rounds_note({"": measured}))


def stampede(found: Mapping[str, Mapping[str, Sequence[float]]]) -> Table:
    """Loads, and the time until all have their answer, by the number of callers."""
    numbers_of = list(next(iter(found.values())))
    rows = [(name, *(_stampeded(*seen) for seen in one.values())) for name, one in found.items()]
    columns = ("scheme", *(f"{int(number):,} callers" for number in numbers_of))
    return Table("A cold key that many ask for at once; a load takes 1 s", columns, rows)


def _stampeded(loads: float, wait: float) -> str:
    return f"{int(loads):,} load{'s' if loads > 1 else ''}, {wait:,g} s"


def hit_ratios(found: Sequence[Mapping[str, Any]]) -> Table:
    """Hit ratio, what theory expects, and stale answers, by time to live and time between two askings."""
    rows = [
        (
            f"{one['ttl']:,} s",
            f"{one['gap']:,} s",
            numbers.percent(one["hit_ratio"]),
            numbers.percent(one["expected"]),
            numbers.percent(one["stale"]),
        )
        for one in found
    ]
    columns = ("time to live", "asked each", "hits", "expected", "stale answers")
    return Table(
        "Hit ratio and staleness", columns, rows, "Expected: T / (T + gap), the renewal theory of such a cache."
    )
