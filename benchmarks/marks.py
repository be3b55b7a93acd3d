"""What a benchmark measured, written into a document between two marks that name it; no number there is typed."""

import re
from pathlib import Path

from carenotes.lab.environment import environment

TRUST = Path(__file__).parents[1] / "docs" / "trust.md"


def write(document: Path, script: str, text: str) -> None:
    """Put `text` where the document has room for what `benchmarks/<script>` made. SystemExit if it has none."""
    room = re.compile(rf"(<!-- made by benchmarks/{re.escape(script)} -->\n).*?(<!-- end -->)", re.S)
    made, times = room.subn(lambda marks: f"{marks[1]}{text}\n{marks[2]}", document.read_text(), count=1)
    if not times:
        raise SystemExit(f"{document}: no room for what {script} made")
    document.write_text(made)


def machine() -> str:
    """What it was measured on, in a few words."""
    facts = environment()
    return f"{facts['cpu']}, {facts['cores']} cores, {facts['system']}, {facts['python']}"
