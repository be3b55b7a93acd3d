"""What opens the page: the answer, the headline figure, the seed's tables and the gate, read from results alone."""

from pathlib import Path

from carenotes.experiments import one_question
from carenotes.index_plans import INDEX_PLANS
from carenotes.lab.estimates import medians, ratios
from carenotes.lab.results import Results
from carenotes.lab.study import Measured, measured
from carenotes.report import figures, numbers, tables
from carenotes.report.drawing import Figure
from carenotes.report.readings import NOT_MEASURED, Reading
from carenotes.report.tables import Table

FIRST, BEST = "naive/none", "pushdown/covering"
PATH = (FIRST, *(f"naive/{plan}" for plan in INDEX_PLANS if plan != "none"), BEST)


class Run:
    """The results of a run, opened for reading."""

    def __init__(self, file: str) -> None:
        self.results = Results.read(Path(file))

    def answer(self) -> Reading:
        """Three or four sentences that answer the question of the page."""
        one = self._index_plans()
        needed = {FIRST, BEST, "naive/covering", "naive/seed", one_question.SELECT_1}
        if one is None or not needed <= set(medians(one.samples)):
            return NOT_MEASURED
        each, faster = medians(one.samples), ratios(one.samples, FIRST)
        floor = numbers.inverse(ratios(one.samples, one_question.SELECT_1)[BEST])
        return Reading(
            f"A first version without an index answers the question about one day in {numbers.seconds(each[FIRST])}. "
            f"The right index alone makes the same code {numbers.times(faster['naive/covering'])} as fast; "
            f"the indexes that the seed chose, {numbers.times(faster['naive/seed'])}. "
            f"Letting the database group and count as well gives {numbers.seconds(each[BEST])}, "
            f"{numbers.times(faster[BEST])} as fast as the first version, with the same answers, "
            f"and {numbers.times(floor)} the time of the emptiest statement, {one_question.SELECT_1}.",
            "answer",
        )

    def headline(self) -> Figure | Reading:
        """The path from the first version to the fastest."""
        one = self._index_plans()
        if one is None:
            return NOT_MEASURED
        return figures.ladder({"one day, all or some facilities": one}, PATH, one_question.SELECT_1, name="headline")

    def seed_claims(self) -> Table | Reading:
        """The seed's tables: claimed, rerun with its pause, rerun without, ours."""
        found = {name: self._measured(f"seed/{name}") for name in one_question.SEED_TABLES}
        return tables.seed_tables({name: one for name, one in found.items() if one is not None})

    def checked(self) -> Table | Reading:
        """What was asked at the gate, and what was wrong."""
        gates = self.results.gates()
        if gates.empty:
            return NOT_MEASURED
        groups = gates.groupby(["notebook", "experiment"], sort=True)
        rows = [
            (f"{notebook[:2]} {experiment}", str(group["condition"].nunique()), f"{group['questions'].sum():,}", _wrong(group))
            for (notebook, experiment), group in groups
        ]
        columns = ("experiment", "conditions", "questions before the clock", "wrong")
        return Table("Every answer was compared with the oracle's, before the clock started and after it stopped", columns, rows)

    def _index_plans(self) -> Measured | None:
        return self._measured("index plans")

    def _measured(self, experiment: str) -> Measured | None:
        one = measured(self.results, one_question.NOTEBOOK, experiment)
        return None if one.samples.empty else one


def _wrong(group: "object") -> str:
    failed = group[group["wrong"] > 0]["condition"].unique()  # type: ignore[index]
    return "none" if not len(failed) else f"✗ {', '.join(failed)}"
