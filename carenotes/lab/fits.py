"""Laws fitted to measurements, each with what it takes for its parameters to be told from others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carenotes.lab.estimates import Estimate, median, seconds_each
from carenotes.lab.study import Measured

LEVELS = 8  # of concurrency, at least, from which three parameters can be told


@dataclass(frozen=True)
class Usl:
    """The Universal Scalability Law of one way to serve: throughput X(N) = rate N / (1 + sigma (N-1) + kappa N (N-1)).

    `rate` is requests a second of one client, `sigma` the share of work that waits for a turn, `kappa` what each
    client costs every other one. `why_not` says why they are not identified; empty when they are.
    """

    rate: Estimate
    sigma: Estimate
    kappa: Estimate
    why_not: str

    @property
    def peak(self) -> float | None:
        """How many clients bring the most throughput; None where more would always bring more, or nothing is known."""
        if self.why_not or self.sigma.value >= 1:
            return None
        return float(np.sqrt((1 - self.sigma.value) / self.kappa.value))


def usl(measured: Measured, way: str, levels: Sequence[int]) -> Usl | None:
    """Fit the law to the conditions `way/level`, round by round; None where no three of them were measured.

    Source: Gunther, Guerrilla Capacity Planning (2007), 4 and 5.
    """
    each = seconds_each(measured.samples)
    there = [level for level in sorted(set(levels)) if f"{way}/{level}" in each]
    if len(there) < 3:  # as many as there are parameters
        return None
    clients = np.array(there, dtype=float)
    rows = each[[f"{way}/{level}" for level in there]].dropna().to_numpy(dtype=float)
    rate, sigma, kappa = (median(column.tolist()) for column in np.array([_fitted(clients, one) for one in rows]).T)
    return Usl(rate, sigma, kappa, _why_not(len(there), kappa))


def _fitted(clients: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rate, sigma and kappa of one round: least squares of relative errors.

    N / X(N) is linear in what is sought, so there is no start to guess and no local minimum to be caught in.
    """
    each = clients * seconds
    terms = np.column_stack((np.ones_like(clients), clients - 1, clients * (clients - 1)))
    one, turn, others = np.linalg.lstsq(terms / each[:, None], np.ones_like(each))[0]
    return np.array([1 / one, turn / one, others / one])


def _why_not(levels: int, kappa: Estimate) -> str:
    if levels < LEVELS:
        return f"{levels} levels, {LEVELS} are needed"
    if kappa.interval is None:
        return f"{kappa.rounds} rounds, too few for an interval"
    if kappa.interval[0] <= 0:
        return "kappa cannot be told from 0"
    return ""
