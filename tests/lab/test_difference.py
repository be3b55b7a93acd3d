"""Identical conditions are called identical, different ones different, and what is printed is what decides."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from carenotes.lab.conditions import DRIVER_ALONE, SELECT_1, Condition, condition, labels
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import (
    ALIKE,
    LESS,
    MORE,
    UNDECIDED,
    aa_noise,
    all_times,
    at_least,
    at_most,
    different,
    family,
    identical_differ,
    judged,
    latency_times,
    times,
    widened,
    word,
)
from carenotes.lab.statistics.estimates import Estimate, family_level, paired_ratio
from tests.lab.planted import named

ROUNDS = 12
EVEN = np.linspace(0.99, 1.01, ROUNDS)
NONE = pd.DataFrame()


def frame(seconds: dict[str, np.ndarray]) -> pd.DataFrame:
    rows = [
        {"condition": name, "round": number, "part": 0, "units": 1, "elapsed_ns": value * 1e9}
        for name, each in seconds.items()
        for number, value in enumerate(each)
    ]
    return pd.DataFrame(rows)


def table(slow_again: float, fast_again: float, pairs: tuple[str, ...] = ("slow", "fast")) -> Measured:
    """A table whose second names take so many times as long as the first ones, give or take a per cent."""
    samples = frame({"slow": EVEN[::-1] * 8, "fast": EVEN * 2})
    second = frame({"slow": EVEN * 8 * slow_again, "fast": EVEN[::-1] * 2 * fast_again})
    return Measured(samples, NONE, replicates=second, controls=pairs, conditions=named("slow", "fast"))


def of(*conditions: Condition, further: int = 0) -> Measured:
    by_label = labels(conditions)
    return Measured(frame(dict.fromkeys(by_label, EVEN)), NONE, further=further, conditions=by_label)


A, B, C, FLOOR = (condition(name="a"), condition(name="b"), condition(name="c"), condition(statement=SELECT_1))
ALONE = [condition(name=name, client=DRIVER_ALONE) for name in "ab"]


def test_the_noise_is_the_estimate_of_the_baselines_pair_and_not_the_far_end_of_its_interval() -> None:
    assert aa_noise(table(1.1, 3)) == pytest.approx(1.1, rel=1e-3)
    assert aa_noise(table(1 / 1.1, 3)) == pytest.approx(1.1, rel=1e-3)  # faster or slower, it is noise


def test_every_interval_of_a_table_is_widened_by_the_noise_and_its_value_is_not() -> None:
    quiet, noisy = times(table(1.0, 1.0), "fast", "slow"), times(table(1.001, 1.0), "fast", "slow")
    assert quiet.interval
    assert noisy.interval
    assert quiet.value == noisy.value == pytest.approx(4)
    assert noisy.interval[0] == pytest.approx(quiet.interval[0] / 1.001)  # however little it is
    assert noisy.interval[1] == pytest.approx(quiet.interval[1] * 1.001)


def test_the_judged_pair_widens_nothing() -> None:
    assert times(table(1.1, 5.0), "fast", "slow") == times(table(1.1, 1.0), "fast", "slow")


def test_without_a_pair_or_an_interval_nothing_is_widened() -> None:
    nothing = table(2, 2, ())
    assert (aa_noise(nothing), judged(nothing), identical_differ(nothing)) == (None, None, False)
    alone = paired_ratio((EVEN[::-1] * 8).tolist(), (EVEN * 2).tolist())
    assert times(nothing, "fast", "slow").interval == pytest.approx(alone.interval)
    assert widened(Estimate(2.0, None, 3), 1.5) == Estimate(2.0, None, 3)


def test_one_comparison_is_the_same_in_the_table_and_alone() -> None:
    one = table(1.1, 1.0)
    assert all_times(one, "slow")["fast"] == times(one, "fast", "slow")
    assert list(all_times(one, "slow")) == ["slow", "fast"]


def test_the_judged_pair_is_the_fastest_and_never_the_one_of_the_noise() -> None:
    found = judged(table(3, 1.5))
    assert found
    assert found.value == pytest.approx(1.5, rel=1e-3)
    assert judged(table(3, 1.5, ("slow",))) is None


def test_identical_conditions_come_out_different_only_beyond_the_noise_of_their_table() -> None:
    assert identical_differ(table(1.0, 1.2))
    assert not identical_differ(table(1.3, 1.2))
    assert not identical_differ(table(1.0, 1.0))


@pytest.mark.parametrize(
    ("one", "comparisons"),
    [
        (of(A), 1),
        (of(A, B), 1),
        (of(A, B, C), 2),  # against the baseline
        (of(A, B, FLOOR), 4),  # and against the floor
        (of(A, B, *ALONE, FLOOR), 10),  # and against their statements alone
        (of(A, B, C, further=5), 7),  # and what its tables compare besides
    ],
)
def test_a_family_is_as_large_as_the_ratios_that_are_made(one: Measured, comparisons: int) -> None:
    assert family(one) == comparisons


def test_the_intervals_of_a_table_hold_for_its_family_and_those_of_the_ledger_for_another() -> None:
    rng = np.random.default_rng(2)
    seconds = {name: np.exp(rng.normal(size=ROUNDS)) for name in "abcde"}
    one = Measured(frame(seconds), NONE, conditions=named(*"abcde"))
    both = seconds["a"].tolist(), seconds["b"].tolist()
    assert times(one, "b", "a") == paired_ratio(*both, family_level(4))
    assert times(one, "b", "a", comparisons=40) == paired_ratio(*both, family_level(40))


@pytest.mark.parametrize(
    ("interval", "is_different"),
    [((1.1, 1.3), True), ((0.7, 0.9), True), ((0.9, 1.3), False), ((1.0, 1.3), False), (None, False)],
)
def test_two_things_differ_when_the_interval_excludes_one(
    interval: tuple[float, float] | None, is_different: bool
) -> None:
    assert different(Estimate(1.2, interval, ROUNDS)) is is_different


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((1.25, 1.5), MORE),  # at what matters, or beyond
        ((1.24, 1.5), UNDECIDED),
        ((0.5, 0.8), LESS),
        ((0.5, 0.81), UNDECIDED),
        ((0.81, 1.24), ALIKE),
        ((0.81, 1.25), UNDECIDED),
        ((0.8, 1.24), UNDECIDED),
        ((1.1, 1.2), ALIKE),  # different, by less than matters
        ((0.5, 2.0), UNDECIDED),
        (None, UNDECIDED),
    ],
)
def test_a_word_follows_from_where_the_whole_interval_lies(interval: tuple[float, float] | None, said: str) -> None:
    assert word(Estimate(1.0, interval, ROUNDS), 1.25) == said


@pytest.mark.parametrize(
    ("interval", "least", "most"),
    [
        ((1.5, 3.0), True, None),
        ((1.6, 3.0), True, False),
        ((1.0, 2.0), None, None),
        ((1.0, 1.5), None, True),
        ((1.0, 1.4), False, True),
        (None, None, None),
    ],
)
def test_a_border_is_passed_missed_or_neither(
    interval: tuple[float, float] | None, least: bool | None, most: bool | None
) -> None:
    found = Estimate(1.4, interval, ROUNDS)
    assert (at_least(found, 1.5), at_most(found, 1.5)) == (least, most)


def test_percentiles_of_latencies_are_compared_by_round_and_widened_by_their_own_noise() -> None:
    """The middle of each is alike, and so are the totals; the noise of the totals is none of theirs."""

    def latencies(late: dict[str, float]) -> pd.DataFrame:
        rows = [
            {"condition": name, "round": number, "kind": "latency", "seconds": one * (1 + number / 100)}
            for name, last in late.items()
            for number in range(ROUNDS)
            for one in (1.0, 1.0, 1.0, last)
        ]
        return pd.DataFrame(rows)

    one = replace(
        table(1.5, 1.0), latencies=latencies({"slow": 30.0, "fast": 3.0}), replicate_latencies=latencies({"slow": 33.0})
    )
    found = latency_times(one, "fast", "slow", 100)
    assert found.value == pytest.approx(10)
    assert found.interval == (pytest.approx(10 / 1.1), pytest.approx(10 * 1.1))
    assert latency_times(one, "fast", "slow", 50).value == pytest.approx(1)
