"""Do verdicts hinge on the draw of the data? `python benchmarks/data_seeds.py RUN RUN RUN [--write]`: finished runs.

They are runs of one profile on data from different seeds (`standard`, `standard-2`, `standard-3`). `--write` puts the
table into docs/trust.md. Exit status 1 when a claim is supported by one run and refuted by another.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import marks
import pandas as pd

from carenotes.errors import CarenotesError, Refused
from carenotes.lab.results.store import Results
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import INCONCLUSIVE, REFUTED, SUPPORTED
from carenotes.report import numbers
from carenotes.report.runs import manifest
from carenotes.report.runs.run import RESULTS


@dataclass(frozen=True)
class Decided:
    """The verdicts of a finished run, by claim, and what it was made with."""

    facts: Mapping[str, str]
    claims: pd.DataFrame


def decided(folder: Path) -> Decided:
    """Raises Refused for a folder that is no finished run."""
    if not folder.is_dir():
        raise Refused(f"{folder}: no such folder")
    manifest.check(folder)
    results = Results.read(folder / RESULTS)
    found = Decided(results.environment(), results.tables()["claim"].set_index("claim"))
    results.close()
    return found


def cell(row: Any) -> str:
    """A verdict and what it follows from; what is saved is given as a speedup as well."""
    if pd.isna(row["effect"]):
        return str(row["verdict"])
    effect = Estimate(row["effect"], (row["low"], row["high"]), 0)
    said = {"seconds": numbers.seconds, "exponent": numbers.plain}.get(row["kind"], numbers.times)
    return f"{row['verdict']}, {said(effect)}"


def differing(runs: Sequence[Decided]) -> tuple[list[str], list[str]]:
    """Claims whose verdicts are not the same everywhere, and those that are supported here and refuted there."""
    words = {claim: {str(one.claims["verdict"][claim]) for one in runs} for claim in runs[0].claims.index}
    differ = [claim for claim, said in words.items() if len(said) > 1]
    return differ, [claim for claim in differ if {SUPPORTED, REFUTED} <= words[claim]]


def table(runs: Sequence[Decided]) -> str:
    """A claim a row, a run a column, and what the reader should see in it."""
    differ, opposed = differing(runs)
    rows = [[claim, *(cell(one.claims.loc[claim]) for one in runs)] for claim in runs[0].claims.index]
    rows = [["claim", *(one.facts["profile"] for one in runs)], ["---"] * (len(runs) + 1), *rows]
    made = ", ".join(dict.fromkeys(f"{one.facts['cpu']}, {one.facts['cores']} cores" for one in runs))
    said = (
        f"Of {len(runs[0].claims)} claims {len(runs[0].claims) - len(differ)} have the same verdict in each run; "
        f"{len(differ)} {'is' if len(differ) == 1 else 'are'} {INCONCLUSIVE} in some; "
        f"supported in one and refuted in another: {', '.join(opposed) or 'none'}. {made}."
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + f"\n\n{said}"


def main() -> int:
    """The table of the runs that are named."""
    asked = argparse.ArgumentParser(description="Do verdicts hinge on the draw of the data?")
    asked.add_argument("runs", nargs="+", type=Path)
    asked.add_argument("--write", action="store_true")
    chosen = asked.parse_args()
    try:
        runs = [decided(folder) for folder in chosen.runs]
    except CarenotesError as error:
        sys.stderr.write(f"data_seeds: {error}\n")
        return error.exit_status
    sys.stdout.write(table(runs) + "\n")
    if chosen.write:
        marks.write(marks.TRUST, "data_seeds.py", table(runs))
    return bool(differing(runs)[1])


if __name__ == "__main__":
    sys.exit(main())
