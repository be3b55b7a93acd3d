"""Theory holds for queues that are simulated without a clock."""

import numpy as np
import pytest
from numpy.typing import NDArray

from carenotes.lab.open_loop.arrivals import due_after
from carenotes.lab.open_loop.queueing import dropped, enough, mean_wait, relaxation_time


def waits(due: NDArray[np.float64], services: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each request waits before one server, in the order in which they come (Lindley's recursion)."""
    found, free = np.empty_like(due), 0.0
    for number, (at, takes) in enumerate(zip(due, services, strict=True)):
        found[number] = max(0.0, free - at)
        free = at + found[number] + takes
    return found


@pytest.mark.parametrize("utilisation", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("kind", ["steady", "exponential"])
def test_the_mean_wait_of_a_simulated_queue_is_that_of_the_formula(utilisation: float, kind: str) -> None:
    count, service = 200_000, 0.001
    due = np.array(due_after("queue", utilisation / service, count)) / 1e9
    random = np.random.default_rng(3)
    services = np.full(count, service) if kind == "steady" else random.exponential(service, count)
    found = waits(due, services)[dropped(count) :].mean()
    assert mean_wait(utilisation / service, services.tolist()) == pytest.approx(found, rel=0.08)
    textbook = utilisation * service / (1 - utilisation) / (2 if kind == "steady" else 1)
    assert mean_wait(utilisation / service, services.tolist()) == pytest.approx(textbook, rel=0.05)


def test_beyond_the_capacity_there_is_no_mean_wait() -> None:
    assert mean_wait(1_000, [0.001]) is None
    assert mean_wait(1_200, [0.001]) is None


def test_a_run_keeps_a_hundred_relaxation_times_and_what_is_asked_for() -> None:
    """At 80 % a service of 1 takes (1 - sqrt(0.8)) ** -2 = 89.7 to be forgotten, and 0.8 come in each 1."""
    assert relaxation_time(1.0, 0.8) == pytest.approx(89.72, abs=0.01)
    kept = enough(0.8, 100) - dropped(enough(0.8, 100))
    assert 100 * 89.72 * 0.8 <= kept <= 100 * 89.72 * 0.8 + 2
    assert enough(0.3, 1_000) - dropped(enough(0.3, 1_000)) == pytest.approx(1_000, abs=1)


def test_a_run_beyond_the_capacity_is_bounded() -> None:
    assert enough(1.2, 90) == 100
