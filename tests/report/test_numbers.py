"""Numbers are written with three significant figures and a unit that keeps them between 1 and 1,000."""

import pytest

from carenotes.lab.statistics.estimates import Estimate
from carenotes.report import numbers
from carenotes.report.finding import Finding


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (0.01234, "0.0123"),
        (1, "1.00"),
        (9.999, "10.0"),
        (0.99999, "1.00"),
        (12.34, "12.3"),
        (123.4, "123"),
        (1234.5, "1,234"),
    ],
)
def test_three_significant_figures(value: float, written: str) -> None:
    assert numbers.digits(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(1.72e-5, "17.2 µs"), (3e-9, "3.00 ns"), (0.0416, "41.6 ms"), (2.5, "2.50 s"), (5e-13, "0.000500 ns")],
)
def test_durations_carry_the_unit_that_fits(value: float, written: str) -> None:
    assert numbers.seconds(Estimate(value, None, 3)) == written


def test_intervals_stand_in_brackets_in_the_same_unit() -> None:
    assert numbers.seconds(Estimate(0.0172, (0.0169, 0.0178), 12)) == "17.2 ms [16.9, 17.8]"
    assert numbers.times(Estimate(12.3, (11.9, 12.8), 12)) == "12.3x [11.9, 12.8]"


def test_a_rate_is_the_inverse_and_its_interval_stays_in_order() -> None:
    assert numbers.rate(Estimate(1e-6, (0.5e-6, 2e-6), 12), "notes") == "1.00 M notes/s [0.500, 2.00]"
    assert numbers.rate(Estimate(0.5e-9, (0.25e-9, 1e-9), 12), "B") == "2.00 GB/s [1.00, 4.00]"


def test_time_saved_of_a_ratio() -> None:
    assert numbers.shares(numbers.less(Estimate(4, (2, 5), 12))) == "75.0 % [50.0, 80.0]"
    assert numbers.shares(numbers.less(Estimate(0.5, None, 3))) == "-100.0 %"


def test_a_number_and_its_per_cent_stand_on_one_line() -> None:
    assert "84.8&nbsp;% [84.1" in Finding("saved 84.8 % [84.1, 85.5] < all")._repr_html_()
    assert "&lt; all" in Finding("saved 84.8 % [84.1, 85.5] < all")._repr_html_()
