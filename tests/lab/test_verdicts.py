"""A verdict follows from the interval and the smallest effect that matters, and from nothing else."""

import json
from pathlib import Path

import pytest

from carenotes.lab.claims import CLAIMS, SEED_CLAIMS
from carenotes.lab.estimates import Estimate
from carenotes.lab.results import Results
from carenotes.lab.verdicts import INCONCLUSIVE, REFUTED, SUPPORTED, VERDICTS, at_least, at_most, counted, verdicts
from carenotes.lab.workers import Sample
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("interval", "least", "most"),
    [
        ((2.0, 3.0), SUPPORTED, REFUTED),
        ((1.5, 3.0), SUPPORTED, INCONCLUSIVE),  # at least 1.5 is as large as asked for
        ((1.0, 2.0), INCONCLUSIVE, INCONCLUSIVE),
        ((1.0, 1.5), INCONCLUSIVE, SUPPORTED),
        ((1.0, 1.4), REFUTED, SUPPORTED),
        (None, INCONCLUSIVE, INCONCLUSIVE),  # too few rounds
    ],
)
def test_the_word_follows_from_the_interval(interval: tuple[float, float] | None, least: str, most: str) -> None:
    effect = Estimate(1.4, interval, 12)
    assert at_least(effect, 1.5).word == least
    assert at_most(effect, 1.5).word == most


def test_a_count_decides_by_itself() -> None:
    assert [counted(True, "").word, counted(False, "").word] == [SUPPORTED, REFUTED]


def test_there_are_38_claims_each_with_what_decides_it() -> None:
    assert len(CLAIMS) == len({one.id for one in CLAIMS}) == 38
    assert set(VERDICTS) <= {one.id for one in CLAIMS}
    assert all(all(vars(one).values()) for one in CLAIMS)


def test_the_figures_of_the_claims_stand_in_one_place() -> None:
    assert SEED_CLAIMS["hit"]["speedup"] == 2_813
    sources = [file for file in (ROOT / "carenotes").rglob("*.py") if "2_813" in file.read_text()]
    assert sources == []


def test_without_results_nothing_is_decided(tmp_path: Path) -> None:
    assert verdicts(Results.create(tmp_path / "r.sqlite")) == {}


FAULTS = {
    "the wall clock jumps": "an hour forward",
    "odd tenants and facilities": "",
    "1,000 callers of a cold key": "",
}


def results(tmp_path: Path, faster: float) -> Results:
    """Twelve rounds in which the optimized program is so much faster than the original without its pause."""
    found = Results.create(tmp_path / "r.sqlite")
    times = {"original, with its pause": 40.0, "original, without": 10.0, "optimized": 10.0 / faster}
    for number in range(12):
        samples = [
            Sample(name, number, 0, 0, 1, round(time * 1e6 * (1 + 0.01 * (number % 3)))) for name, time in times.items()
        ]
        found.add_round({"notebook": "02_one_question", "experiment": "seed/single"}, samples)
    found.finding("04_cache", "faults/the seed's", lambda: FAULTS)
    return found


@pytest.mark.parametrize(("faster", "word"), [(1.0, REFUTED), (1.05, REFUTED), (1.5, SUPPORTED)])
def test_the_pause_supports_nothing(tmp_path: Path, faster: float, word: str) -> None:
    decided = verdicts(results(tmp_path, faster))
    assert decided["single"].word == word
    assert "with its pause of 30 ms" in decided["single"].said
    assert "filtered" not in decided


def test_faults_decide_by_what_was_seen(tmp_path: Path) -> None:
    decided = verdicts(results(tmp_path, 1.0))
    assert (decided["ttl"].word, decided["keys"].word) == (REFUTED, SUPPORTED)
    assert "an hour forward" in decided["ttl"].said
    assert decided["no-stampede"].said == "one load for 1,000 callers; 1 other faults it does not survive"


def test_the_data_file_is_plain() -> None:
    raw = json.loads((ROOT / "carenotes" / "lab" / "claims.json").read_text())
    assert [one["id"] for one in raw] == [one.id for one in CLAIMS]
