"""What is known of an experiment: its conditions as records, their raw samples, which were right and which wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from carenotes.lab.conditions import Condition, Value, found
from carenotes.lab.results.store import Results
from carenotes.lab.statistics.estimates import Estimate, medians, seconds_each

RUN_TWICE, FURTHER = "run twice", "further comparisons"  # facts about an experiment


@dataclass(frozen=True, eq=False)
class Measured:
    """Raw samples of an experiment, which of its conditions were checked and right, and which were wrong.

    A wrong one has no time: it has no sample here. `controls` are the conditions that ran twice for the A/A control,
    the baseline first; `replicates` and `replicate_latencies` are of their second runs. `further` is that of
    `Experiment`.
    """

    samples: pd.DataFrame
    latencies: pd.DataFrame  # of single requests, where the experiment has them
    right: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    replicates: pd.DataFrame = field(default_factory=pd.DataFrame)
    controls: tuple[str, ...] = ()
    further: int = 0
    changed: int = 0  # answers, right for notes that were written while they were compared
    conditions: Mapping[str, Condition] = field(default_factory=dict)  # by label, in the experiment's order
    replicate_latencies: pd.DataFrame = field(default_factory=pd.DataFrame)

    def of(self, **fields: Value | None) -> str:
        """The label of the condition with these fields; LookupError when there is none, or when there are several."""
        return found(self.conditions, fields)

    @cached_property
    def seconds(self) -> pd.DataFrame:
        """Seconds a unit of work: one row a round, one column a condition."""
        return seconds_each(self.samples)

    @cached_property
    def medians(self) -> dict[str, Estimate]:
        """Seconds a unit of work of each condition that has any."""
        return medians(self.samples)

    def every(self, **fields: Value | None) -> dict[str, Condition]:
        """The conditions with these values of fields, whatever others they have; by label, in order."""
        return {
            label: one
            for label, one in self.conditions.items()
            if all(one.get(name) == value for name, value in fields.items())
        }

    def values(self, name: str) -> list[Value]:
        """The values that a field has among the conditions, each once, in order."""
        return list(dict.fromkeys(value for one in self.conditions.values() if (value := one.get(name)) is not None))

    def along(self, name: str) -> dict[Condition, dict[int, str]]:
        """The conditions that have a number in this field, one line for those that differ in nothing else.

        By the condition without the field: labels by number, from small to large.
        """
        numbered = {label: one for label, one in self.conditions.items() if one.get(name) is not None}
        lines: dict[Condition, dict[int, str]] = {one.without(name): {} for one in numbered.values()}
        for label, one in sorted(numbered.items(), key=lambda each: int(each[1].get(name))):
            lines[one.without(name)][one.get(name)] = label
        return lines


def measured(results: Results, notebook: str, experiment: str) -> Measured:
    """What is known of an experiment."""
    checks = results.correctness(notebook, experiment)
    failed = _failed(checks)
    first = dict.fromkeys(checks[checks["replicate"] == 1]["condition"])
    samples = _without(results.samples(notebook, experiment), failed)
    latencies = _without(results.latencies(notebook, experiment), failed)
    return Measured(
        _replicate(samples, 1),
        _replicate(latencies, 1),
        tuple(name for name in first if name not in failed),
        failed,
        _replicate(samples, 2),
        tuple(name for name in controls_of(results, notebook, experiment) if name not in failed),
        results.known_fact(notebook, f"{experiment}/{FURTHER}") or 0,
        int(checks["changed"].sum() + samples["changed"].sum()),
        results.conditions(notebook, experiment),
        _replicate(latencies, 2),
    )


def failed_of(results: Results, notebook: str, experiment: str) -> tuple[str, ...]:
    """The conditions that were wrong."""
    return _failed(results.correctness(notebook, experiment))


def controls_of(results: Results, notebook: str, experiment: str) -> tuple[str, ...]:
    """The conditions that run twice, also those that have failed since."""
    return tuple(results.known_fact(notebook, f"{experiment}/{RUN_TWICE}") or ())


def _failed(checks: pd.DataFrame) -> tuple[str, ...]:
    return tuple(dict.fromkeys(checks[checks["wrong"] > 0]["condition"]))


def _replicate(frame: pd.DataFrame, number: int) -> pd.DataFrame:
    return frame[frame["replicate"] == number].reset_index(drop=True)


def _without(frame: pd.DataFrame, failed: tuple[str, ...]) -> pd.DataFrame:
    return frame[~frame["condition"].isin(failed)].reset_index(drop=True)
