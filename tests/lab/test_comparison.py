"""How many queries make a sample: calibrated on the pilot, once, and then frozen."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from carenotes import CareStats, StatsQuery
from carenotes.aggregators import naive
from carenotes.lab import comparison as comparison
from carenotes.lab.comparison import MOST_QUERIES, SHORTEST_SAMPLE, Comparison, entry
from carenotes.lab.configurations.client import PILOT_QUERIES, Client, digests_of, of_each_shape
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.runner.study import Study
from carenotes.lab.runner.workers import PARTS, TIMED
from carenotes.seeding import SeedSpec


@pytest.mark.parametrize(
    ("pilot", "shortest", "at_least", "at_most"),
    [
        ({"slow": 0.01, "fast": 0.001}, SHORTEST_SAMPLE, 10, 20),  # the fastest takes as long as a sample must last
        ({"slow": 0.01, "fast": 0.001}, 2 * SHORTEST_SAMPLE, 20, 40),  # or as the comparison asks
        ({"slow": 0.05, "fast": 0.0001}, SHORTEST_SAMPLE, 6, 6),  # the slowest must not take too long
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


def test_conditions_far_apart_are_levelled_so_that_the_sample_of_each_is_none_too_short() -> None:
    one = Comparison([], lambda _: [], longest=0.2, levelled=True)
    assert comparison._units({"slow": 0.01, "fast": 0.0001}, one, SHORTEST_SAMPLE) == comparison.MOST_LEVELLED
    assert (
        comparison._units({"slow": 0.04, "fast": 0.0001}, one, SHORTEST_SAMPLE) == 5
    )  # the slowest must not take too long
    pilot = {"slow": 0.04, "fast": 0.0004, "floor": 1e-9}
    found = comparison._levelled(pilot, SHORTEST_SAMPLE, 5)
    assert found == {"slow": 1, "fast": 8, "floor": comparison.MOST_REPEATS}
    assert all(found[name] * 5 * pilot[name] >= SHORTEST_SAMPLE for name in ("slow", "fast"))


def test_a_levelled_comparison_sends_and_checks_each_query_as_often_as_was_found_out(tmp_path: Path) -> None:
    notes = SeededNotes(SeedSpec(notes=2_000, tenants=3), tmp_path)
    entries = [entry(notes, "covering", name) for name in ("naive", "pushdown")]
    stream = comparison.distinct_queries(notes, 1, 30)
    study = Study("t")
    found = comparison.compare(
        study, "x", lambda: Comparison(entries, stream, shortest=0.5, levelled=True, longest=0.02), 2
    )
    queries, repeats = (study.known(f"x/{name}") for name in ("queries per sample", "repeats"))
    samples = found.samples[found.samples["part"] == TIMED]
    assert found.failed == ()
    assert {label: set(of["units"]) for label, of in samples.groupby("condition")} == {
        label: {queries * often} for label, often in repeats.items()
    }
    assert max(repeats.values()) > 1


@pytest.mark.parametrize("primed", [False, True])
def test_where_some_repeat_their_queries_more_often_each_has_sent_them_all_before_the_clock_starts(
    seeded: str, *, primed: bool
) -> None:
    sent: list[StatsQuery] = []

    def ask(connection: Connection, query: StatsQuery) -> CareStats:
        sent.append(query)
        return naive(connection, query)

    last = date(2026, 6, 30)
    stream = [StatsQuery.on(1 + number % 4, last - timedelta(days=number)) for number in range(PILOT_QUERIES + 8)]
    client = Client(ask, seeded, stream, 4, repeats=3, primed=primed)
    for part in PARTS:
        client.warm_up(0, part)
        before = list(sent)
        client.run()
    client.close()
    timed = list(dict.fromkeys(sent[len(before) :]))
    assert len(sent) - len(before) == client.units == 12
    assert len(timed) == 4
    assert [one in before for one in timed] == [primed] * 4


def test_a_query_of_each_shape_is_about_whom_the_stream_asks_about_least() -> None:
    day = date(2026, 6, 30)
    lists = (None, [1], [1, 2, 3])
    stream = [StatsQuery.on(7 if number else 8, day, lists[number % 3]) for number in range(9)]
    assert set(of_each_shape(stream)) == {StatsQuery.on(8, day, some) for some in lists}


def test_each_repeated_answer_is_told_by_a_digest_of_its_own() -> None:
    one, other = (CareStats(notes, 1, {}, {}, {}) for notes in (3, 4))
    assert digests_of([one, other] * 3, 3) == [one.digest(), other.digest()] * 3
    assert digests_of([one, other, one, one], 2) == [one.digest(), other.digest(), one.digest(), one.digest()]
    assert digests_of([], 2) == []
