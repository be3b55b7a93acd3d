"""Equal things are called equal, unequal ones unequal, and rounds that are no fair sample are told from fair ones."""

import numpy as np
import pandas as pd
import pytest

from carenotes.lab.estimates import Estimate, median, paired_ratio
from carenotes.lab.study import AGAIN, Measured
from carenotes.lab.trust import (
    autocorrelation,
    differs,
    drift,
    equal_things_differ,
    judged,
    noise_floor,
    with_and_without,
)

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
    """A table whose twins take so many times as long as the conditions that they are, give or take a per cent."""
    samples = frame({"slow": EVEN[::-1] * 8, "fast": EVEN * 2})
    twins = frame({f"slow{AGAIN}": EVEN * 8 * slow_again, f"fast{AGAIN}": EVEN[::-1] * 2 * fast_again})
    return Measured(samples, NONE, ("slow", "fast"), (), twins, pairs)


def test_the_floor_is_the_far_end_of_what_the_slowest_and_its_twin_differ_by() -> None:
    samples = table(1.1, 1)
    both = paired_ratio((EVEN * 8.8).tolist(), (EVEN[::-1] * 8).tolist())
    assert both.interval
    assert noise_floor(samples) == pytest.approx(both.interval[1])
    assert noise_floor(table(1 / 1.1, 1)) == pytest.approx(both.interval[1], rel=1e-3)  # faster or slower, it is noise


def test_the_judged_pair_is_the_fastest_and_never_the_one_of_the_floor() -> None:
    found = judged(table(3, 1.5))
    assert found
    assert found.value == pytest.approx(1.5)
    assert judged(table(3, 1.5, ("slow",))) is None


def test_a_table_tells_equal_things_apart_only_beyond_its_own_floor() -> None:
    assert equal_things_differ(table(1.0, 1.2))
    assert not equal_things_differ(table(1.3, 1.2))
    assert not equal_things_differ(table(1.0, 1.0))


def test_without_pairs_there_is_no_floor_and_nothing_to_judge() -> None:
    nothing = table(1, 2, ())
    assert (noise_floor(nothing), judged(nothing), equal_things_differ(nothing)) == (None, None, False)


@pytest.mark.parametrize(
    ("value", "interval", "floor", "different"),
    [
        (1.2, (1.1, 1.3), 1.1, True),
        (1.2, (1.1, 1.3), 1.25, False),  # within the floor
        (1.2, (0.9, 1.3), 1.0, False),  # the interval holds 1
        (1 / 1.2, (1 / 1.3, 1 / 1.1), 1.1, True),  # the other way up
        (1 / 1.2, (1 / 1.3, 1 / 1.1), 1.25, False),
        (1.2, (1.1, 1.3), None, True),  # no floor is known
        (9.0, None, 1.0, False),  # too few rounds
    ],
)
def test_two_things_differ_when_the_interval_excludes_one_and_the_floor_is_passed(
    value: float, interval: tuple[float, float] | None, floor: float | None, different: bool
) -> None:
    assert differs(Estimate(value, interval, ROUNDS), floor) is different


def test_a_machine_that_slows_down_drifts_by_so_many_per_cent() -> None:
    slower = np.exp(np.linspace(0, np.log(1.3), ROUNDS))
    found = drift((slower * 0.02).tolist())
    assert found.per_cent == pytest.approx(30)
    assert found.interval == pytest.approx((30, 30))
    assert found.p_value < 0.001
    slower[4] *= 20
    assert drift(slower.tolist()).per_cent == pytest.approx(30, abs=1)


def test_noise_drifts_no_more_often_than_chance_would_have_it() -> None:
    rng = np.random.default_rng(5)
    found = [drift(np.exp(0.1 * rng.normal(size=ROUNDS)).tolist()) for _ in range(400)]
    assert np.mean([one.p_value < 0.05 for one in found]) < 0.08
    assert np.mean([one.interval[0] <= 0 <= one.interval[1] for one in found]) > 0.92


def test_rounds_that_take_after_the_one_before_them_are_beyond_the_bound_and_others_are_not() -> None:
    rng = np.random.default_rng(6)
    steps = rng.normal(size=200)
    follows = np.exp(np.cumsum(steps) / 20)
    r, bound = autocorrelation(follows.tolist())
    assert bound == pytest.approx(1.96 / 200**0.5)
    assert r > 0.9
    assert abs(autocorrelation(np.exp(steps).tolist())[0]) < bound
    assert autocorrelation([1.0, 3.0] * 6)[0] == pytest.approx(-11 / 12)
    assert autocorrelation([2.0] * 12)[0] == 0


def test_what_outliers_do_to_an_estimate_is_told_with_how_many_there_were() -> None:
    wild = [*EVEN.tolist(), 50.0]
    found = with_and_without(median, wild)
    assert (found.flagged, found.every.rounds, found.without.rounds) == (1, 13, 12)
    assert found.every == median(wild)
    assert found.change == pytest.approx(median(EVEN.tolist()).value / median(wild).value)


def test_of_a_ratio_the_whole_round_is_left_out() -> None:
    slow, fast = (EVEN * 3).tolist(), EVEN[::-1].tolist()
    slow[0], fast[5] = 90.0, 0.001
    found = with_and_without(paired_ratio, slow, fast)
    assert found.flagged == 2
    assert found.without.value == pytest.approx(3, rel=0.01)
