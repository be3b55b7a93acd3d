"""Every law that is fitted to what the experiments measured."""

from carenotes.experiments import dataset_size
from carenotes.experiments.one_question import ON_DUCKDB
from carenotes.lab.estimates import Estimate
from carenotes.lab.results import Results
from carenotes.lab.study import measured

Key = tuple[str, str, str, str]  # notebook, experiment, subject, parameter


def fits(results: Results) -> dict[Key, Estimate]:
    """The parameters of each law, as far as a run holds what they are fitted to."""
    one = measured(results, dataset_size.NOTEBOOK, dataset_size.GROWTH)
    sizes = sorted({int(name.rpartition("/")[2]) for name in one.samples["condition"]})
    rungs = [*dataset_size.RUNGS, ON_DUCKDB]
    lines = dataset_size.lines(one, rungs, sizes)
    powers = dataset_size.last_decade(one, rungs, sizes)
    found = {(rung, "fixed seconds"): law.fixed for rung, law in lines.items()}
    found |= {(rung, "seconds a note"): law.each for rung, law in lines.items()}
    found |= {(rung, "exponent of the last decade"): power for rung, power in powers.items()}
    return {(dataset_size.NOTEBOOK, dataset_size.GROWTH, *key): one for key, one in found.items()}
