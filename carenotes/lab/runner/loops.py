"""Event loops apart from the caller's: in a notebook the main thread has one that runs already."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def apart(do: Callable[P, R]) -> Callable[P, R]:
    """Have a function run in a thread of its own, where it may run event loops; its caller waits."""

    @wraps(do)
    def done(*arguments: P.args, **named: P.kwargs) -> R:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(do, *arguments, **named).result()

    return done


@cache
def loop_of_worker() -> asyncio.Runner:
    """The one event loop of a worker process."""
    return asyncio.Runner()
