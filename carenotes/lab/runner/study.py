"""A study: the experiments of one notebook. What is measured already is read, what is missing is measured.

Conditions run in blocks: each round is a process of its own that runs every one of them once, in an order drawn from
the seed, so that a machine that slows down slows all of them. Two of them run twice under two names: what these differ
by is noise. Answers are compared with the right ones when the clocks have stopped.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd

from carenotes.lab.environment import environment
from carenotes.lab.results.store import READ_ONLY, Results
from carenotes.lab.runner import progress
from carenotes.lab.runner.lock import alone_on_this_machine
from carenotes.lab.runner.workers import PILOT, TIMED, WORKERS, Job, Maker, Sample
from carenotes.lab.statistics.estimates import FEWEST_ROUNDS

AGAIN = " (again)"  # the second name of a condition that runs twice
_OF = "\n"  # between an experiment and its condition, where several run together

# Whether the condition answers a query, by its place in a part of a round, as the oracle does when both are asked
# again in one snapshot: then the notes have changed. Only for notes that others may write.
Again = Callable[[str, int, int, int], bool]
Right = Callable[[str, int, int], Sequence[str] | None]  # the digests that a condition must give in a part of a round


@dataclass(frozen=True)
class Race:
    """The conditions of an experiment: how each is made, what is right, what each is."""

    makers: Mapping[str, Maker]
    right: Right
    about: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    baseline: str | None = None  # runs twice, for the A/A noise; the slowest if none is named
    further: int = 0  # ratios that the page makes besides those of `difference.family`
    again: Again | None = None


Plan = Callable[[], Race | None]  # gets an experiment ready; None when there is nobody left to race


@dataclass(frozen=True)
class Measured:
    """Raw samples of an experiment, which of its conditions were checked and right, and which were wrong.

    A wrong one has no time: it has no sample here. `pairs` are the conditions that ran twice, the baseline first, and
    `twins` the samples of their second names. `further` is that of `Race`.
    """

    samples: pd.DataFrame
    latencies: pd.DataFrame  # of single requests, where the experiment has them
    right: tuple[str, ...]
    failed: tuple[str, ...]
    twins: pd.DataFrame
    pairs: tuple[str, ...]
    further: int = 0
    changed: int = 0  # answers, right for notes that were written while they were compared


def measured(results: Results, notebook: str, experiment: str) -> Measured:
    """What is known of an experiment."""
    gates = results.correctness(notebook, experiment)
    failed = tuple(dict.fromkeys(name.removesuffix(AGAIN) for name in gates[gates["wrong"] > 0]["condition"]))
    right = tuple(dict.fromkeys(name for name in gates["condition"] if name.removesuffix(AGAIN) not in failed))
    samples = _without(results.samples(notebook, experiment), failed)
    again = samples["condition"].str.endswith(AGAIN)
    pairs = tuple(results.known_fact(notebook, f"{experiment}/run twice") or ())
    return Measured(
        samples[~again].reset_index(drop=True),
        _without(results.latencies(notebook, experiment), failed),
        tuple(name for name in right if not name.endswith(AGAIN)),
        failed,
        samples[again].reset_index(drop=True),
        tuple(name for name in pairs if name not in failed),
        results.known_fact(notebook, f"{experiment}/further comparisons") or 0,
        int(gates["changed"].sum() + samples["changed"].sum()),
    )


def _without(frame: pd.DataFrame, failed: tuple[str, ...]) -> pd.DataFrame:
    return frame[~frame["condition"].str.removesuffix(AGAIN).isin(failed)].reset_index(drop=True)


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
        self.notebook, self._own_rounds = notebook, dict(own_rounds or {})
        self.random_seed = random_seed
        if READ_ONLY in os.environ:
            self._results = Results.read(Path(results))
        else:
            self._results = Results.create(Path(results) if results else None)
            self._results.remember_environment(environment())
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
        found = {"condition": condition, "stage": "before", "queries": queries, "wrong": wrong, "changed": 0}
        self._results.add_correctness(self._key(experiment) | found)

    def measured(self, experiment: str) -> Measured:
        """What is known of an experiment."""
        return measured(self._results, self.notebook, experiment)

    def is_complete(self, experiment: str, rounds: int) -> bool:
        """Whether every round has been measured, or nobody is left who could be."""
        if self._done(experiment) >= set(range(self.rounds_of(experiment, rounds))):
            return True
        gates = self._results.correctness(self.notebook, experiment)
        return not gates.empty and set(gates["condition"]) == set(gates[gates["wrong"] > 0]["condition"])

    def race(self, experiment: str, race: Race, rounds: int) -> Measured:
        """The pilot and all rounds of an experiment."""
        return self.races({experiment: lambda: race}, rounds)[experiment]

    def rounds_of(self, experiment: str, rounds: int) -> int:
        """How many rounds an experiment has, where the rest of the notebook has `rounds`."""
        return self._own_rounds.get(experiment, rounds)

    def races(self, planned: Mapping[str, Plan], rounds: int) -> dict[str, Measured]:
        """Several experiments in the same rounds: a process for each of them would cost more than it measures.

        One that has fewer rounds than others is left out of their later ones. What was measured before is only read,
        and not planned.
        """
        plans = {name: plan() for name, plan in planned.items() if not self.is_complete(name, rounds)}
        racing = {name: race for name, race in plans.items() if race}
        for name, race in racing.items():
            self.pilot(name, race)
        self.blocks(racing, rounds)
        return {name: self.measured(name) for name in planned}

    def pilot(self, experiment: str, race: Race) -> dict[str, float]:
        """The gate: every condition once, in a process of its own. Seconds a unit of those that were right."""
        known: dict[str, float] | None = self.known(f"{experiment}/pilot")
        if known is None:
            self._results.add_conditions(self._key(experiment), race.about or {name: {} for name in race.makers})
            with alone_on_this_machine(), progress.shown(self.notebook, [f"pilot of {experiment}"], 1):
                samples = WORKERS.run(
                    Job.of(race.makers, sorted(race.makers), PILOT, collected=False), started_anew=False
                )
            timed = [one for one in samples if one.part == TIMED or one.error]
            right = [one for one in timed if self._checked(experiment, race, one, "before")]
            twice = _run_twice([one for one in right if one.digests is not None] or right, race.baseline)
            self.fact(f"{experiment}/run twice", lambda: twice)
            self.fact(f"{experiment}/further comparisons", lambda: race.further)
            known = self.fact(
                f"{experiment}/pilot", lambda: {one.condition: one.elapsed_ns / one.units / 1e9 for one in right}
            )
        return dict(known)

    def blocks(self, races: Mapping[str, Race], rounds: int) -> None:
        """Run the rounds that are missing of one or more experiments, in the same processes.

        Each round is kept when it is whole. A wrong condition leaves the race.
        """
        racing = {experiment: self._racing(experiment, race) for experiment, race in races.items()}
        each = {experiment: self.rounds_of(experiment, rounds) for experiment in races}
        due = {number: self._due(each, number) for number in range(max(each.values(), default=0))}
        missing = {number: some for number, some in due.items() if some}
        done = len(due) - len(missing)
        with alone_on_this_machine(), progress.shown(self.notebook, races, len(due), done) as tell:
            for number, some in missing.items():
                samples = self._round({one: racing[one] for one in some}, number, len(due))
                for experiment in some:
                    self._judged(experiment, races[experiment], samples[experiment], racing[experiment])
                tell()
        for experiment in races:
            self._results.add_timed_correctness(self._key(experiment))

    def _due(self, rounds: Mapping[str, int], number: int) -> list[str]:
        """The experiments that lack a round."""
        return [one for one, most in rounds.items() if number < most and number not in self._done(one)]

    def _round(self, racing: Mapping[str, Mapping[str, Maker]], number: int, rounds: int) -> dict[str, list[Sample]]:
        """All conditions of some experiments once, in an order of their own; the samples by experiment."""
        makers = {f"{one}{_OF}{name}": make for one, all_of in racing.items() for name, make in all_of.items()}
        if not makers:
            return {one: [] for one in racing}
        order = sorted(makers)
        Random(f"{self.random_seed}/{'+'.join(racing)}/{number}").shuffle(order)  # noqa: S311
        found: dict[str, list[Sample]] = {one: [] for one in racing}
        estimated = rounds >= FEWEST_ROUNDS
        for sample in WORKERS.run(Job.of(makers, order, number, collected=estimated), started_anew=estimated):
            experiment, name = sample.condition.split(_OF)
            found[experiment].append(replace(sample, condition=name))
        return found

    def _judged(self, experiment: str, race: Race, samples: list[Sample], racing: dict[str, Maker]) -> None:
        """Keep what is right of a round; whoever was wrong, under either name, races no more."""
        checked = {(one.condition, one.part): self._checked(experiment, race, one, "timed") for one in samples}
        wrong = {condition for (condition, _), one in checked.items() if one is None}
        kept = [one for one in checked.values() if one and one.condition not in wrong]
        self._results.add_round(self._key(experiment), kept)
        for name in {one.removesuffix(AGAIN) for one in wrong}:
            racing.pop(name, None)
            racing.pop(f"{name}{AGAIN}", None)

    def _racing(self, experiment: str, race: Race) -> dict[str, Maker]:
        """Who runs: those that have not failed, and two of them twice."""
        failed = self.measured(experiment).failed
        twice = {f"{name}{AGAIN}": race.makers[name] for name in self.known(f"{experiment}/run twice") or ()}
        return {name: make for name, make in {**race.makers, **twice}.items() if name.removesuffix(AGAIN) not in failed}

    def _checked(self, experiment: str, race: Race, sample: Sample, stage: str) -> Sample | None:
        """The sample if its answers are the right ones, with how many of them are so only since the notes changed.

        The gate is told what passes it, and anything that is wrong.
        """
        asked, wrong = 1, [0]
        if not sample.error:
            name = sample.condition.removesuffix(AGAIN)
            wanted = race.right(name, sample.round, sample.part)
            if sample.digests is None or wanted is None:
                return sample
            asked = max(len(wanted), len(sample.digests))
            wrong = [place for place, (a, b) in enumerate(zip_longest(wanted, sample.digests)) if a != b]
            if race.again and len(wanted) == len(sample.digests):
                still = [place for place in wrong if not race.again(name, sample.round, sample.part, place)]
                sample, wrong = replace(sample, changed=len(wrong) - len(still)), still
        if wrong or stage == "before":
            row = {"stage": stage, "queries": asked, "wrong": len(wrong), "error": sample.error}
            row |= {"condition": sample.condition, "changed": sample.changed if stage == "before" else 0}
            self._results.add_correctness(self._key(experiment) | row)
        return None if wrong else sample

    def _key(self, experiment: str) -> dict[str, str]:
        return {"notebook": self.notebook, "experiment": experiment}

    def _done(self, experiment: str) -> set[int]:
        return self._results.rounds(self.notebook, experiment)


def _run_twice(samples: Iterable[Sample], baseline: str | None) -> list[str]:
    """The baseline, from which the A/A noise is taken, and the fastest, which is judged by it."""
    by_speed = [one.condition for one in sorted(samples, key=lambda one: -one.elapsed_ns / max(one.units, 1))]
    first = [baseline] if baseline in by_speed else by_speed[:1]
    return list(dict.fromkeys(first + by_speed[-1:]))
