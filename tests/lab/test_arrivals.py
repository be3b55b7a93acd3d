"""Arrivals are Poisson's, and drawn from a seed: the same wherever they are drawn."""

import numpy as np
import pytest
from scipy.stats import kstest

from carenotes.lab.open_loop.arrivals import drawn, due_after


def test_the_same_seed_gives_the_same_schedule_and_another_one_another() -> None:
    assert due_after("1", 100, 50) == due_after("1", 100, 50)
    assert due_after("1", 100, 50) != due_after("2", 100, 50)
    assert due_after("1", 100, 80)[:50] == due_after("1", 100, 50)


def test_another_rate_only_stretches_the_schedule() -> None:
    assert np.array(due_after("1", 50, 40)) == pytest.approx(2 * np.array(due_after("1", 100, 40)), abs=2)


def test_gaps_are_exponential_and_independent_and_as_many_a_second_as_asked_for() -> None:
    gaps = np.diff(due_after("1", 250, 20_000), prepend=0) / 1e9
    assert gaps.mean() == pytest.approx(1 / 250, rel=0.03)
    assert kstest(gaps, "expon", args=(0, 1 / 250)).pvalue > 0.01
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 0.03


def test_queries_are_drawn_from_all_of_the_stream_and_more_begin_with_the_same() -> None:
    few, many = drawn("1", range(10), 50), drawn("1", range(10), 1_000)
    assert many[:50] == few
    assert set(many) == set(range(10))
    assert drawn("2", range(10), 50) != few
