"""The page says how far its times can be trusted, and says so loudly when they cannot."""

from pathlib import Path
from random import Random

import pytest

from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import Measured, measured
from carenotes.lab.runner.workers import Sample
from carenotes.report import noise as findings
from carenotes.report.table import rounds_note
from carenotes.studies.performance_report.trust_tables import COLUMNS, trust

KEY = ("02_one_query", "x")


def rounds(folder: Path, *, noise: float = 0.01, slower: float = 1.0, number: int = 12, wild: int = 0) -> Measured:
    """A slow and a fast condition, and their twins; the twin of the fast one is `slower`; some rounds are wild."""
    results, random = Results.create(folder / "r.sqlite"), Random(5)
    results.fact(KEY[0], "x/run twice", lambda: ["slow", "fast"])
    times = {"slow": 50.0, "fast": 10.0, f"slow{AGAIN}": 50.0, f"fast{AGAIN}": 10.0 * slower}
    for one in range(number):
        spoilt = 9.0 if one < wild else 1.0
        results.add_round(
            {"notebook": KEY[0], "experiment": KEY[1]},
            [
                Sample(n, one, 0, 0, 1, round(t * 1e6 * spoilt * random.lognormvariate(0, noise)))
                for n, t in times.items()
            ],
        )
    return measured(results, *KEY)


def cells(one: Measured) -> dict[str, str]:
    return dict(zip(COLUMNS, trust({KEY: one}).rows[0], strict=True))


def test_on_a_quiet_machine_identical_conditions_are_alike(tmp_path: Path) -> None:
    one = rounds(tmp_path)
    assert "in none did identical conditions come out different" in findings.noise({KEY: one}).text
    assert findings.banner(one) == ""
    assert "✗" not in cells(one)["fastest twice"]
    assert cells(one)["A/A noise"].startswith("1.0")
    assert 9 < float(cells(one)["shortest sample"].removeprefix("+").removesuffix(" ms")) < 10.5


@pytest.mark.parametrize(("milliseconds", "said"), [(9.0, "+9 ms"), (11.0, "11 ms")])
def test_a_sample_that_is_too_short_is_marked(tmp_path: Path, milliseconds: float, said: str) -> None:
    results = Results.create(tmp_path / "r.sqlite")
    results.add_round({"notebook": KEY[0], "experiment": KEY[1]}, [Sample("a", 0, 0, 0, 1, round(milliseconds * 1e6))])
    assert cells(measured(results, *KEY))["shortest sample"] == said


def test_a_table_whose_identical_conditions_differ_carries_a_banner(tmp_path: Path) -> None:
    one = rounds(tmp_path, slower=1.2)
    assert "✗ Identical conditions came out different in: 02 x" in findings.noise({KEY: one}).text
    assert rounds_note({"": one}).startswith("✗ Identical conditions came out different in this table")
    assert cells(one)["fastest twice"].startswith("✗ 1.2")


def test_a_machine_too_noisy_for_any_verdict_is_a_banner_and_no_number(tmp_path: Path) -> None:
    said = findings.noise({KEY: rounds(tmp_path, noise=0.8)})
    assert said.text.startswith("✗ This machine was too noisy for verdicts.")
    assert 'class="failed"' in said._repr_html_()


def test_with_too_few_rounds_nothing_is_said_of_noise(tmp_path: Path) -> None:
    one = rounds(tmp_path, number=3)
    assert "no verdict that is timed" in findings.noise({KEY: one}).text
    assert cells(one)["A/A noise"] == "too few rounds"


def test_outliers_are_kept_counted_and_what_they_change_is_told(tmp_path: Path) -> None:
    found = cells(rounds(tmp_path, wild=2))
    assert found["outliers"] == "4 of 24"
    assert 0 < float(found["moved by"].removesuffix(" %")) < 5


@pytest.mark.parametrize(("share", "said"), [(0.0, "none"), (0.3, "+")])
def test_drift_is_told(tmp_path: Path, share: float, said: str) -> None:
    results = Results.create(tmp_path / "r.sqlite")
    random = Random(7)
    for one in range(12):
        time = 1e7 * (1 + share * one / 11) * random.lognormvariate(0, 0.005)
        results.add_round({"notebook": KEY[0], "experiment": KEY[1]}, [Sample("a", one, 0, 0, 1, round(time))])
    assert cells(measured(results, *KEY))["drift"].startswith(said)


def test_a_table_of_experiments_with_different_rounds_says_from_how_many_to_how_many(tmp_path: Path) -> None:
    measured = {str(number): rounds(_folder(tmp_path, number), number=number) for number in (24, 12)}
    assert rounds_note({"": measured["12"]}).startswith("Medians of 12 rounds")
    assert rounds_note(measured).startswith("Medians of 12 to 24 rounds")


def _folder(parent: Path, number: int) -> Path:
    folder = parent / str(number)
    folder.mkdir()
    return folder
