"""When requests are due, and with which queries: drawn from a random seed, the same wherever they are drawn."""

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import TypeVar

T = TypeVar("T")


def due_after(seed: str, rate: float, count: int) -> list[int]:
    """Nanoseconds from the start to each of `count` Poisson arrivals, `rate` of them a second.

    The same seed gives the same pattern at every rate, only stretched: offered loads differ by nothing else.
    """
    random = Random(f"{seed}/due")  # noqa: S311 - a repeatable draw, no secret
    return [round(at * 1e9 / rate) for at in accumulate(random.expovariate(1.0) for _ in range(count))]


def drawn(seed: str, stream: Sequence[T], count: int) -> list[T]:
    """`count` queries drawn from the stream one by one; more of them begin with the same ones.

    Drawn, not in turn: theory wants service times that are independent of each other.
    """
    return Random(f"{seed}/asked").choices(stream, k=count)  # noqa: S311
