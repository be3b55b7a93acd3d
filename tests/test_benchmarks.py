"""What a benchmark writes into a document goes into its own place, and the page that has them is whole."""

import re
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "trust.md"
ROOM = "<!-- made by benchmarks/{} -->\n{}<!-- end -->\n"


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
    for script, said in (("coverage.py", "repetitions. Noise"), ("false_positives.py", "the whole rule")):
        [held] = re.findall(ROOM.format(re.escape(script), "(.*?)"), text, flags=re.S)
        assert said in held
        assert text.count(said) == 1
        assert (ROOT / "benchmarks" / script).is_file()
