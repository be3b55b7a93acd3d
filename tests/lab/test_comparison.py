"""How many queries make a sample: calibrated on the pilot, once, and then frozen."""

from pathlib import Path

import pytest

from carenotes.lab import comparison as comparison
from carenotes.lab.comparison import MOST_QUERIES, SHORTEST_SAMPLE, Comparison, entry
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.runner.study import Study
from carenotes.lab.runner.workers import TIMED
from carenotes.seeding import SeedSpec


@pytest.mark.parametrize(
    ("pilot", "shortest", "at_least", "at_most"),
    [
        ({"slow": 0.01, "fast": 0.001}, SHORTEST_SAMPLE, 10, 20),  # the fastest takes as long as a sample must last
        ({"slow": 0.01, "fast": 0.001}, 5 * SHORTEST_SAMPLE, 50, 100),  # or as the comparison asks
        ({"slow": 0.1, "fast": 0.0001}, SHORTEST_SAMPLE, 5, 5),  # the slowest must not take too long
        ({"slow": 50.0, "fast": 0.0001}, SHORTEST_SAMPLE, 4, 4),  # but one query alone is an anecdote
        ({"slow": 1e-7, "fast": 1e-7}, SHORTEST_SAMPLE, MOST_QUERIES, MOST_QUERIES),
    ],
)
def test_a_sample_is_long_enough_for_the_fastest_and_bearable_for_the_slowest(
    pilot: dict[str, float], shortest: float, at_least: int, at_most: int
) -> None:
    assert at_least <= comparison._calibrated(pilot, shortest) <= at_most


def test_what_was_calibrated_stays_when_a_run_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = SeededNotes(SeedSpec(notes=2_000, tenants=3), tmp_path)

    def one() -> Comparison:
        entries = [entry(notes, "covering", name) for name in ("naive", "pushdown")]
        return Comparison(entries, comparison.distinct_queries(notes, 1, 1), shortest=0.001)

    def units(rounds: int) -> set[int]:
        samples = comparison.compare_together(Study("t", str(tmp_path / "r.sqlite")), {"x": one}, rounds)["x"].samples
        assert set(samples["round"]) == set(range(rounds))
        return set(samples[samples["part"] == TIMED]["units"])

    first = units(1)
    monkeypatch.setattr(comparison, "_calibrated", lambda *_: 1)
    assert units(2) == first != {1}
