"""What to do first, in ten lines at most: the index by its DDL, the statement by its SQL, gain and price of each.

Everything is read from the results of a run: the texts are those of what was measured.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from carenotes.aggregators import AGGREGATORS
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import Measured, measured
from carenotes.lab.statistics.difference import different, times
from carenotes.lab.statistics.estimates import Estimate, medians
from carenotes.lab.statistics.verdicts import REFUTED, Verdict
from carenotes.original.claims import CLAIMS
from carenotes.report import numbers
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.studies.cache import experiment as caching
from carenotes.studies.one_query import experiment as one_query
from carenotes.studies.one_query.findings import fastest

_INDEXES = ("date", "covering")  # the plans of ours; a plan that costs less and gives as much goes first
_NOT_WORTH = {  # by claim: a measure that a refuted claim recommends
    "index-date": 'indexes on date("created_at")',
    "index-patient": "an index on patients",
    "one-pass": "one pass over the objects instead of five",
    "pooled": "more connections in a pool of SQLite",
    "equality": "= instead of IN",
}


@dataclass(frozen=True)
class Line:
    """What to do, and what somebody would copy for it."""

    words: str
    code: str = ""


class FirstAnswer:
    """A few numbered lines, as a list on the page and in the README."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines

    def _repr_html_(self) -> str:
        return f'<ol class="first">{"".join(map(_item, self.lines))}</ol>'

    def markdown(self) -> str:
        """The same for a README."""
        return "\n".join(
            f"{number}. {one.words}" + (f"\n   ```sql\n   {one.code}\n   ```" if one.code else "")
            for number, one in enumerate(self.lines, 1)
        )

    def __repr__(self) -> str:
        return "\n".join(
            f"{number}. {one.words}" + (f"\n   {one.code}" if one.code else "")
            for number, one in enumerate(self.lines, 1)
        )


def _item(line: Line) -> str:
    words = escape(line.words).replace(" %", "&nbsp;%")
    return f"<li>{words}{f'<pre><code>{escape(line.code)}</code></pre>' if line.code else ''}</li>"


def first_answer(results: Results, verdicts: Mapping[str, Verdict]) -> FirstAnswer | Finding:
    """The lines that a run can give; at most ten."""
    plans = measured(results, one_query.NOTEBOOK, one_query.INDEX_PLANS)
    if not {"naive/none", "naive/covering", "pushdown/none"} <= set(medians(plans.samples)):
        return NOT_MEASURED
    seen = _Seen(results, plans)
    return FirstAnswer([*seen.workload(), *seen.index(), *seen.statement(), *seen.cache(), *_not_worth(verdicts)])


class _Seen:
    """What the run holds about indexes, statements and the cache."""

    def __init__(self, results: Results, plans: Measured) -> None:
        self._results, self._plans = results, plans
        self._inserts = measured(results, one_query.NOTEBOOK, one_query.INSERTS)
        self._plan = self._best_design()

    def _best_design(self) -> str:
        """The cheapest index that `pushdown` is as fast with as with any: the first that none is told to beat.

        With too few rounds to tell, the one with the least median.
        """
        each = medians(self._plans.samples)
        there = [plan for plan in _INDEXES if f"pushdown/{plan}" in each]
        if each[f"pushdown/{there[0]}"].interval is None:
            return min(there, key=lambda plan: each[f"pushdown/{plan}"].value)
        for plan in there:
            others = [times(self._plans, f"pushdown/{one}", f"pushdown/{plan}") for one in there if one != plan]
            if not any(different(one) and one.value > 1 for one in others):
                return plan
        return there[-1]

    def workload(self) -> Iterator[Line]:
        """What was asked of what."""
        facts = self._results.dataset(one_query.NOTEBOOK, "asked", dict)
        machine = self._results.environment()
        yield Line(
            f"Measured: {facts['notes']:,} notes of {facts['tenants']:,} tenants on SQLite {machine['sqlite']}, "
            f"{machine['cores']} cores; one tenant, some or all facilities, one day."
        )

    def index(self) -> Iterator[Line]:
        """The index that helps, by its DDL."""
        gain = times(self._plans, f"naive/{self._plan}", "naive/none")
        code = ";\n".join(self._finding(f"ddl/{self._plan}"))
        yield Line(f"Create this index: the same code is {numbers.times(gain)} as fast. {self._price()}", f"{code};")

    def _price(self) -> str:
        said, sizes = [], [self._finding(f"bytes/{plan}") for plan in (self._plan, "none")]
        if all(sizes):  # a notebook that stopped before its end may lack them
            said.append(f"the file is {sizes[0] / sizes[1]:.2f}x as large")
        if {self._plan, "none"} <= set(medians(self._inserts.samples)):
            longer = numbers.times(times(self._inserts, "none", self._plan))
            said.append(f"the database's work on a note that is inserted takes {longer} the time")
        return f"Price: {', and '.join(said) or 'not measured'}."

    def statement(self) -> Iterator[Line]:
        """The statement that is fastest for a day, by its SQL; and over the longer span, if that is another."""
        names = [f"{name}/{self._plan}" for name in AGGREGATORS]
        best = fastest(self._plans, names)
        if best is None or best == names[0]:
            return
        gain, name = times(self._plans, best, names[0]), best.partition("/")[0]
        yield Line(
            f"On that index, send this instead of fetching objects ({name}): {numbers.times(gain)} as fast as they are"
            f"{self._longer()}. Price: none in the database; code that needs the notes themselves fetches them.",
            _one_line(self._finding(f"sql/{name}")),
        )

    def _longer(self) -> str:
        """What is fastest over the longer span."""
        days = self._results.parameters(one_query.NOTEBOOK)["long_days"]
        one = measured(self._results, one_query.NOTEBOOK, f"comparison/{days} d")
        best = fastest(one, one_query.CONFIGURATIONS)
        if best is None or "naive" not in medians(one.samples):
            return ""
        gain = numbers.times(times(one, best, "naive"))
        return f" (over {days} days {best} is the fastest, {gain})"

    def cache(self) -> Iterator[Line]:
        """What a cache gives on top, and how old its answers may be."""
        worth = measured(self._results, caching.NOTEBOOK, caching.WORTH)
        best = "pushdown, covering index"
        if not {best, caching.HIT} <= set(medians(worth.samples)):
            return
        gain = times(worth, caching.HIT, best)
        yield Line(
            f"Where answers may be some seconds old, put QueryCache(load, ttl=...) in front: a hit takes "
            f"{numbers.seconds(medians(worth.samples)[caching.HIT])}, {numbers.times(gain)} as fast. Price: answers up "
            "to ttl seconds old, or a call of invalidate() with each write."
        )

    def _finding(self, name: str) -> Any:
        return self._results.known_fact(one_query.NOTEBOOK, name)


def _not_worth(verdicts: Mapping[str, Verdict]) -> Iterator[Line]:
    """Measures whose claims are refuted, each with its number."""
    order = [one.id for one in CLAIMS if one.id in _NOT_WORTH and one.id in verdicts]
    found = {name: verdicts[name] for name in order if verdicts[name].word == REFUTED}
    said = [f"{_NOT_WORTH[name]} ({_gain(one.effect)})" for name, one in found.items() if one.effect]
    if said:
        yield Line(f"Not worth doing here: {'; '.join(said)}.")


def _gain(effect: Estimate) -> str:
    return f"{numbers.times(effect)} as fast"


def _one_line(sql: object) -> str:
    return re.sub(r"\s+", " ", str(sql)).strip() + ";"
