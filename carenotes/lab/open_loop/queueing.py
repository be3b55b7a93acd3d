"""What theory says of a queue before one server (M/G/1): Poisson arrivals, any services, first come first served."""

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np

RELAXATIONS = 100  # relaxation times that a run must last, so that it is long against the queue's own memory
DROPPED = 0.1  # of a run, at its start: it begins with an empty queue


def relaxation_time(service: float, load: float) -> float:
    """About how long a queue remembers: seconds, from those of a service and a load below 1.

    Exact for exponential services, on the safe side for steadier ones. Source: Cohen, The Single Server Queue, II.2.
    """
    return float(service / (1 - sqrt(load)) ** 2)


def enough(load: float, fewest: int) -> int:
    """Requests in a run that keeps at least `fewest`, and lasts `RELAXATIONS` even when its start is dropped.

    From 1 on the queue grows as long as the run lasts, and no length is enough: `fewest` bounds it.
    """
    long = RELAXATIONS * relaxation_time(1.0, load) * load if load < 1 else 0.0
    return ceil(max(fewest, long) / (1 - DROPPED))


def dropped(requests: int) -> int:
    """How many of a run's requests are dropped at its start."""
    return int(requests * DROPPED)


def mean_wait(rate: float, services: Sequence[float]) -> float | None:
    """The mean time in the queue by Pollaczek and Khinchine, from what requests took; None where it has no bound.

    Seconds, from arrivals a second and seconds each. Source: Kleinrock, Queueing Systems I, 5.6.
    """
    each = np.asarray(services, dtype=float)
    load = rate * float(each.mean())
    return float(rate * (each**2).mean() / (2 * (1 - load))) if load < 1 else None
