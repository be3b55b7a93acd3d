"""Whether answers are right: digests of what a worker gave, compared with those of the oracle when no clock runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from carenotes.lab.conditions import Condition
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.workers import Sample

BEFORE, TIMED = "before", "timed"  # stages


@dataclass(frozen=True)
class Checked:
    """What was found out about a sample: the sample if it is right, and what there is to keep about its answers."""

    sample: Sample | None
    row: Mapping[str, Any] | None


def checked(experiment: Experiment, one: Condition, sample: Sample, stage: str) -> Checked:
    """Compare the answers of a sample with the right ones.

    Kept is what passes before the clock starts, and anything that is wrong. A right sample says how many of its answers
    are so only since the notes have changed.
    """
    queries, wrong = 1, [0]
    if not sample.error:
        wanted = experiment.right(one, sample.round, sample.part)
        if sample.digests is None or wanted is None:
            return Checked(sample, None)
        queries = max(len(wanted), len(sample.digests))
        wrong = [place for place, (a, b) in enumerate(zip_longest(wanted, sample.digests)) if a != b]
        if experiment.recheck and len(wanted) == len(sample.digests):
            still = [place for place in wrong if not experiment.recheck(one, sample.round, sample.part, place)]
            sample, wrong = replace(sample, changed=len(wrong) - len(still)), still
    row = {"stage": stage, "queries": queries, "wrong": len(wrong), "error": sample.error}
    row |= {"condition": sample.cell.condition, "replicate": sample.cell.replicate}
    row |= {"changed": sample.changed if stage == BEFORE else 0}
    return Checked(None if wrong else sample, row if wrong or stage == BEFORE else None)
