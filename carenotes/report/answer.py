"""What opens the page: the answer, the headline figure, the seed's tables and the gate, read from results alone."""

from functools import cached_property
from pathlib import Path

import pandas as pd

from carenotes.experiments import caching, concurrency, one_question
from carenotes.lab.decisions import verdicts
from carenotes.lab.difference import all_times, times
from carenotes.lab.estimates import medians
from carenotes.lab.ladder import SELECT_1
from carenotes.lab.results import Results
from carenotes.lab.study import Measured, measured
from carenotes.lab.verdicts import Verdict
from carenotes.report import figures, numbers, readings, tables
from carenotes.report.drawing import Figure
from carenotes.report.first_answer import FirstAnswer, first_answer
from carenotes.report.readings import NOT_MEASURED, Reading
from carenotes.report.tables import Table

FIRST = "naive/none"
PATH = {
    FIRST: "naive, no index",
    "naive/seed": "naive, the seed's indexes",
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

    def answer(self) -> Reading:
        """Three or four sentences that answer the question of the page."""
        one = self._index_plans()
        best = None if one is None else readings.fastest(one, _COVERING)
        if one is None or best is None or not {*PATH, SELECT_1} <= set(medians(one.samples)):
            return NOT_MEASURED
        each, faster = medians(one.samples), all_times(one, FIRST)
        floor = numbers.inverse(times(one, best, SELECT_1))
        return Reading(
            f"A first version without an index answers the question about one day in {numbers.seconds(each[FIRST])}. "
            f"The right index alone makes the same code {numbers.times(faster['naive/covering'])} as fast; "
            f"the indexes that the seed chose, {numbers.times(faster['naive/seed'])}. "
            f"On it, four columns instead of objects are {numbers.times(faster['single_pass/covering'])} as fast, "
            f"grouping and counting in the database {numbers.times(faster['pushdown/covering'])}. "
            f"The fastest, {PATH[best]}, takes {numbers.seconds(each[best])}, {numbers.times(floor)} the time of the "
            f"emptiest statement, {SELECT_1}. All give the same answers.",
            "answer",
        )

    def first(self) -> FirstAnswer | Reading:
        """What to do first, in ten lines at most."""
        return first_answer(self.results, self._verdicts)

    def headline(self) -> Figure | Reading:
        """The path from the first version to the fastest."""
        one = self._index_plans()
        if one is None:
            return NOT_MEASURED
        return figures.ladder({"one day, all or some facilities": one}, PATH, SELECT_1, name="headline")

    def path(self) -> Table | Reading:
        """The steps of the headline figure as a table."""
        one = self._index_plans()
        return NOT_MEASURED if one is None else tables.path(one, PATH, FIRST, SELECT_1)

    def seed_claims(self) -> Table | Reading:
        """The seed's four tables: claimed, rerun with its pause, rerun without, ours."""
        found = {name: self._measured(f"seed/{name}") for name in one_question.SEED_TABLES}
        twenty = self._measured(concurrency.SEED_REQUESTS, concurrency.NOTEBOOK)
        worth = self._measured(caching.WORTH, caching.NOTEBOOK)
        return tables.claims.seed_tables({name: one for name, one in found.items() if one is not None}, twenty, worth)

    def ledger(self) -> Table | Reading:
        """The seed's claims that this run decides."""
        return tables.claims.ledger(self._verdicts)

    def not_yet(self) -> Table:
        """The seed's claims that are still to be tested."""
        return tables.claims.not_yet(self._verdicts)

    def trust(self) -> Table | Reading:
        """How far each experiment can be trusted: noise, drift, outliers, likeness of rounds."""
        return tables.trust.trust(self._every) if self._every else NOT_MEASURED

    def noise(self) -> Reading:
        """Whether the machine was quiet enough for verdicts, and where identical conditions came out different."""
        return readings.trust.noise(self._every)

    def checked(self) -> Table | Reading:
        """What was asked at the gate, and what was wrong."""
        gates = self.results.gates()
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
        columns = ("experiment", "conditions", "checked before the clock", "after it", "distinct questions", "wrong")
        return Table("Answers (in 01: notes) compared with what is right", columns, rows)

    def _distinct(self, group: pd.DataFrame) -> str:
        first = group.iloc[0]
        found: str | None = self.results.known_finding(first["notebook"], f"{first['experiment']}/distinct questions")
        return found or ""

    @cached_property
    def _verdicts(self) -> dict[str, Verdict]:
        return verdicts(self.results)

    @cached_property
    def _every(self) -> dict[tuple[str, str], Measured]:
        return {key: measured(self.results, *key) for key in self.results.experiments()}

    def _index_plans(self) -> Measured | None:
        return self._measured(one_question.INDEX_PLANS)

    def _measured(self, experiment: str, notebook: str = one_question.NOTEBOOK) -> Measured | None:
        one = measured(self.results, notebook, experiment)
        return None if one.samples.empty else one


def _checked(group: pd.DataFrame, stage: str) -> str:
    return f"{group[group['stage'] == stage]['questions'].sum():,}"


def _wrong(group: pd.DataFrame) -> str:
    failed = group[group["wrong"] > 0]["condition"].unique()
    return "none" if not len(failed) else f"✗ {', '.join(failed)}"
