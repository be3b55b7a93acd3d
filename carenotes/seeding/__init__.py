"""Where notes come from: `generate` and `load` make them and bring them in, `ingest` takes somebody's own file."""

from carenotes.seeding.digests import digest, stored_digest
from carenotes.seeding.generate import COLUMNS, SeedSpec, batches, generate
from carenotes.seeding.ingest import Ingested, bring_in, ingest
from carenotes.seeding.load import BATCH_SIZE, Loaded, load
from carenotes.seeding.mapping import parse_mapping
from carenotes.seeding.survey import survey
from carenotes.seeding.writers import WRITERS

__all__ = [
    "BATCH_SIZE",
    "COLUMNS",
    "WRITERS",
    "Ingested",
    "Loaded",
    "SeedSpec",
    "batches",
    "bring_in",
    "digest",
    "generate",
    "ingest",
    "load",
    "parse_mapping",
    "stored_digest",
    "survey",
]
