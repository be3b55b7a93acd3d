"""Where notes come from: `generate` makes them out of arguments, `load` brings them into a database."""

from carenotes.seeding.digests import digest, stored_digest
from carenotes.seeding.generate import COLUMNS, SeedSpec, batches, generate
from carenotes.seeding.load import BATCH_SIZE, Loaded, load
from carenotes.seeding.writers import WRITERS

__all__ = [
    "BATCH_SIZE",
    "COLUMNS",
    "WRITERS",
    "Loaded",
    "SeedSpec",
    "batches",
    "digest",
    "generate",
    "load",
    "stored_digest",
]
