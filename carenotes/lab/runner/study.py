"""A study: the experiments of one notebook. What is measured already is read, what is missing is measured."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from carenotes.lab.conditions import Condition
from carenotes.lab.environment import environment
from carenotes.lab.results.store import READ_ONLY, Results
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured, measured
from carenotes.lab.runner.pool import WORKERS
from carenotes.lab.runner.rounds import Rounds

Plan = Callable[[], Experiment | None]  # makes an experiment ready; None when nothing of it can be measured


class Study:
    """The experiments of `notebook`, kept in `results` (a file; in memory when empty)."""

    def __init__(
        self,
        notebook: str,
        results: str = "",
        random_seed: int = 1,
        own_rounds: Mapping[str, int] | None = None,
        **parameters: Any,
    ) -> None:
        """`own_rounds` are those of experiments that have others than the rest of the notebook."""
        self.notebook, self.random_seed, self._own_rounds = notebook, random_seed, dict(own_rounds or {})
        if READ_ONLY in os.environ:
            self._results = Results.read(Path(results))
        else:
            self._results = Results.create(Path(results) if results else None)
            if not self._results.knows_environment():  # it takes half a second to ask every engine
                self._results.remember_environment(environment())
            WORKERS.get_ready()
        self._results.begin(notebook, {"random_seed": random_seed, "own_rounds": self._own_rounds, **parameters})

    def environment(self) -> dict[str, str]:
        """What is measured on, or, of what was measured before, what that was."""
        return self._results.environment()

    def fact(self, name: str, find: Callable[[], Any]) -> Any:
        """A fact that is no timing: as found before, or found now and kept. Plain JSON values."""
        return self._results.fact(self.notebook, name, find)

    def known(self, name: str) -> Any:
        """A fact as found before, or None."""
        return self._results.known_fact(self.notebook, name)

    def dataset(self, name: str, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The facts about notes that are measured on: as found before, or found now and kept."""
        return self._results.dataset(self.notebook, name, find)

    def checked(self, experiment: str, condition: str, queries: int, wrong: int) -> None:
        """Keep how many answers were compared that nobody timed; one that is wrong fails the run."""
        found = {"condition": condition, "replicate": 1, "stage": "before", "queries": queries, "wrong": wrong}
        of = {"notebook": self.notebook, "experiment": experiment, "changed": 0, "error": None}
        self._results.add_correctness([of | found])

    def conditions(self, experiment: str) -> dict[str, Condition]:
        """The conditions of an experiment whose pilot was run, by their labels."""
        return self._results.conditions(self.notebook, experiment)

    def measured(self, experiment: str) -> Measured:
        """What is known of an experiment."""
        return measured(self._results, self.notebook, experiment)

    def rounds_of(self, experiment: str, rounds: int) -> int:
        """How many rounds an experiment has, where the rest of the notebook has `rounds`."""
        return self._own_rounds.get(experiment, rounds)

    def is_complete(self, experiment: str, rounds: int) -> bool:
        """Whether every round has been measured, or no condition is left that could be."""
        if self._results.rounds(self.notebook, experiment) >= set(range(self.rounds_of(experiment, rounds))):
            return True
        found = self._results.correctness(self.notebook, experiment)
        return not found.empty and set(found["condition"]) == set(found[found["wrong"] > 0]["condition"])

    def pilot(self, experiment: str, what: Experiment) -> dict[str, float]:
        """Check answers before anything is timed; seconds a unit of work of each right condition, by its label."""
        return Rounds(self._results, self.notebook, self.random_seed).pilot(experiment, what)

    def run(self, plans: Mapping[str, Plan], rounds: int) -> dict[str, Measured]:
        """Several experiments in the same rounds: a process for each of them would cost more than it measures.

        One that has fewer rounds than others is left out of their later ones. What was measured before is only read,
        and not planned.
        """
        planned = {name: plan() for name, plan in plans.items() if not self.is_complete(name, rounds)}
        experiments = {name: one for name, one in planned.items() if one}
        runs = Rounds(self._results, self.notebook, self.random_seed)
        for name, one in experiments.items():
            runs.pilot(name, one)
        runs.run(experiments, {name: self.rounds_of(name, rounds) for name in experiments})
        return {name: self.measured(name) for name in plans}
