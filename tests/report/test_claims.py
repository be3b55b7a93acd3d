"""What a run says of claims hangs on the fields of its conditions: whoever renames one hears of it, and loses none."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from carenotes.lab.conditions import SHARED, Condition, Value
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Evidence, Fields, Verdict
from carenotes.original.claims import CLAIMS
from carenotes.original.decisions import VERDICTS
from carenotes.report.runs.run import Outcome
from carenotes.studies.performance_report.claims_tables import not_yet

pytestmark = pytest.mark.slow

Key = tuple[str, str]  # a notebook and an experiment
Conditions = Mapping[str, Condition]

# Another number is another result, and no other name, where a claim takes all numbers that there are.
ALONG = {
    "notes": ["growth", "growth/notes"],
    "connections": ["pools", "pools, heavy query"],
    "notes_a_batch": ["loading"],
    "writers": ["readers and writers"],
}


class Renamed(Evidence):
    """The evidence of a run, in which the conditions of experiments can be exchanged; it knows what was looked at."""

    def __init__(self, results: Results) -> None:
        super().__init__(results)
        self.given: dict[Key, Conditions] = {}
        self.looked_at: set[Key] = set()
        self._known: dict[tuple[object, ...], Any] = {}

    def measured(self, notebook: str, experiment: str) -> Measured:
        key = notebook, experiment
        self.looked_at.add(key)
        one = super().measured(*key)
        if key not in self.given:
            return one
        found = replace(one, conditions=self.given[key])
        vars(found).update({name: getattr(one, name) for name in ("seconds", "medians")})  # the samples stay the same
        return found

    def speedup(self, notebook: str, experiment: str, fast: Fields, slow: Fields) -> Estimate | None:
        return self._once(super().speedup, notebook, experiment, fast, slow)

    def latency_ratio(
        self, notebook: str, experiment: str, fast: Fields, slow: Fields, per_cent: float
    ) -> Estimate | None:
        return self._once(super().latency_ratio, notebook, experiment, fast, slow, per_cent)

    def fact(self, notebook: str, name: str) -> Any:
        if (notebook, name) not in self._known:
            self._known[notebook, name] = super().fact(notebook, name)
        return self._known[notebook, name]

    def _once(self, find: Callable[..., Estimate | None], *of: Any) -> Estimate | None:
        """Computed once for two labels, which are found anew each time."""
        notebook, experiment, fast, slow, *more = of
        one = self.measured(notebook, experiment)
        labels = (one.of(**fields) for fields in (fast, slow) if one.conditions)
        key = find.__name__, notebook, experiment, *labels, *more
        if key not in self._known:
            self._known[key] = find(*of)
        return self._known[key]


@pytest.fixture(scope="module")
def results(run: Outcome) -> Iterator[Results]:
    found = Results.read(run.page.parent / "results.sqlite")
    yield found
    found.close()


@pytest.fixture(scope="module")
def seen(results: Results) -> Renamed:
    return Renamed(results)


@pytest.fixture(scope="module")
def before(seen: Renamed) -> dict[str, tuple[Verdict | None, set[Key]]]:
    """The verdict on each claim, and the experiments that were looked at for it."""
    found: dict[str, tuple[Verdict | None, set[Key]]] = {}
    for claim, decide in VERDICTS.items():
        seen.looked_at.clear()
        found[claim] = decide(seen), set(seen.looked_at)
    return found


def test_a_run_decides_each_claim_that_anything_decides(before: Mapping[str, tuple[Verdict | None, object]]) -> None:
    """None is excepted: the smallest run of every notebook has what each of them rests on."""
    assert [claim for claim, (verdict, _) in before.items() if verdict is None] == []


def test_a_claim_that_nothing_decides_says_why_not_and_no_other_does() -> None:
    untested = {one.id: one.untested for one in CLAIMS if one.untested}
    assert untested.keys() == {one.id for one in CLAIMS} - VERDICTS.keys()
    shown = {row[0].split(" ")[0]: row[-1] for row in not_yet({}).rows}
    assert untested.items() <= shown.items()
    assert all(shown.values())


def renamed(one: Condition, name: str, *, field: bool) -> Condition:
    """The same condition, one of whose fields has another name, or another value."""
    value = one.fields()[name]
    another: Value = value + 1 if isinstance(value, int) else f"{value}, renamed"
    new = (f"{name}_renamed", value) if field else (name, another)
    if name in SHARED and not field:
        return replace(one, **{name: another})  # type: ignore[arg-type]
    if name in SHARED:  # what is not shared is particular
        return replace(one.without(name), particular=(*one.particular, new))
    return replace(one, particular=tuple(new if pair[0] == name else pair for pair in one.particular))


def renamings(experiment: str, there: Conditions) -> Iterator[tuple[str, Conditions]]:
    """Each field and each value with another name: in one condition, and wherever it stands in the experiment."""
    words = {(name, value) for one in there.values() for name, value in one.fields().items()}
    for name, value in sorted(words, key=str):
        having = [label for label, one in there.items() if one.get(name) == value]
        for labels in [having] if len(having) == 1 else [having, *([one] for one in having)]:
            for field in (False, True):
                if field or not (isinstance(value, int) and experiment in ALONG.get(name, ())):
                    changed = {label: renamed(there[label], name, field=field) for label in labels}
                    yield f"{experiment}: {'field' if field else 'value'} of {name}={value}, {labels}", there | changed
    for name in sorted({name for name, _ in words}):
        having = [label for label, one in there.items() if name in one.fields()]
        yield f"{experiment}: field {name}", there | {one: renamed(there[one], name, field=True) for one in having}


def test_a_field_or_a_value_with_another_name_is_an_error_or_changes_no_verdict(
    results: Results, seen: Renamed, before: Mapping[str, tuple[Verdict | None, set[Key]]]
) -> None:
    silent, errors = [], set()
    for key in sorted(set().union(*(keys for _, keys in before.values()))):
        claims = [claim for claim, (_, keys) in before.items() if key in keys]
        for said, conditions in renamings(key[1], results.conditions(*key)):
            seen.given[key] = conditions
            for claim in claims:
                try:
                    if VERDICTS[claim](seen) != before[claim][0]:
                        silent.append(f"{claim}: {said}")
                except LookupError:
                    errors.add((claim, key))
        del seen.given[key]
    assert silent == []
    hanging = {(claim, key) for claim, (_, keys) in before.items() for key in keys}
    assert hanging - errors == set()  # each hangs on some word of each experiment that was looked at
