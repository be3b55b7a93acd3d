"""Theory of a queue before one server (M/G/1): Poisson arrivals, any service times, first come, first served."""

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np

RELAXATIONS = 100  # relaxation times that a run must last, so that it is long against the queue's own memory
DROPPED = 0.1  # of a run, at its start: it begins with an empty queue


def relaxation_time(service_time: float, utilisation: float) -> float:
    """About how long a queue remembers: seconds, from a service time in seconds and a utilisation below 1.

    Exact for exponential service times, on the safe side for steadier ones. Source: Cohen, The Single Server Queue,
    II.2.
    """
    return float(service_time / (1 - sqrt(utilisation)) ** 2)


def enough(utilisation: float, fewest: int) -> int:
    """Requests in a run that keeps at least `fewest`, and lasts `RELAXATIONS` even when its start is dropped.

    From 1 on the queue grows as long as the run lasts, and no length is enough: `fewest` bounds it.
    """
    long = RELAXATIONS * relaxation_time(1.0, utilisation) * utilisation if utilisation < 1 else 0.0
    return ceil(max(fewest, long) / (1 - DROPPED))


def dropped(requests: int) -> int:
    """How many of a run's requests are dropped at its start."""
    return int(requests * DROPPED)


def mean_wait(rate: float, service_times: Sequence[float]) -> float | None:
    """The mean waiting time by Pollaczek and Khinchine; None where it has no bound.

    Seconds, from arrivals a second and service times in seconds. Source: Kleinrock, Queueing Systems I, 5.6.
    """
    each = np.asarray(service_times, dtype=float)
    utilisation = rate * float(each.mean())
    return float(rate * (each**2).mean() / (2 * (1 - utilisation))) if utilisation < 1 else None
