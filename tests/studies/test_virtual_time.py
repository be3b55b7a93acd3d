"""Hours pass in a moment, in the right order, and a deadlock is an error and is not waited for."""

import asyncio
import time

import pytest

from carenotes.lab.runner.loops import apart
from carenotes.studies.cache import virtual_time


def test_timers_fire_in_their_order_and_nobody_waits_for_them() -> None:
    fired: list[str] = []

    async def after(seconds: float, name: str) -> None:
        await asyncio.sleep(seconds)
        fired.append(name)

    async def main() -> float:
        await asyncio.gather(after(3_600, "hour"), after(1, "second"), after(60, "minute"))
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert virtual_time.run(main()) == 3_600
    assert fired == ["second", "minute", "hour"]
    assert time.monotonic() - began < 5


def test_a_deadlock_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(virtual_time.NothingLeftError, match="a deadlock"):
        virtual_time.run(main())


def test_loops_can_be_run_where_one_runs_already() -> None:
    async def main() -> int:
        return apart(virtual_time.run)(inner())

    async def inner() -> int:
        await asyncio.sleep(1_000)
        return 5

    assert asyncio.run(main()) == 5
