"""What follows from the results of a run beside estimates: what each notebook makes of its own."""

from carenotes.lab.results.derived import Derivation
from carenotes.original.claims import CLAIMS
from carenotes.original.decisions import verdicts
from carenotes.studies.dataset_size.fits import fits
from carenotes.studies.one_query.effects import measured_ceilings

DERIVATION = Derivation(fits, measured_ceilings, verdicts, {one.id: one.contested for one in CLAIMS})
