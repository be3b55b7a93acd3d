"""Sentences of the original's smaller claims."""

from collections.abc import Mapping

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import ALIKE, LESS, MORE, UNDECIDED, times, word
from carenotes.lab.statistics.estimates import medians
from carenotes.report.finding import NO_COMPARISON, Finding

TENTH = 1.1
_SAID = {MORE: "A tenth faster or more", LESS: "A tenth slower or more", ALIKE: "Alike", UNDECIDED: "Undecided"}


def differences(found: Mapping[str, Measured], against: Mapping[str, Mapping[str, str]]) -> Finding:
    """Which ways differ by a tenth or more from the ones they are compared with, which are alike, and the rest."""
    said: dict[str, dict[str, list[str]]] = {kind: {} for kind in _SAID}
    for experiment, one in found.items():
        each = medians(one.samples)
        for name, base in against[experiment.partition("/")[0]].items():
            if {name, base} <= each.keys():
                said[word(times(one, name, base), TENTH)].setdefault(experiment, []).append(name)
    told = [f"{_SAID[kind]}: {_by_experiment(names)}." for kind, names in said.items() if names]
    return Finding(" ".join(told)) if told else NO_COMPARISON


def _by_experiment(names: Mapping[str, list[str]]) -> str:
    return ", ".join(f"{experiment} ({', '.join(of)})" for experiment, of in names.items())
