"""What opens the page: the answer, the headline figure, the original's tables and the gate, read from results alone."""

from functools import cached_property
from pathlib import Path

import pandas as pd

from carenotes.lab.comparison import SELECT_1
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import Measured, measured
from carenotes.lab.statistics.difference import all_times, times
from carenotes.lab.statistics.estimates import medians
from carenotes.lab.statistics.verdicts import Verdict
from carenotes.original.decisions import verdicts
from carenotes.report import noise, numbers
from carenotes.report.drawing import Figure
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.report.table import Table
from carenotes.studies.cache import experiment as caching
from carenotes.studies.concurrency import experiment as concurrency
from carenotes.studies.one_query import experiment as one_query
from carenotes.studies.one_query.figures import comparison
from carenotes.studies.one_query.findings import fastest
from carenotes.studies.one_query.tables import path
from carenotes.studies.performance_report import claims_tables, trust_tables
from carenotes.studies.performance_report.first_answer import FirstAnswer, first_answer

FIRST = "naive/none"
PATH = {
    FIRST: "naive, no index",
    "naive/original": "naive, the original's indexes",
    "naive/date": "naive, index on tenant and time",
    "naive/covering": "naive, covering index",
    "single_pass/covering": "four columns instead of objects, covering index",
    "pushdown/covering": "grouped by the database, covering index",
}
_COVERING = ("naive/covering", "single_pass/covering", "pushdown/covering")


class Run:
    """The results of a run, opened for reading."""

    def __init__(self, file: str) -> None:
        self.results = Results.read(Path(file))

    def answer(self) -> Finding:
        """Three or four sentences that answer the query of the page."""
        one = self._index_plans()
        best = None if one is None else fastest(one, _COVERING)
        if one is None or best is None or not {*PATH, SELECT_1} <= set(medians(one.samples)):
            return NOT_MEASURED
        each, faster = medians(one.samples), all_times(one, FIRST)
        floor = numbers.inverse(times(one, best, SELECT_1))
        return Finding(
            f"A first version without an index answers the query about one day in {numbers.seconds(each[FIRST])}. "
            f"The right index alone makes the same code {numbers.times(faster['naive/covering'])} as fast; "
            f"the indexes that the original report chose, {numbers.times(faster['naive/original'])}. "
            f"On it, four columns instead of objects are {numbers.times(faster['single_pass/covering'])} as fast, "
            f"grouping and counting in the database {numbers.times(faster['pushdown/covering'])}. "
            f"The fastest, {PATH[best]}, takes {numbers.seconds(each[best])}, {numbers.times(floor)} the time of the "
            f"emptiest statement, {SELECT_1}. All give the same answers.",
            "answer",
        )

    def first(self) -> FirstAnswer | Finding:
        """What to do first, in ten lines at most."""
        return first_answer(self.results, self._verdicts)

    def headline(self) -> Figure | Finding:
        """The path from the first version to the fastest."""
        one = self._index_plans()
        if one is None:
            return NOT_MEASURED
        return comparison({"one day, all or some facilities": one}, PATH, SELECT_1, name="headline")

    def path(self) -> Table | Finding:
        """The steps of the headline figure as a table."""
        one = self._index_plans()
        return NOT_MEASURED if one is None else path(one, PATH, FIRST, SELECT_1)

    def original_claims(self) -> Table | Finding:
        """The original's four tables: claimed, rerun with its pause, rerun without, ours."""
        found = {name: self._measured(f"original/{name}") for name in one_query.ORIGINAL_TABLES}
        twenty = self._measured(concurrency.ORIGINAL_REQUESTS, concurrency.NOTEBOOK)
        worth = self._measured(caching.WORTH, caching.NOTEBOOK)
        return claims_tables.original_tables(
            {name: one for name, one in found.items() if one is not None}, twenty, worth
        )

    def ledger(self) -> Table | Finding:
        """The original's claims that this run decides."""
        return claims_tables.ledger(self._verdicts)

    def not_yet(self) -> Table:
        """The original's claims that are still to be tested."""
        return claims_tables.not_yet(self._verdicts)

    def trust(self) -> Table | Finding:
        """How far each experiment can be trusted: noise, drift, outliers, likeness of rounds."""
        return trust_tables.trust(self._every) if self._every else NOT_MEASURED

    def noise(self) -> Finding:
        """Whether the machine was quiet enough for verdicts, and where identical conditions came out different."""
        return noise.noise(self._every)

    def checked(self) -> Table | Finding:
        """What was asked at the gate, and what was wrong."""
        gates = self.results.correctness()
        if gates.empty:
            return NOT_MEASURED
        gates["what"] = gates["notebook"].str[:2] + " " + gates["experiment"]
        rows = [
            (
                str(what),
                str(group["condition"].nunique()),
                _checked(group, "before"),
                _checked(group, "timed"),
                self._distinct(group),
                _wrong(group),
            )
            for what, group in gates.groupby("what")
        ]
        columns = ("experiment", "conditions", "checked before the clock", "after it", "distinct queries", "wrong")
        return Table("Answers (in 01: notes) compared with what is right", columns, rows)

    def _distinct(self, group: pd.DataFrame) -> str:
        first = group.iloc[0]
        found: str | None = self.results.known_fact(first["notebook"], f"{first['experiment']}/distinct queries")
        return found or ""

    @cached_property
    def _verdicts(self) -> dict[str, Verdict]:
        return verdicts(self.results)

    @cached_property
    def _every(self) -> dict[tuple[str, str], Measured]:
        return {key: measured(self.results, *key) for key in self.results.experiments()}

    def _index_plans(self) -> Measured | None:
        return self._measured(one_query.INDEX_PLANS)

    def _measured(self, experiment: str, notebook: str = one_query.NOTEBOOK) -> Measured | None:
        one = measured(self.results, notebook, experiment)
        return None if one.samples.empty else one


def _checked(group: pd.DataFrame, stage: str) -> str:
    return f"{group[group['stage'] == stage]['queries'].sum():,}"


def _wrong(group: pd.DataFrame) -> str:
    failed = group[group["wrong"] > 0]["condition"].unique()
    return "none" if not len(failed) else f"✗ {', '.join(failed)}"
