"""Every law that is fitted to what the experiments measured."""

from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import measured
from carenotes.lab.statistics.estimates import Estimate
from carenotes.studies.dataset_size import experiment as dataset_size
from carenotes.studies.one_query.experiment import ON_DUCKDB

Key = tuple[str, str, str, str]  # notebook, experiment, subject, parameter


def fits(results: Results) -> dict[Key, Estimate]:
    """The parameters of each law, as far as a run holds what they are fitted to."""
    one = measured(results, dataset_size.NOTEBOOK, dataset_size.GROWTH)
    sizes = sorted({int(name.rpartition("/")[2]) for name in one.samples["condition"]})
    configurations = [*dataset_size.CONFIGURATIONS, ON_DUCKDB]
    lines = dataset_size.lines(one, configurations, sizes)
    powers = dataset_size.last_decade(one, configurations, sizes)
    found = {(configuration, "fixed seconds"): law.fixed for configuration, law in lines.items()}
    found |= {(configuration, "seconds a note"): law.each for configuration, law in lines.items()}
    found |= {(configuration, "exponent of the last decade"): power for configuration, power in powers.items()}
    return {(dataset_size.NOTEBOOK, dataset_size.GROWTH, *key): one for key, one in found.items()}
