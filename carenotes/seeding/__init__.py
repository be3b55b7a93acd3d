"""Where notes come from: `generate` makes them out of arguments, `load` brings them into a database."""

from carenotes.seeding.generate import SeedSpec, batches, digest, generate
from carenotes.seeding.load import BATCH_SIZE, Loaded, load
from carenotes.seeding.writers import WRITERS

__all__ = ["BATCH_SIZE", "WRITERS", "Loaded", "SeedSpec", "batches", "digest", "generate", "load"]
