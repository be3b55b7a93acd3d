"""Two runs beside each other: what takes longer in the second one, what less, and what cannot be told.

The runs have no rounds in common, so ratios are unpaired, and the noise is that *between* runs: the largest ratio by
which further runs of the same thing differ. It widens every interval; without such runs there is no verdict. What is
said of a ratio follows as in `difference`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from carenotes.errors import Refused
from carenotes.lab.conditions import SELECT_1, Condition
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import measured
from carenotes.lab.statistics import difference
from carenotes.lab.statistics.estimates import Estimate, family_level, median, unpaired_ratio
from carenotes.report.runs import manifest
from carenotes.report.runs.run import RESULTS
from carenotes.studies.cache.hits import FLOOR as DICTIONARY
from carenotes.studies.seed_data.experiment import READY_TUPLES

MATTERS = 1.10
SLOWER, FASTER, SAME, UNDECIDED = "slower", "faster", "same", "undecided"
_WORDS = {
    difference.MORE: SLOWER,
    difference.LESS: FASTER,
    difference.ALIKE: SAME,
    difference.UNDECIDED: UNDECIDED,
}
CEILING, FAILED, ONLY = "ceiling", "FAILED", "only"
# Fields of what stands beside others as their limit. What it does is not ours: driver, interpreter.
CEILINGS = {"statement": SELECT_1, "cache": DICTIONARY, "writer": READY_TUPLES}
MAY_DIFFER = {"commit", "carenotes", "results_schema"}  # of the environment: ours, or looked at already

Key = tuple[str, str, str]  # notebook, experiment, condition


@dataclass(frozen=True)
class OneRun:
    """A finished run as it was found: its facts, its seconds by round, what failed in it."""

    name: str
    facts: Mapping[str, str]
    parameters: Mapping[str, Any]  # of each notebook
    data: Mapping[str, Mapping[str, str]]  # the digests of each notebook's data sets, or whose notes they are
    seconds: Mapping[Key, Sequence[float]]
    failed: frozenset[Key]
    ceilings: frozenset[Key]


@dataclass(frozen=True)
class Change:
    """One condition in both runs. `ratio` is how many times as long the second takes; None when one has no time.

    Its interval is one of a family, and widened by the floor if there is one.
    """

    key: Key
    before: Estimate | None
    after: Estimate | None
    ratio: Estimate | None
    word: str

    @property
    def counts(self) -> bool:
        """Whether a reader has to look at it."""
        return self.word in (SLOWER, FASTER) or self.word.startswith(FAILED)


@dataclass(frozen=True)
class Floor:
    """The largest ratio, at least 1, by which a condition differs between runs of the same thing, and which it was."""

    ratio: float
    of: str


@dataclass(frozen=True)
class Comparison:
    """Two runs beside each other, in a family of so many ratios; `apart` says why a notebook cannot be compared."""

    runs: tuple[OneRun, OneRun]
    changes: Sequence[Change]
    floor: Floor | None
    matters: float
    apart: Mapping[str, str]
    family: int


def compare(
    first: Path, second: Path, *, same: Sequence[Path] = (), matters: float = MATTERS, across_machines: bool = False
) -> Comparison:
    """Set `second` beside `first`. `same` are further runs of the same thing as `first`: without any, no verdict.

    Only what was measured on the same data with the same parameters is compared. Raises Refused when a folder is no
    finished run or was changed, when environments differ (unless `across_machines`), and when nothing is comparable.
    """
    if not 1 < matters < float("inf"):
        raise Refused(f"--matters is {matters:g}; allowed: more than 1, such as 1.1")
    before, after, *others = [_opened(folder) for folder in (first, second, *same)]
    for other in (after, *others):
        if not across_machines:
            _one_machine(before, other)
        _something_to_compare(before, other)
    floor, apart = _floor([before, *others]), _apart(before, after)
    keys = [key for key in _keys(before, after) if key[0] not in apart]
    family = max(1, sum(key in before.seconds and key in after.seconds for key in keys))
    changes = [_change(before, after, key, family, floor, matters) for key in keys]
    return Comparison((before, after), changes, floor, matters, apart, family)


def _opened(folder: Path) -> OneRun:
    if not folder.is_dir():
        raise Refused(f"{folder}: no such folder")
    manifest.check(folder)
    results = Results.read(folder / RESULTS)
    try:
        own = json.loads((folder / "run.json").read_text())["own"]
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused(f"{folder / 'run.json'}: does not say what was run") from None
    tables = results.tables()
    parameters = dict(zip(tables["run"]["notebook"], tables["run"]["parameters"], strict=True))
    data = {notebook: {"whose notes": str(own)} if own else {} for notebook in parameters}
    for notebook, rows in tables["dataset"].groupby("notebook"):
        data[str(notebook)] = dict(zip(rows["name"], rows["digest"], strict=True))
    seconds, failed, ceilings = _measured(results)
    run = OneRun(str(folder), results.environment(), parameters, data, seconds, frozenset(failed), frozenset(ceilings))
    results.close()
    return run


def _measured(results: Results) -> tuple[dict[Key, Sequence[float]], set[Key], set[Key]]:
    """What took how long, what failed, and what is a ceiling."""
    seconds: dict[Key, Sequence[float]] = {}
    failed: set[Key] = set()
    ceilings: set[Key] = set()
    checks = results.correctness()
    there = set(zip(checks["notebook"], checks["experiment"], strict=True)) | set(results.experiments())
    for notebook, experiment in sorted(there):
        found = measured(results, notebook, experiment)
        failed |= {(notebook, experiment, name) for name in found.failed}
        ceilings |= {(notebook, experiment, name) for name, one in found.conditions.items() if is_ceiling(one)}
        each = found.seconds
        seconds |= {(notebook, experiment, str(name)): each[name].dropna().tolist() for name in each.columns}
    return seconds, failed, ceilings


def _one_machine(first: OneRun, second: OneRun) -> None:
    for name in dict.fromkeys([*first.facts, *second.facts]):
        one, other = (run.facts.get(name, "not known") for run in (first, second))
        if one != other and name not in MAY_DIFFER:
            where = f"{first.name} has {one}, {second.name} has {other}"
            raise Refused(f"the runs differ in {name}: {where}; --across-machines compares them all the same")


def _apart(first: OneRun, second: OneRun) -> dict[str, str]:
    """Why a notebook's experiments cannot be compared. Which data set is whose experiment's is not told finer."""
    found: dict[str, str] = {}
    for notebook in sorted(first.parameters.keys() | second.parameters.keys()):
        if notebook not in first.parameters or notebook not in second.parameters:
            found[notebook] = f"only in {first.name if notebook in first.parameters else second.name}"
        elif difference := _difference(first.parameters[notebook], second.parameters[notebook]):
            found[notebook] = f"other parameters: {difference}"
        elif difference := _difference(first.data[notebook], second.data[notebook]):
            found[notebook] = f"other data: {difference}"
    return found


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The first thing in which two mappings differ, with both values; empty if none."""
    for name in dict.fromkeys([*one, *other]):
        if one.get(name) != other.get(name):
            return f"{name} is {_short(one.get(name))} and {_short(other.get(name))}"
    return ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}..."


def _something_to_compare(first: OneRun, second: OneRun) -> None:
    apart = _apart(first, second)
    if not any(key[0] not in apart for key in _keys(first, second)):
        why = "; ".join(f"{notebook}: {reason}" for notebook, reason in apart.items()) or "nothing was measured"
        raise Refused(f"{first.name} and {second.name} have nothing that can be compared ({why})")


def _keys(first: OneRun, second: OneRun) -> list[Key]:
    return list(dict.fromkeys([*first.seconds, *sorted(first.failed), *second.seconds, *sorted(second.failed)]))


def _floor(same: Sequence[OneRun]) -> Floor | None:
    """The largest ratio between runs of the same thing; None for a single one."""
    found = [floor for one, other in combinations(same, 2) for floor in _ratios(one, other)]
    return max(found, key=lambda floor: floor.ratio, default=None)


def _ratios(first: OneRun, second: OneRun) -> Iterator[Floor]:
    apart = _apart(first, second)
    for key in first.seconds.keys() & second.seconds.keys():
        if key[0] not in apart:
            yield Floor(difference.away(unpaired_ratio(first.seconds[key], second.seconds[key]).value), said(key))


def is_ceiling(one: Condition) -> bool:
    """Whether a condition is a limit of the machine, the interpreter or a driver, which no change of ours moves."""
    return one.get("limit") is not None or any(one.get(name) == value for name, value in CEILINGS.items())


def said(key: Key) -> str:
    """A condition in words: `02 comparison/1 d: naive`."""
    notebook, experiment, condition = key
    return f"{notebook[:2]} {experiment}: {condition}"


def _change(first: OneRun, second: OneRun, key: Key, family: int, floor: Floor | None, matters: float) -> Change:
    before, after = (median(run.seconds[key]) if key in run.seconds else None for run in (first, second))
    failed = [name for name, run in zip("AB", (first, second), strict=True) if key in run.failed]
    if failed:
        return Change(key, before, after, None, f"{FAILED} in {' and '.join(failed)}")
    if before is None or after is None:
        return Change(key, before, after, None, f"{ONLY} in {'B' if before is None else 'A'}")
    found = unpaired_ratio(first.seconds[key], second.seconds[key], family_level(family))
    ratio = difference.widened(found, floor.ratio if floor else None)
    return Change(
        key, before, after, ratio, CEILING if key in first.ceilings | second.ceilings else _word(ratio, floor, matters)
    )


def _word(ratio: Estimate, floor: Floor | None, matters: float) -> str:
    return _WORDS[difference.word(ratio, matters)] if floor else UNDECIDED
