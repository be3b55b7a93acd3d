"""Numbers with intervals that cover what they say they cover, and none when there is too little to say."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, mannwhitneyu, wilcoxon

from carenotes.lab.statistics.estimates import (
    family_level,
    fewest_rounds,
    hodges_lehmann,
    median,
    medians,
    outliers,
    paired_ratio,
    percentile,
    slope,
    unpaired_ratio,
)


@pytest.mark.parametrize("level", [0.9, 0.95, family_level(7), family_level(20)])
def test_the_interval_of_a_median_ends_where_the_sign_test_does(level: float) -> None:
    for rounds in range(6, 40):
        rank = int(binom.ppf((1 - level) / 2, rounds, 0.5))
        wanted = (float(rank), float(rounds + 1 - rank)) if rank else None
        assert median([float(one) for one in range(1, rounds + 1)], level).interval == wanted


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
        {"condition": name, "round": number, "part": 0, "position": 0, "units": 10, "elapsed_ns": elapsed}
        for name, all_times in times.items()
        for number, elapsed in enumerate(all_times)
    ]
    return pd.DataFrame(rows)


def test_warm_ups_are_left_out_and_time_is_by_unit() -> None:
    found = samples({"a": [100, 200, 300]})
    warm = found.assign(part=-1, elapsed_ns=9_000)
    each = medians(pd.concat([warm, found]))
    assert each["a"].value == pytest.approx(20e-9)
    assert each["a"].rounds == 3


def test_ratios_are_paired_by_round_so_that_a_slow_machine_slows_both() -> None:
    drift = [1, 1, 1, 2, 4, 8, 16, 32, 5, 7, 9, 11]
    found = paired_ratio([300 * one for one in drift], [100 * one for one in drift])
    assert found.value == pytest.approx(3)
    assert found.interval == pytest.approx((3, 3))


def frame(seconds: dict[str, list[float]]) -> pd.DataFrame:
    rows = [
        {"condition": name, "round": number, "part": 0, "units": 1, "elapsed_ns": value * 1e9}
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
        {
            "condition": "a",
            "kind": "latency",
            "round": [0] * 100 + [1] * 100,
            "seconds": [*range(1, 101), *range(101, 201)],
        }
    )
    assert percentile(waited, "a", 50).value == pytest.approx((50.5 + 150.5) / 2)
    assert percentile(waited, "a", 100).value == 150


def test_a_ratio_has_the_interval_that_the_signed_rank_test_does_not_reject() -> None:
    rng = np.random.default_rng(3)
    for rounds, level in ((6, 0.95), (12, 0.95), (12, family_level(20)), (30, family_level(20))):
        logs = rng.normal(size=rounds)
        found = hodges_lehmann(logs.tolist(), level)
        assert found.interval
        for end, inward in zip(found.interval, (1e-9, -1e-9), strict=True):
            outside, inside = (wilcoxon(logs - at, method="exact").pvalue for at in (end - inward, end + inward))
            assert outside <= 1 - level < inside


@pytest.mark.parametrize("level", [0.95, family_level(20)])
@pytest.mark.parametrize(("first", "second"), [(6, 6), (12, 12), (12, 9), (7, 12), (30, 30)])
def test_an_unpaired_ratio_has_the_interval_that_the_mann_whitney_test_does_not_reject(
    first: int, second: int, level: float
) -> None:
    rng = np.random.default_rng(8)
    one, other = np.exp(rng.normal(size=first)), np.exp(rng.normal(size=second) + 1)
    found = unpaired_ratio(one.tolist(), other.tolist(), level)
    assert found.interval
    for end, inward in zip(found.interval, (1 + 1e-9, 1 - 1e-9), strict=True):
        outside, inside = (mannwhitneyu(one * at, other, method="exact").pvalue for at in (end / inward, end * inward))
        assert outside <= 1 - level < inside


def test_an_unpaired_ratio_is_that_of_the_times_and_the_other_way_up_its_inverse() -> None:
    rng = np.random.default_rng(9)
    before, after = np.exp(rng.normal(size=(2, 12)) / 50)
    found = unpaired_ratio(before.tolist(), (2 * after).tolist())
    back = unpaired_ratio((2 * after).tolist(), before.tolist())
    assert found.interval
    assert back.interval
    assert found.interval[0] < 2 < found.interval[1]
    assert found.value == pytest.approx(1 / back.value)
    assert found.interval == pytest.approx(tuple(1 / end for end in reversed(back.interval)))


def test_two_sets_of_five_rounds_carry_no_interval_for_a_family_and_of_six_they_do() -> None:
    none = [
        unpaired_ratio([*range(1, n + 1)], [*range(1, n + 1)], family_level(20)).interval is None for n in (3, 5, 6)
    ]
    assert none == [True, True, False]


def test_too_few_rounds_for_a_family_have_no_interval() -> None:
    assert [hodges_lehmann(list(range(n)), family_level(20)).interval is None for n in (9, 10)] == [True, False]
    assert hodges_lehmann(list(range(12)), 1 - 0.05 / 102).interval is not None
    assert hodges_lehmann(list(range(12)), 1 - 0.05 / 103).interval is None


def test_a_family_may_be_of_any_size_and_twelve_rounds_carry_one_of_102() -> None:
    assert family_level(200) == pytest.approx(1 - 0.05 / 200)
    assert [fewest_rounds(comparisons) for comparisons in (1, 20, 102, 103)] == [6, 10, 12, 13]
    with pytest.raises(ValueError, match="1 or more"):
        family_level(0)


def test_a_ratio_the_other_way_up_is_its_inverse() -> None:
    rng = np.random.default_rng(4)
    slow, fast = np.exp(rng.normal(size=(2, 12))).tolist()
    one, other = paired_ratio(slow, fast), paired_ratio(fast, slow)
    assert one.interval
    assert other.interval
    assert one.value == pytest.approx(1 / other.value)
    assert one.interval == pytest.approx(tuple(1 / end for end in reversed(other.interval)))


def test_a_ratio_is_not_moved_by_one_wild_round_as_a_mean_is() -> None:
    assert paired_ratio([2.0] * 11 + [2000.0], [1.0] * 12).value == pytest.approx(2)


def test_what_lies_far_out_is_flagged_and_nothing_else() -> None:
    assert outliers([1.0, 1.1, 0.9, 1.05, 0.95, 9.0]).tolist() == [False] * 5 + [True]
    assert not outliers([1.0, 1.0, 1.0]).any()
