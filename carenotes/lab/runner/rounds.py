"""The pilot and the rounds of experiments, and what is kept of them.

Conditions run in blocks: each round is a process of its own that runs every one of them once, in an order drawn from
the seed, so that a machine that slows down slows all of them. Two of them run twice, for the A/A control: what their
replicates differ by is noise. Answers are compared with the right ones when the clocks have stopped.
"""

from collections.abc import Iterable, Mapping, Sequence
from random import Random

from carenotes.backends import lost
from carenotes.errors import Failed
from carenotes.lab.conditions import Condition, labels
from carenotes.lab.results.store import Results
from carenotes.lab.runner import correctness, progress
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.lock import alone_on_this_machine
from carenotes.lab.runner.measured import FURTHER, RUN_TWICE, controls_of, failed_of
from carenotes.lab.runner.pool import WORKERS
from carenotes.lab.runner.workers import PILOT, TIMED, Cell, Job, Maker, Sample, databases
from carenotes.lab.statistics.estimates import FEWEST_ROUNDS


class Rounds:
    """The rounds of experiments of a notebook, kept in its results as they become whole."""

    def __init__(self, results: Results, notebook: str, random_seed: int) -> None:
        self._results, self._notebook, self._random_seed = results, notebook, random_seed

    def pilot(self, experiment: str, what: Experiment) -> dict[str, float]:
        """Every condition once, in a process of its own: seconds a unit of work of those that were right, by label."""
        known: dict[str, float] | None = self._results.known_fact(self._notebook, f"{experiment}/pilot")
        if known is not None:
            return dict(known)
        by_label = labels(what.makers)
        self._results.add_conditions(self._key(experiment), by_label)
        makers = {Cell(experiment, label): what.makers[one] for label, one in by_label.items()}
        with alone_on_this_machine(), progress.shown(self._notebook, [f"pilot of {experiment}"], 1):
            samples = _run(Job.of(makers, sorted(makers), PILOT, collected=False), started_anew=False)
        timed = [one for one in samples if one.part == TIMED or one.error]
        right = [one for one in self._checked(experiment, what, timed, correctness.BEFORE) if one]
        twice = _run_twice([one for one in right if one.digests is not None] or right, by_label, what.baseline)
        self._fact(f"{experiment}/{RUN_TWICE}", twice)
        self._fact(f"{experiment}/{FURTHER}", what.further)
        seconds = {one.cell.condition: one.elapsed_ns / one.units / 1e9 for one in right}
        self._fact(f"{experiment}/pilot", seconds)
        return seconds

    def run(self, experiments: Mapping[str, Experiment], rounds: Mapping[str, int]) -> None:
        """Run the rounds that are missing of some experiments, of which each has a number; all in the same processes.

        Each round is kept when it is whole. A wrong condition is left out from then on.
        """
        makers = {name: self._makers(name, one) for name, one in experiments.items()}
        done = {name: self._results.rounds(self._notebook, name) for name in experiments}
        due = {
            number: [name for name in experiments if number < rounds[name] and number not in done[name]]
            for number in range(max(rounds.values(), default=0))
        }
        missing = {number: names for number, names in due.items() if names}
        with (
            alone_on_this_machine(),
            progress.shown(self._notebook, experiments, len(due), len(due) - len(missing)) as tell,
        ):
            for number, names in missing.items():
                samples = self._round({name: makers[name] for name in names}, number, len(due))
                for name in names:
                    wrong = self._keep(name, experiments[name], [one for one in samples if one.cell.experiment == name])
                    makers[name] = {cell: one for cell, one in makers[name].items() if cell.condition not in wrong}
                tell()
        for name in experiments:
            self._results.add_timed_correctness(self._key(name))

    def _round(self, makers: Mapping[str, Mapping[Cell, Maker]], number: int, rounds: int) -> list[Sample]:
        """All conditions of some experiments once, in an order of their own."""
        every = {cell: make for of_one in makers.values() for cell, make in of_one.items()}
        if not every:
            return []
        order = sorted(every)
        Random(f"{self._random_seed}/{'+'.join(makers)}/{number}").shuffle(order)  # noqa: S311
        estimated = rounds >= FEWEST_ROUNDS
        return _run(Job.of(every, order, number, collected=estimated), started_anew=estimated)

    def _keep(self, experiment: str, what: Experiment, samples: Sequence[Sample]) -> set[str]:
        """Keep what is right of a round. The labels of the conditions that were wrong, in either run."""
        checked = self._checked(experiment, what, samples, correctness.TIMED)
        wrong = {one.cell for one, right in zip(samples, checked, strict=True) if right is None}
        kept = [right for right in checked if right and right.cell not in wrong]
        self._results.add_round(self._key(experiment), kept)
        return {cell.condition for cell in wrong}

    def _makers(self, experiment: str, what: Experiment) -> dict[Cell, Maker]:
        """What runs: each condition that has not failed, and two of them twice."""
        by_label = labels(what.makers)
        failed = failed_of(self._results, self._notebook, experiment)
        twice = controls_of(self._results, self._notebook, experiment)
        runs = [Cell(experiment, label) for label in by_label] + [Cell(experiment, one, 2) for one in twice]
        return {cell: what.makers[by_label[cell.condition]] for cell in runs if cell.condition not in failed}

    def _checked(self, experiment: str, what: Experiment, samples: Iterable[Sample], stage: str) -> list[Sample | None]:
        """Each sample, None where it is wrong; what there is to keep about their answers is kept."""
        by_label = labels(what.makers)
        found = [correctness.checked(what, by_label[one.cell.condition], one, stage) for one in samples]
        self._results.add_correctness({**self._key(experiment), **one.row} for one in found if one.row)
        return [one.sample for one in found]

    def _fact(self, name: str, value: object) -> None:
        self._results.fact(self._notebook, name, lambda: value)

    def _key(self, experiment: str) -> dict[str, str]:
        return {"notebook": self._notebook, "experiment": experiment}


def _run(job: Job, *, started_anew: bool) -> list[Sample]:
    """The samples of a round. Raises Failed where a database was lost: then no condition has failed, the round has."""
    samples = WORKERS.run(job, started_anew=started_anew)
    if any(one.error for one in samples):
        for url in set(databases(job.makers.values())):
            if why := lost(url):
                raise Failed(f"{why}; what was measured is kept, and the same command goes on")
    return samples


def _run_twice(samples: Iterable[Sample], by_label: Mapping[str, Condition], baseline: Condition | None) -> list[str]:
    """The baseline, from which the A/A noise is taken, and the fastest, which is judged by it."""
    by_speed = [one.cell.condition for one in sorted(samples, key=lambda one: -one.elapsed_ns / max(one.units, 1))]
    named = [label for label in by_speed if by_label[label] == baseline]
    return list(dict.fromkeys((named or by_speed[:1]) + by_speed[-1:]))
