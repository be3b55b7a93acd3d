"""A study: the experiments of one notebook. What is measured already is read, what is missing is measured.

Contenders run in blocks: each round runs every one of them once, in an order drawn from the seed, so that a
machine that slows down slows all of them. The garbage of one is collected before the clock of the next starts,
and its answers are checked after the clock has stopped. Source of the method: Kalibera and Jones, Rigorous
Benchmarking in Reasonable Time (2013).
"""

import gc
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import perf_counter_ns
from typing import Any, Protocol

import pandas as pd

from carenotes.lab.environment import environment
from carenotes.lab.results import READ_ONLY, Results

WARM_UPS = 2  # rounds that are kept, marked, and left out of every estimate


class Contender(Protocol):
    """One condition of an experiment."""

    units: int  # of work in one run: questions answered, notes written
    compared: int | None = None  # answers that `check` compares in a run; None: every one
    waited_ns: Sequence[int] = ()  # what each request of the last run waited, where there are such

    def prepare(self, round_number: int, /) -> None:
        """Get ready for a round; not timed."""

    def run(self) -> None:
        """Do the work; timed."""

    def check(self) -> int | None:
        """How much of the work was wrong, None when nothing about it can be checked; not timed."""


@dataclass(frozen=True)
class Measured:
    """Raw samples of an experiment, which of its conditions were checked and right, and which were wrong.

    A wrong one has no time: it has no sample here.
    """

    samples: pd.DataFrame
    latencies: pd.DataFrame  # of single requests, where the experiment has them
    right: tuple[str, ...]
    failed: tuple[str, ...]


def measured(results: Results, notebook: str, experiment: str) -> Measured:
    """What is known of an experiment."""
    gates = results.gates(notebook, experiment)
    failed = tuple(dict.fromkeys(gates[gates["wrong"] > 0]["condition"]))
    right = tuple(dict.fromkeys(gates[~gates["condition"].isin(failed)]["condition"]))
    samples = results.samples(notebook, experiment)
    waited = results.latencies(notebook, experiment)
    return Measured(_without(samples, failed), _without(waited, failed), right, failed)


def _without(frame: pd.DataFrame, failed: tuple[str, ...]) -> pd.DataFrame:
    return frame[~frame["condition"].isin(failed)].reset_index(drop=True)


class Study:
    """The experiments of `notebook`, kept in `results` (a file; in memory when empty)."""

    def __init__(self, notebook: str, results: str = "", random_seed: int = 1, **parameters: Any) -> None:
        self.notebook = notebook
        self.random_seed = random_seed
        if READ_ONLY in os.environ:
            self._results = Results.read(Path(results))
        else:
            self._results = Results.create(Path(results) if results else None)
            self._results.remember_environment(environment())
        self._results.begin(notebook, {"random_seed": random_seed, **parameters})

    def finding(self, name: str, find: Callable[[], Any]) -> Any:
        """A fact that is no timing: as found before, or found now and kept. Plain JSON values."""
        return self._results.finding(self.notebook, name, find)

    def known(self, name: str) -> Any:
        """A fact as found before, or None."""
        return self._results.known_finding(self.notebook, name)

    def gate(self, experiment: str, condition: str, stage: str, questions: int, wrong: int, error: str | None) -> None:
        """Keep what a check of answers found."""
        row = {"notebook": self.notebook, "experiment": experiment, "condition": condition, "stage": stage}
        self._results.add_gate(row | {"questions": questions, "wrong": wrong, "error": error})

    def measured(self, experiment: str) -> Measured:
        """What is known of an experiment."""
        return measured(self._results, self.notebook, experiment)

    def gated(self, experiment: str, stage: str) -> set[str]:
        """The conditions whose answers were checked at a stage, right or wrong."""
        gates = self._results.gates(self.notebook, experiment)
        return set(gates[gates["stage"] == stage]["condition"])

    def is_complete(self, experiment: str, rounds: int) -> bool:
        """Whether every round has been measured."""
        return self._done(experiment) >= set(_rounds(rounds))

    def blocks(self, experiment: str, contenders: Mapping[str, Contender], rounds: int) -> None:
        """Run the rounds that are missing; each is kept when it is whole. A wrong contender leaves the race."""
        done = self._done(experiment)
        self._checked: set[str] = set()
        racing = {name: one for name, one in contenders.items() if name not in self.measured(experiment).failed}
        gc.freeze()  # what the laboratory itself holds must not weigh on the collections of those that are timed
        for round_number in (one for one in _rounds(rounds) if one not in done):
            order = sorted(racing)
            Random(f"{self.random_seed}/{experiment}/{round_number}").shuffle(order)  # noqa: S311
            samples = [self._sample(experiment, n, name, racing, round_number) for n, name in enumerate(order)]
            kept = [sample for sample in samples if sample]
            self._results.add_round(kept, [self._latency(sample, racing) for sample in kept if _has(sample, racing)])
        gc.unfreeze()
        for name in sorted(self._checked - self.gated(experiment, "timed")):
            one = contenders[name]
            each = one.units if one.compared is None else one.compared
            self.gate(experiment, name, "timed", each * len(_rounds(rounds)), 0, None)

    def _sample(
        self, experiment: str, position: int, name: str, racing: dict[str, Contender], round_number: int
    ) -> dict[str, Any] | None:
        contender = racing[name]
        contender.prepare(round_number)
        gc.collect()
        began = perf_counter_ns()
        contender.run()
        elapsed = perf_counter_ns() - began
        wrong = contender.check()
        if wrong is not None:
            self._checked.add(name)
        if wrong:
            self.gate(experiment, name, "timed", contender.units, wrong, None)
            del racing[name]
            return None
        row = {"notebook": self.notebook, "experiment": experiment, "condition": name, "round": round_number}
        return row | {"position": position, "units": contender.units, "elapsed_ns": elapsed}

    def _latency(self, sample: dict[str, Any], racing: dict[str, Contender]) -> dict[str, Any]:
        key = {name: sample[name] for name in ("notebook", "experiment", "condition", "round")}
        return key | {"microseconds": [round(ns / 1000) for ns in racing[sample["condition"]].waited_ns]}

    def _done(self, experiment: str) -> set[int]:
        return set(self._results.samples(self.notebook, experiment)["round"])


def _has(sample: dict[str, Any], racing: dict[str, Contender]) -> bool:
    return bool(racing[sample["condition"]].waited_ns)


def _rounds(rounds: int) -> range:
    return range(-WARM_UPS, rounds)
