"""What the original report claims: its figures, and each claim with what decides it. The one place where they stand."""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

ORIGINAL_FIGURES: dict[str, dict[str, Any]] = json.loads(
    files("carenotes.original").joinpath("figures.json").read_text()
)


@dataclass(frozen=True)
class Claim:
    """What the original report says in a section, what decides it, and the smallest effect that matters.

    `contested` says why an audit does not accept what decides it; empty if it does. The verdict stands until the rule
    is mended, and carries the mark. `untested` says what lacks where nothing decides the claim in any run; empty else.
    """

    id: str
    section: str
    says: str
    decided_by: str
    matters: str
    notebook: str
    contested: str = ""
    untested: str = ""


CLAIMS: tuple[Claim, ...] = tuple(
    Claim(**one) for one in json.loads(files("carenotes.original").joinpath("claims.json").read_text())
)
