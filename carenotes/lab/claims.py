"""What the seed's report claims in figures: the one place where they stand."""

import json
from importlib.resources import files
from typing import Any

SEED_CLAIMS: dict[str, dict[str, Any]] = json.loads(files("carenotes.lab").joinpath("seed_claims.json").read_text())
