"""Rounds that are no fair sample are told from fair ones, and what outliers change is told."""

import numpy as np
import pytest

from carenotes.lab.statistics.estimates import median, paired_ratio
from carenotes.lab.statistics.trust import autocorrelation, drift, with_and_without

ROUNDS = 12
EVEN = np.linspace(0.99, 1.01, ROUNDS)


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
