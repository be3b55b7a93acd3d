"""What a benchmark writes into a document goes into its own place, and the page that has them is whole."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from carenotes.lab.results.store import Results
from tests.conftest import ROOT

pytestmark = pytest.mark.slow  # all of them are imported

SCRIPTS = sorted(file.stem for file in (ROOT / "benchmarks").glob("*.py"))
PAGE = ROOT / "docs" / "trust.md"
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
ROOM = "<!-- made by benchmarks/{} -->\n{}<!-- end -->\n"


IMPORT_EACH = """
import importlib, sys, traceback
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception:
        print(name, traceback.format_exc(limit=-1))
"""


def test_every_benchmark_finds_the_names_that_it_uses() -> None:
    """In a process of their own: they are called as anything may be. What they use when called, mypy looks after."""
    command, scripts = [sys.executable, "-c", IMPORT_EACH, *SCRIPTS], ROOT / "benchmarks"
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=scripts, env=ENVIRONMENT, timeout=120
    )
    assert done.stdout == ""
    assert "benchmarks" in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["files"]


def test_how_many_rounds_are_needed_is_told_of_experiments_that_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    import rounds

    reference = ROOT / "reports" / "reference"
    monkeypatch.setattr(rounds, "MOST_ROUNDS", 6)  # more take the time
    rounds.main(reference, 10)
    told = capsys.readouterr().out.splitlines()
    results = Results.read(reference / "results.sqlite")
    experiments = {experiment for _, experiment in results.experiments()}
    results.close()
    assert set(rounds.THRESHOLDS) <= experiments
    assert len(told) > len(rounds.THRESHOLDS)
    assert any(re.match(r"02 designs +\S+ % +\d+ +1\.50x ", line) for line in told)


@pytest.mark.parametrize("held", ["", "an old table\n"])
@pytest.mark.parametrize("script", ["one.py", "other.py"])
def test_a_result_goes_between_its_own_marks_and_nothing_else_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: str, script: str
) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    import marks

    def page(one: str, other: str) -> str:
        return f"before\n{ROOM.format('one.py', one)}between\n{ROOM.format('other.py', other)}after\n"

    document, new = tmp_path / "page.md", "a new \\1 table\n"
    document.write_text(page(held, held))
    marks.write(document, script, new.rstrip())
    assert document.read_text() == page(*(new if name == script else held for name in ("one.py", "other.py")))
    with pytest.raises(SystemExit, match=r"no room for what absent\.py made"):
        marks.write(document, "absent.py", new)


def test_the_page_about_trust_has_what_each_benchmark_measured_once() -> None:
    text = PAGE.read_text()
    for script, said in (
        ("coverage.py", "repetitions. Noise"),
        ("false_positives.py", "the whole rule"),
        ("data_seeds.py", "same verdict"),
    ):
        [held] = re.findall(ROOM.format(re.escape(script), "(.*?)"), text, flags=re.S)
        assert said in held
        assert text.count(said) == 1
        assert (ROOT / "benchmarks" / script).is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("supported", "supported"), "1 have the same verdict in each run; 0 are inconclusive in some"),
        (("supported", "inconclusive"), "1 is inconclusive in some; supported in one and refuted in another: none"),
        (("refuted", "supported"), "supported in one and refuted in another: same-once"),
    ],
)
def test_a_claim_that_hinges_on_the_data_is_named(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, str], said: str
) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    import data_seeds

    facts = {"cpu": "abacus", "cores": "2", "profile": "standard"}
    row = {"claim": "same-once", "effect": 2.0, "low": 1.5, "high": 2.5, "kind": "speedup"}
    runs = [data_seeds.Decided(facts, pd.DataFrame([{**row, "verdict": word}]).set_index("claim")) for word in words]
    text = data_seeds.table(runs)
    assert said in text
    assert f"| same-once | {words[0]}, 2.00x [1.50, 2.50] | {words[1]}," in text
