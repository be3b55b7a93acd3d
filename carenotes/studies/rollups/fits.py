"""The exponents that are fitted to what grows in notebook 06."""

from carenotes.lab.conditions import labels
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import measured
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.growth import last_decade
from carenotes.studies.rollups.experiment import GROWN, NOTEBOOK, growth

Key = tuple[str, str, str, str]  # notebook, experiment, subject, parameter


def fits(results: Results) -> dict[Key, Estimate]:
    """The exponent of each way over the last decade of what grows, as far as a run holds two sizes of it."""
    found: dict[Key, Estimate] = {}
    for of in GROWN:
        one = measured(results, NOTEBOOK, growth(of))
        exponents = last_decade(one, of) if one.values(of) else {}
        for subject, line in labels(one.along(of)).items():
            if line in exponents:
                found[NOTEBOOK, growth(of), subject, "exponent of the last decade"] = exponents[line]
    return found
