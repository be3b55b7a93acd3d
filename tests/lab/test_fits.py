"""A fixed price and a price a note are recovered where there are such, and not read into what cannot tell."""

import numpy as np
import pandas as pd
import pytest

from carenotes.lab.statistics.fits import Line, line

SIZES = (10_000, 63_000, 400_000, 1_000_000)


def measured(
    fixed: float, each: float, rounds: int = 12, noise: float = 0.01, power: float = 1.0, seed: int = 5
) -> pd.DataFrame:
    """Samples of one way at each size, on the line but for relative noise (or for a power)."""
    random = np.random.default_rng(seed)
    rows = [
        {
            "condition": f"way/{n}",
            "round": number,
            "part": 0,
            "units": 100,
            "elapsed_ns": 1e11 * (fixed + each * n**power) * np.exp(random.normal(scale=noise)),
        }
        for number in range(rounds)
        for n in SIZES
    ]
    return pd.DataFrame(rows)


def fitted(samples: pd.DataFrame) -> Line:
    return line(samples, {f"way/{n}": n for n in SIZES})


def test_without_noise_the_prices_are_exact_however_far_apart_the_times_are() -> None:
    found = fitted(measured(2e-6, 3e-8, noise=0.0))
    assert [found.fixed.value, found.each.value] == pytest.approx([2e-6, 3e-8])
    assert found.misses == pytest.approx(0, abs=1e-6)


def test_planted_prices_lie_in_their_intervals_as_often_as_these_say() -> None:
    held = {"fixed": 0, "each": 0}
    for seed in range(100):
        found = fitted(measured(3e-4, 1e-9, seed=seed))
        for name, planted in (("fixed", 3e-4), ("each", 1e-9)):
            low, high = getattr(found, name).interval
            held[name] += low <= planted <= high
    assert all(count >= 90 for count in held.values())


def test_errors_are_relative_so_that_a_noisy_large_size_does_not_hide_the_fixed_price() -> None:
    """At the largest size 5 % are ten times the fixed price; at the smallest that is all but a third."""
    found = fitted(measured(3e-4, 6e-8, noise=0.05))
    assert found.fixed.interval
    assert found.fixed.interval[0] > 0


def test_a_price_that_is_not_there_is_not_told_from_nothing() -> None:
    free, alone = fitted(measured(0.0, 1e-8)), fitted(measured(3e-4, 0.0))
    for nothing in (free.fixed, alone.each):
        assert nothing.interval
        assert nothing.interval[0] < 0 < nothing.interval[1]


def test_what_grows_as_no_line_is_missed_by_the_line() -> None:
    assert fitted(measured(0.0, 1e-6, noise=0.0, power=0.5)).misses > 0.3


def test_of_five_rounds_there_is_no_interval() -> None:
    assert fitted(measured(3e-4, 1e-9, rounds=5)).fixed.interval is None
