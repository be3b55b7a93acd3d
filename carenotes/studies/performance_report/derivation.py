"""What follows from the results of a run beside estimates: what each notebook makes of its own."""

from carenotes.lab.results.derived import Derivation
from carenotes.lab.results.store import Results
from carenotes.lab.statistics.estimates import Estimate
from carenotes.original.claims import CLAIMS
from carenotes.original.decisions import verdicts
from carenotes.studies.dataset_size import fits as dataset_size
from carenotes.studies.one_query.effects import measured_ceilings
from carenotes.studies.rollups import fits as rollups


def _fits(results: Results) -> dict[tuple[str, str, str, str], Estimate]:
    return dataset_size.fits(results) | rollups.fits(results)


DERIVATION = Derivation(_fits, measured_ceilings, verdicts, {one.id: one.contested for one in CLAIMS})
