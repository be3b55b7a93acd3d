"""What opens the page: the answer, the headline figure, the original's tables, correctness; read from results alone."""

from functools import cached_property
from pathlib import Path

import pandas as pd

from carenotes.lab.conditions import SELECT_1
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import Measured, measured
from carenotes.lab.statistics.difference import all_times, times
from carenotes.lab.statistics.verdicts import Fields, Verdict
from carenotes.original.decisions import verdicts
from carenotes.report import noise, numbers
from carenotes.report.drawing import Figure
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.report.table import Table
from carenotes.studies.cache import experiment as caching
from carenotes.studies.concurrency import experiment as concurrency
from carenotes.studies.one_query import experiment as one_query
from carenotes.studies.one_query.figures import medians_over_spans
from carenotes.studies.one_query.findings import fastest
from carenotes.studies.one_query.tables import path
from carenotes.studies.performance_report import claims_tables, trust_tables
from carenotes.studies.performance_report.first_answer import FIRST, FirstAnswer, first_answer

STEPS: tuple[tuple[Fields, str], ...] = (  # from the first version to the fastest, each with its title
    (FIRST, "naive, no index"),
    ({"aggregator": "naive", "design": "original"}, "naive, the original's indexes"),
    ({"aggregator": "naive", "design": "date"}, "naive, index on tenant and time"),
    ({"aggregator": "naive", "design": "covering"}, "naive, covering index"),
    ({"aggregator": "single_pass", "design": "covering"}, "four columns instead of objects, covering index"),
    ({"aggregator": "pushdown", "design": "covering"}, "grouped by the database, covering index"),
)


class Run:
    """The results of a run, opened for reading."""

    def __init__(self, file: str) -> None:
        self.results = Results.read(Path(file))

    def answer(self) -> Finding:
        """Three or four sentences that answer the question of the page."""
        one = self._designs()
        each = {} if one is None else one.medians
        if one is None or not {*self._titles(one), one.of(statement=SELECT_1)} <= each.keys():
            return NOT_MEASURED
        titles, floor = self._titles(one), one.of(statement=SELECT_1)
        first, original, _, covering, columns, grouped = titles
        best = fastest(one, (covering, columns, grouped)) or grouped
        gain = {label: numbers.times(ratio) for label, ratio in all_times(one, first).items()}
        above = numbers.times(numbers.inverse(times(one, best, floor)))
        return Finding(
            f"A first version without an index answers the query about one day in {numbers.seconds(each[first])}. "
            f"The speedup by the right index alone, with the same code, is {gain[covering]}; "
            f"by the indexes that the original report chose, {gain[original]}. "
            f"On the right index, it is {gain[columns]} with four columns instead of objects, "
            f"{gain[grouped]} with grouping and counting in the database. "
            f"The fastest, {titles[best]}, takes {numbers.seconds(each[best])}, {above} the time of the "
            f"emptiest statement, {SELECT_1}. All give the same answers.",
            "answer",
        )

    def first(self) -> FirstAnswer | Finding:
        """What to do first, in ten lines at most."""
        return first_answer(self.results, self._verdicts)

    def headline(self) -> Figure | Finding:
        """The path from the first version to the fastest."""
        one = self._designs()
        if one is None:
            return NOT_MEASURED
        return medians_over_spans({"one day, all or some facilities": one}, self._titles(one), "headline")

    def path(self) -> Table | Finding:
        """The steps of the headline figure as a table."""
        one = self._designs()
        return NOT_MEASURED if one is None else path(one, self._titles(one))

    def original_claims(self) -> Table | Finding:
        """The original's four tables: claimed, rerun with its pause, rerun without, ours."""
        found = {name: self._measured(f"original/{name}") for name in one_query.ORIGINAL_TABLES}
        twenty = self._measured(concurrency.ORIGINAL_REQUESTS, concurrency.NOTEBOOK)
        hits = self._measured(caching.SPEEDUP, caching.NOTEBOOK)
        return claims_tables.original_tables(
            {name: one for name, one in found.items() if one is not None}, twenty, hits
        )

    def ledger(self) -> Table | Finding:
        """The original's claims that this run decides."""
        return claims_tables.ledger(self._verdicts)

    def not_yet(self) -> Table:
        """The original's claims that are still to be tested."""
        return claims_tables.not_yet(self._verdicts, {notebook for notebook, _ in self.results.experiments()})

    def trust(self) -> Table | Finding:
        """How far each experiment can be trusted: noise, drift, outliers, lag-1 autocorrelation."""
        return trust_tables.trust(self._every) if self._every else NOT_MEASURED

    def noise(self) -> Finding:
        """Whether the machine was quiet enough for verdicts, and where identical conditions came out different."""
        return noise.noise(self._every)

    def checked(self) -> Table | Finding:
        """How many answers were checked, and what was wrong."""
        checks = self.results.correctness()
        if checks.empty:
            return NOT_MEASURED
        checks["what"] = checks["notebook"].str[:2] + " " + checks["experiment"]
        rows = [
            (
                str(what),
                str(group["condition"].nunique()),
                _checked(group, "before"),
                _checked(group, "timed"),
                self._distinct(group),
                _wrong(group),
            )
            for what, group in checks.groupby("what")
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

    def _designs(self) -> Measured | None:
        return self._measured(one_query.BY_DESIGN)

    @staticmethod
    def _titles(one: Measured) -> dict[str, str]:
        """The title of each step, by the label of its condition."""
        return {one.of(**fields): said for fields, said in STEPS}

    def _measured(self, experiment: str, notebook: str = one_query.NOTEBOOK) -> Measured | None:
        one = measured(self.results, notebook, experiment)
        return None if one.samples.empty else one


def _checked(group: pd.DataFrame, stage: str) -> str:
    return f"{group[group['stage'] == stage]['queries'].sum():,}"


def _wrong(group: pd.DataFrame) -> str:
    failed = group[group["wrong"] > 0]["condition"].unique()
    return "none" if not len(failed) else f"✗ {', '.join(failed)}"
