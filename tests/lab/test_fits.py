"""The Universal Scalability Law is recovered where it holds, and not read into what cannot tell."""

import numpy as np
import pandas as pd
import pytest

from carenotes.lab.fits import usl
from carenotes.lab.study import Measured

LEVELS = (1, 2, 4, 8, 16, 32, 64, 128)


def measured(levels: tuple[int, ...], sigma: float, kappa: float, rounds: int = 12, noise: float = 0.01) -> Measured:
    """Clients of a server of 1,000 requests a second that obeys the law, but for noise."""
    random = np.random.default_rng(5)
    rows = [
        {
            "condition": f"way/{n}",
            "round": number,
            "part": 0,
            "units": 100,
            "elapsed_ns": 1e8 * (1 + sigma * (n - 1) + kappa * n * (n - 1)) / n * np.exp(random.normal(scale=noise)),
        }
        for number in range(rounds)
        for n in levels
    ]
    samples = pd.DataFrame(rows)
    return Measured(samples, pd.DataFrame(), ("way",), (), samples.iloc[:0], ())


def test_planted_parameters_are_recovered() -> None:
    found = usl(measured(LEVELS, 0.05, 0.002), "way", LEVELS)
    assert found
    assert found.why_not == ""
    for estimate, planted in ((found.rate, 1_000), (found.sigma, 0.05), (found.kappa, 0.002)):
        assert estimate.interval
        assert estimate.value == pytest.approx(planted, rel=0.05)
        assert estimate.interval[0] * 0.98 <= planted <= estimate.interval[1] * 1.02
    assert found.peak == pytest.approx((0.95 / 0.002) ** 0.5, rel=0.05)


def test_without_noise_they_are_exact() -> None:
    found = usl(measured(LEVELS, 0.3, 0.01, noise=0.0), "way", LEVELS)
    assert found
    assert [found.rate.value, found.sigma.value, found.kappa.value] == pytest.approx([1_000, 0.3, 0.01])


@pytest.mark.parametrize(("sigma", "what"), [(0.0, "as many times as fast"), (1.0, "flat")])
def test_a_curve_without_a_fall_is_not_identified(sigma: float, what: str) -> None:
    found = usl(measured(LEVELS, sigma, 0.0, noise=0.03), "way", LEVELS)
    assert found
    assert found.why_not == "kappa cannot be told from 0", what
    assert found.peak is None


def test_seven_levels_are_too_few() -> None:
    found = usl(measured(LEVELS[:7], 0.05, 0.002), "way", LEVELS)
    assert found
    assert found.why_not == "7 levels, 8 are needed"
    assert found.peak is None


def test_five_rounds_are_too_few() -> None:
    found = usl(measured(LEVELS, 0.05, 0.002, rounds=5), "way", LEVELS)
    assert found
    assert found.why_not == "5 rounds, too few for an interval"


def test_of_two_levels_nothing_is_fitted() -> None:
    assert usl(measured(LEVELS[:2], 0.05, 0.002), "way", LEVELS) is None
    assert usl(measured(LEVELS, 0.05, 0.002), "another way", LEVELS) is None
