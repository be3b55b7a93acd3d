"""Every law that is fitted to what the experiments measured."""

from carenotes.experiments import concurrency, dataset_size
from carenotes.experiments.one_question import ON_DUCKDB
from carenotes.lab.estimates import Estimate
from carenotes.lab.fits import usl
from carenotes.lab.results import Results
from carenotes.lab.study import Measured, measured

Key = tuple[str, str, str, str]  # notebook, experiment, subject, parameter


def fits(results: Results) -> dict[Key, Estimate]:
    """The parameters of each law, as far as a run holds what they are fitted to and they can be told."""
    return _powers(results) | _scalability(results)


def _powers(results: Results) -> dict[Key, Estimate]:
    one = measured(results, dataset_size.NOTEBOOK, dataset_size.GROWTH)
    found = dataset_size.exponents(one, [*dataset_size.RUNGS, ON_DUCKDB], _numbers(one))
    return {(dataset_size.NOTEBOOK, dataset_size.GROWTH, rung, "exponent"): power for rung, power in found.items()}


def _scalability(results: Results) -> dict[Key, Estimate]:
    one = measured(results, concurrency.NOTEBOOK, concurrency.CLIENTS)
    laws = {way: usl(one, way, _numbers(one)) for way in concurrency.SERVED}
    return {
        (concurrency.NOTEBOOK, concurrency.CLIENTS, way, name): getattr(law, name)
        for way, law in laws.items()
        if law and not law.why_not
        for name in ("rate", "sigma", "kappa")
    }


def _numbers(one: Measured) -> list[int]:
    """What stands after the slash in the conditions' names: sizes, or clients."""
    return sorted({int(name.rpartition("/")[2]) for name in one.samples["condition"]})
