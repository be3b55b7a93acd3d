"""Tables of notebook 04."""

from collections.abc import Mapping, Sequence
from typing import Any

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import all_times, times
from carenotes.report import numbers
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.report.table import FAILED, Table, conditions, rounds_note
from carenotes.studies.cache.caches import ORIGINALS, OURS
from carenotes.studies.cache.faults import NO_WAY_TO_TELL
from carenotes.studies.cache.hits import FLOOR, SAME


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


def hit_latency(measured: Measured) -> Table:
    """Each cache: seconds a hit, against the bare look-up, and against ours."""
    floor, ours = measured.of(cache=FLOOR), measured.of(cache=OURS, key=SAME)
    each, above, behind = measured.medians, all_times(measured, floor), all_times(measured, ours)
    rows = [
        (
            name,
            numbers.seconds(each[name]),
            "" if name == floor else numbers.times(numbers.inverse(above[name])),
            "" if name in (floor, ours) else numbers.times(numbers.inverse(behind[name])),
        )
        for name in conditions(measured)
    ] + [(name, FAILED, "", "") for name in measured.failed]
    columns = ("cache", "a hit", "time of the floor", "time of ours")
    note = f"The floor: {floor}; ours: {ours}. " + rounds_note({"": measured})
    return Table("Hit latency", columns, rows, note)


def hit_speedup(measured: Measured | None) -> Table | Finding:
    """How many times faster a hit is than each way to answer without one."""
    if measured is None:
        return NOT_MEASURED
    each, hits = measured.medians, {name: measured.of(cache=name) for name in (OURS, ORIGINALS)}
    rows = [
        (
            name,
            numbers.seconds(each[name]),
            *(numbers.times(times(measured, hit, name)) if hit in each else FAILED for hit in hits.values()),
        )
        for name in conditions(measured)
        if name not in hits.values()
    ]
    columns = ("answered without a cache", "a query", *(f"speedup of a hit of {name}" for name in hits))
    return Table("The speedup of a hit depends on what it is compared with", columns, rows, rounds_note({"": measured}))


def stampede(found: Mapping[str, Mapping[str, Sequence[float]]]) -> Table:
    """Loads, and the time until all have their answer, by the number of callers."""
    callers = next(iter(found.values()))
    rows = [(name, *(_stampeded(*seen) for seen in one.values())) for name, one in found.items()]
    columns = ("scheme", *(f"{int(number):,} callers" for number in callers))
    return Table("A cold key with many callers at once; a load takes 1 s", columns, rows)


def _stampeded(loads: float, wait: float) -> str:
    return f"{int(loads):,} load{'s' if loads > 1 else ''}, {wait:,g} s"


def hit_ratios(found: Sequence[Mapping[str, Any]]) -> Table:
    """Hit ratio, what theory expects, and stale answers, by time to live and interarrival time."""
    rows = [
        (
            f"{one['ttl']:,} s",
            f"{one['interarrival']:,} s",
            numbers.percent(one["hit_ratio"]),
            numbers.percent(one["expected"]),
            numbers.percent(one["stale"]),
        )
        for one in found
    ]
    columns = ("time to live", "a query each", "hits", "expected", "stale answers")
    note = "Expected: T / (T + interarrival time), the renewal theory of such a cache."
    return Table("Hit ratio and staleness", columns, rows, note)
