"""Sentences of the original's smaller claims."""

from collections.abc import Mapping

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import ALIKE, LESS, MORE, UNDECIDED, times, word
from carenotes.report.finding import NO_COMPARISON, Finding
from carenotes.studies.one_query.smaller_claims import compared

TENTH = 1.1
_SAID = {MORE: "A tenth faster or more", LESS: "A tenth slower or more", ALIKE: "Alike", UNDECIDED: "Undecided"}


def differences(found: Mapping[str, Measured]) -> Finding:
    """Which conditions differ by a tenth or more from those they are compared with, which are alike, and the rest."""
    said: dict[str, dict[str, list[str]]] = {kind: {} for kind in _SAID}
    for experiment, one in found.items():
        each = one.medians
        for label, other in compared(experiment, one).items():
            if {label, other} <= each.keys():
                said[word(times(one, label, other), TENTH)].setdefault(experiment, []).append(label)
    reported = [f"{_SAID[kind]}: {_by_experiment(labels)}." for kind, labels in said.items() if labels]
    return Finding(" ".join(reported)) if reported else NO_COMPARISON


def _by_experiment(labels: Mapping[str, list[str]]) -> str:
    return ", ".join(f"{experiment} ({'; '.join(of)})" for experiment, of in labels.items())
