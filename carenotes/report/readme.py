"""`python -m carenotes.report.readme README.md RESULTS`: write the headline of a run into the README.

It stands between two marks, and a test holds it equal to the committed reference run: no number there is typed.
"""

import re
import sys
from pathlib import Path

from carenotes.report.table import Table
from carenotes.studies.performance_report.first_answer import FirstAnswer
from carenotes.studies.performance_report.summary import Run

_BETWEEN = re.compile(r"(?<=<!-- headline: made by `make golden` -->\n).*?(?=<!-- end of the headline -->)", re.S)


def with_headline(readme: str, results: str) -> str:
    """The text of the README with the headline of the results."""
    run = Run(results)
    table = run.path()
    facts = run.results.environment()
    if not isinstance(table, Table):
        raise SystemExit(f"{results}: holds no headline")
    machine = f"{facts['cpu']}, {facts['cores']} cores, SQLite {facts['sqlite']}, profile {facts['profile']}"
    first = run.first()
    lines = f"**What to do first**\n\n{first.markdown()}\n\n" if isinstance(first, FirstAnswer) else ""
    headline = f"{run.answer().text}\n\n{lines}{table.markdown()}\n\n{table.note} {machine}.\n"
    return _BETWEEN.sub(lambda _: headline, readme)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_headline(file.read_text(), sys.argv[2]))
