"""Every law that is fitted to what the experiments measured."""

from carenotes.lab.conditions import labels
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import measured
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.growth import last_decade, lines
from carenotes.studies.dataset_size.experiment import GROWTH, NOTEBOOK

Key = tuple[str, str, str, str]  # notebook, experiment, subject, parameter


def fits(results: Results) -> dict[Key, Estimate]:
    """The parameters of each law, as far as a run holds what they are fitted to; their subjects are configurations."""
    one = measured(results, NOTEBOOK, GROWTH)
    laws, exponents = lines(one), last_decade(one)
    found: dict[Key, Estimate] = {}
    for subject, configuration in labels(one.along("notes")).items():
        if configuration in laws:
            found[NOTEBOOK, GROWTH, subject, "fixed seconds"] = laws[configuration].fixed
            found[NOTEBOOK, GROWTH, subject, "seconds a note"] = laws[configuration].each
        if configuration in exponents:
            found[NOTEBOOK, GROWTH, subject, "exponent of the last decade"] = exponents[configuration]
    return found
