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
from carenotes.lab.statistics.verdicts import REFUTED, Evidence, Fields, Verdict
from carenotes.original.claims import CLAIMS
from carenotes.report import numbers
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.studies.cache import experiment as caching
from carenotes.studies.cache.caches import OURS
from carenotes.studies.one_query import experiment as one_query
from carenotes.studies.one_query.findings import fastest
from carenotes.studies.rollups import effects as rollups
from carenotes.studies.rollups import experiment as of_rollups
from carenotes.studies.upkeep import effects as upkeep

FIRST: Fields = {"aggregator": "naive", "design": "none"}  # a first version
_INDEXES = ("date", "covering")  # the designs of ours; one that costs less and gives as much goes first
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
    designs = measured(results, one_query.NOTEBOOK, one_query.BY_DESIGN)
    each = designs.medians
    needed: tuple[Fields, ...] = (FIRST, {**FIRST, "design": _INDEXES[-1]}, {**FIRST, "aggregator": "pushdown"})
    if not designs.conditions or not {designs.of(**fields) for fields in needed} <= each.keys():
        return NOT_MEASURED
    seen = _Seen(results, designs)
    done = [*seen.workload(), *seen.index(), *seen.statement(), *seen.rollup(), *seen.cache()]
    return FirstAnswer([*done, *_not_worth(verdicts)])


class _Seen:
    """What the run holds about designs, statements and the cache."""

    def __init__(self, results: Results, designs: Measured) -> None:
        self._results, self._designs = results, designs
        self._inserts = measured(results, one_query.NOTEBOOK, one_query.INSERTS)
        self._design = self._best_design()

    def _best_design(self) -> str:
        """The cheapest index that `pushdown` is as fast with as with any: the first that none is seen to beat.

        With too few rounds to see it, the one with the least median.
        """
        each = self._designs.medians
        labels = {design: self._designs.of(aggregator="pushdown", design=design) for design in _INDEXES}
        there = {design: label for design, label in labels.items() if label in each}
        if any(each[label].interval is None for label in there.values()):
            return min(there, key=lambda design: each[there[design]].value)
        for design, label in there.items():
            others = [times(self._designs, other, label) for other in there.values() if other != label]
            if not any(different(one) and one.value > 1 for one in others):
                return design
        return list(there)[-1]

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
        with_it, without = (self._designs.of(aggregator="naive", design=one) for one in (self._design, "none"))
        if with_it in self._designs.failed:
            return
        gain = numbers.times(times(self._designs, with_it, without))
        code = ";\n".join(self._fact(f"ddl/{self._design}"))
        yield Line(f"Create this index: a speedup of {gain} for the same code. {self._price()}", f"{code};")

    def _price(self) -> str:
        said, sizes = [], [self._fact(f"bytes/{design}") for design in (self._design, "none")]
        if all(sizes):  # a notebook that stopped before its end may lack them
            said.append(f"the file is {sizes[0] / sizes[1]:.2f}x as large")
        if self._inserts.conditions:
            with_it, without = (self._inserts.of(design=one) for one in (self._design, "none"))
            if {with_it, without} <= set(self._inserts.medians):
                longer = numbers.times(times(self._inserts, without, with_it))
                said.append(f"the database's work on a note that is inserted takes {longer} the time")
        return f"Price: {', and '.join(said) or 'not measured'}."

    def statement(self) -> Iterator[Line]:
        """The statement that is fastest for a day, by its SQL; and over the longer span, if that is another."""
        plain = self._designs.every(design=self._design)
        there = {label: one for label, one in plain.items() if one.aggregator in AGGREGATORS and not one.particular}
        best, naive = fastest(self._designs, there), self._designs.of(aggregator="naive", design=self._design)
        if best is None or best == naive or naive in self._designs.failed:
            return
        gain, name = numbers.times(times(self._designs, best, naive)), there[best].aggregator
        yield Line(
            f"On that index, send this instead of fetching objects ({name}): a speedup of {gain}{self._longer()}. "
            "Price: none in the database; code that needs the notes themselves fetches them.",
            _one_line(self._fact(f"sql/{name}")),
        )

    def _longer(self) -> str:
        """What is fastest over the longer span."""
        days = self._results.parameters(one_query.NOTEBOOK)["long_days"]
        one = measured(self._results, one_query.NOTEBOOK, f"comparison/{days} d")
        best = fastest(one, one_query.answering(one))
        naive = one.of(aggregator="naive") if one.conditions else ""
        if best is None or naive not in one.medians:
            return ""
        return f" (over {days} days the fastest is {best}, {numbers.times(times(one, best, naive))})"

    def rollup(self) -> Iterator[Line]:
        """What a rollup gives where a period is long or the notes are many."""
        seen = Evidence(self._results)
        asked = self._results.parameters(of_rollups.NOTEBOOK).get("days", ())
        gains = {days: rollups.of_pyramid(seen, days, "pushdown") for days in asked}
        said = [f"{numbers.times(one)} over {days} days" for days, one in gains.items() if one and days > 1]
        if not said:
            return
        prices = []
        if slower := upkeep.of_marking(seen, "sqlite"):
            prices.append(f"an insert takes {numbers.times(numbers.inverse(slower))} the time")
        if share := upkeep.share_of_rollup(seen, "sqlite"):
            prices.append(f"{numbers.percent(share)} of the bytes of the notes table")
        yield Line(
            f"Where periods are long or notes are many, keep a rollup (carenotes rollup build, then refresh) and ask "
            f"that: a speedup of {', '.join(said)} against grouping on the index, and as exact. "
            f"Price: {', and '.join(prices) or 'not measured'}."
        )

    def cache(self) -> Iterator[Line]:
        """What a cache gives on top, and how old its answers may be."""
        hits = measured(self._results, caching.NOTEBOOK, caching.SPEEDUP)
        each = hits.medians
        if not hits.conditions:
            return
        hit, best = hits.of(cache=OURS), hits.of(**one_query.OURS)
        if not {hit, best} <= each.keys():
            return
        yield Line(
            f"Where answers may be some seconds old, put QueryCache(load, ttl=...) in front: a hit takes "
            f"{numbers.seconds(each[hit])}, a speedup of {numbers.times(times(hits, hit, best))}. Price: answers up "
            "to ttl seconds old, or a call of invalidate() with each write."
        )

    def _fact(self, name: str) -> Any:
        return self._results.known_fact(one_query.NOTEBOOK, name)


def _not_worth(verdicts: Mapping[str, Verdict]) -> Iterator[Line]:
    """Measures whose claims are refuted, each with its number."""
    order = [one.id for one in CLAIMS if one.id in _NOT_WORTH and one.id in verdicts]
    found = {name: verdicts[name] for name in order if verdicts[name].word == REFUTED}
    said = [f"{_NOT_WORTH[name]} ({numbers.times(one.effect)})" for name, one in found.items() if one.effect]
    if said:
        yield Line(f"Not worth doing here, each with its speedup: {'; '.join(said)}.")


def _one_line(sql: object) -> str:
    return re.sub(r"\s+", " ", str(sql)).strip() + ";"
