"""Numbers with intervals that cover what they say they cover, and none when there is too little to say."""

import numpy as np
import pandas as pd
import pytest

from carenotes.lab.estimates import median, medians, percentile, ratios, slope


def test_below_six_rounds_there_is_a_median_and_no_interval() -> None:
    assert median([3, 1, 2]).value == 2
    assert [median(range(n)).interval for n in range(1, 6)] == [None] * 5
    assert median(range(6)).interval == (0, 5)


def test_twelve_rounds_give_the_third_and_tenth_value() -> None:
    assert median(range(1, 13)).interval == (3, 10)


@pytest.mark.parametrize("rounds", [6, 12, 30])
def test_the_interval_covers_the_median_of_skewed_noise_at_least_as_often_as_it_says(rounds: int) -> None:
    rng = np.random.default_rng(7)
    truth = 1.0  # the median of exp(normal)
    covered = [low <= truth <= high for low, high in (interval(rng, rounds) for _ in range(2_000))]
    assert 0.94 <= np.mean(covered) <= 0.99


def interval(rng: np.random.Generator, rounds: int) -> tuple[float, float]:
    found = median(np.exp(rng.normal(size=rounds)).tolist()).interval
    assert found
    return found


def samples(times: dict[str, list[int]]) -> pd.DataFrame:
    rows = [
        {"condition": name, "round": number, "position": 0, "units": 10, "elapsed_ns": elapsed}
        for name, all_times in times.items()
        for number, elapsed in enumerate(all_times, start=-2)
    ]
    return pd.DataFrame(rows)


def test_warm_ups_are_left_out_and_time_is_by_unit() -> None:
    each = medians(samples({"a": [9_000, 9_000, 100, 200, 300]}))
    assert each["a"].value == pytest.approx(20e-9)
    assert each["a"].rounds == 3


def test_ratios_are_paired_by_round_so_that_a_slow_machine_slows_both() -> None:
    drift = [1, 1, 1, 2, 4, 8, 16, 32]
    both = samples({"slow": [300 * one for one in drift], "fast": [100 * one for one in drift]})
    assert ratios(both, "slow")["fast"].value == pytest.approx(3)
    assert ratios(both, "slow")["fast"].interval == pytest.approx((3, 3))


def frame(seconds: dict[str, list[float]]) -> pd.DataFrame:
    rows = [
        {"condition": name, "round": number, "units": 1, "elapsed_ns": value * 1e9}
        for name, each in seconds.items()
        for number, value in enumerate(each)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_a_slope_is_the_exponent(power: float) -> None:
    sizes = {f"x/{size}": float(size) for size in (10, 100, 1_000)}
    samples = frame({name: [(0.01 + 0.001 * n) * size**power for n in range(8)] for name, size in sizes.items()})
    found = slope(samples, sizes)
    assert found.value == pytest.approx(power)
    assert found.interval == pytest.approx((power, power))


def test_a_percentile_is_taken_in_each_round() -> None:
    waited = pd.DataFrame(
        {"condition": "a", "round": [0] * 100 + [1] * 100, "seconds": [*range(1, 101), *range(101, 201)]}
    )
    assert percentile(waited, "a", 50).value == pytest.approx((50.5 + 150.5) / 2)
    assert percentile(waited, "a", 100).value == 150
