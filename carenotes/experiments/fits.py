"""Every law that is fitted to what the experiments measured."""

from carenotes.experiments import dataset_size
from carenotes.experiments.one_question import ON_DUCKDB
from carenotes.lab.estimates import Estimate
from carenotes.lab.results import Results
from carenotes.lab.study import measured

Key = tuple[str, str, str, str]  # notebook, experiment, subject, parameter


def fits(results: Results) -> dict[Key, Estimate]:
    """The parameters of each law, as far as a run holds what they are fitted to."""
    one = measured(results, dataset_size.NOTEBOOK, "growth")
    sizes = sorted({int(name.rpartition("/")[2]) for name in one.samples["condition"]})
    powers = dataset_size.exponents(one, [*dataset_size.RUNGS, ON_DUCKDB], sizes)
    return {(dataset_size.NOTEBOOK, "growth", rung, "exponent"): power for rung, power in powers.items()}
