"""A percentile is printed only when the sample carries it and the generator was in time."""

import numpy as np
import pandas as pd
import pytest

from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.open_loop.server import GENERATOR_LATENESS, SERVICE_TIME, WAITING_TIME
from carenotes.lab.open_loop.tails import lateness, mean, mean_wait, needed, tail


def latencies(rounds: int, each: int, late: float = 0.0) -> pd.DataFrame:
    """Latencies spread evenly from 0 to 1 second in each round, and a generator that is always so late."""
    spread = (np.arange(each) + 0.5) / each
    frames = [
        pd.DataFrame({"condition": "x", "round": number, "kind": kind, "seconds": seconds})
        for number in range(rounds)
        for kind, seconds in ((LATENCY, spread), (GENERATOR_LATENESS, np.full(each, late)))
    ]
    return pd.concat(frames, ignore_index=True)


def test_a_99th_percentile_needs_a_thousand_arrivals_over_all_rounds() -> None:
    assert needed(99) == 1_000
    assert tail(latencies(3, 333), "x", 99).why_not == "too few arrivals"
    assert tail(latencies(3, 334), "x", 99).estimate


def test_lighter_percentiles_need_fewer() -> None:
    assert [needed(one) for one in (50, 90, 95)] == [20, 100, 200]
    few = latencies(3, 50)
    assert tail(few, "x", 90).estimate
    assert tail(few, "x", 95).estimate is None


def test_a_late_generator_suppresses_the_percentiles_that_it_could_have_made() -> None:
    """Late by 60 ms: a tenth of the middle (0.5 s) is less, a tenth of the 95th percentile is more."""
    late = latencies(6, 200, late=0.06)
    assert tail(late, "x", 50).why_not == "generator too late"
    assert tail(late, "x", 50).estimate is None
    assert tail(late, "x", 95).estimate
    assert lateness(late, "x") == pytest.approx(0.06)


def test_a_late_generator_says_nothing_against_services() -> None:
    late = latencies(6, 200, late=0.06)
    services = late[late["kind"] == LATENCY].assign(kind=SERVICE_TIME)
    assert tail(pd.concat([late, services], ignore_index=True), "x", 50, SERVICE_TIME).estimate


def test_a_mean_wait_is_judged_by_the_mean_lateness_in_it() -> None:
    for late, shown in ((0.04, True), (0.06, False)):
        frame = latencies(6, 200, late)
        waits = frame[frame["kind"] == LATENCY].assign(kind=WAITING_TIME)
        found = mean_wait(pd.concat([frame, waits], ignore_index=True), "x")
        assert (found.estimate is not None) == shown
        assert found.why_not == ("" if shown else "generator too late")
    assert mean_wait(latencies(1, 10), "x").why_not == "too few arrivals"


def test_an_interval_is_of_rounds_that_each_carry_the_percentile_else_it_is_pooled() -> None:
    by_round = tail(latencies(6, 1_000), "x", 99)
    assert by_round.estimate
    assert by_round.estimate.interval
    assert not by_round.pooled
    pooled = tail(latencies(6, 999), "x", 99)
    assert pooled.estimate
    assert pooled.estimate.interval is None
    assert pooled.pooled
    assert tail(latencies(5, 1_000), "x", 99).pooled


def test_a_pooled_percentile_whose_tail_is_mostly_of_one_round_is_withheld_and_says_so() -> None:
    """3,000 requests in six rounds: the thirty slowest all of one of them, or five of each."""
    one_bad = latencies(6, 500)
    one_bad.loc[(one_bad["round"] == 4) & (one_bad["kind"] == LATENCY), "seconds"] += 1.0
    assert tail(one_bad, "x", 99).estimate is None
    assert tail(one_bad, "x", 99).why_not == "one round makes most of the tail"
    assert tail(one_bad, "x", 50).estimate  # of the slower half it is a third
    assert tail(latencies(6, 500), "x", 99).estimate


def test_half_of_a_tail_is_not_most_of_it() -> None:
    assert tail(latencies(2, 500), "x", 99).pooled
    assert tail(latencies(1, 1_000), "x", 99).why_not == "one round makes most of the tail"


def test_whose_tail_a_percentile_by_round_is_does_not_matter() -> None:
    """One round of six moves their median little, and what the others say stays."""
    one_bad = latencies(6, 1_000)
    one_bad.loc[(one_bad["round"] == 4) & (one_bad["kind"] == LATENCY), "seconds"] += 1.0
    found = tail(one_bad, "x", 99)
    assert found.estimate
    assert found.estimate.value == pytest.approx(0.99, abs=0.002)
    assert not found.pooled


def test_a_percentile_is_that_of_the_sample() -> None:
    for rounds in (2, 6):
        found = tail(latencies(rounds, 1_000), "x", 95).estimate
        assert found
        assert found.value == pytest.approx(0.95, abs=0.002)


def test_of_nothing_there_is_nothing() -> None:
    none = latencies(1, 10).iloc[:0]
    assert tail(none, "x", 50).why_not == "too few arrivals"
    assert mean(none, "x", LATENCY) is None
