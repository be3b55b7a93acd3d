"""What a cache leaves in the log when callers leave, loads fail and loops end: nothing."""

import asyncio
import gc
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from random import Random

import pytest

from carenotes import QueryCache, StatsQuery

ASKED = StatsQuery.on(3, date(2026, 2, 10))
THREADS, CLIENTS, CALLS = 4, 25, 40  # threads, each with a loop; callers on a loop at a time; calls of each


class UnavailableError(Exception):
    """What a load raises."""


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@pytest.fixture(autouse=True)
def nothing_is_logged() -> Iterator[None]:
    """By asyncio, not even of what only the garbage collector finds."""
    gc.collect()  # what other tests left
    kept, logger = Kept(), logging.getLogger("asyncio")
    logger.addHandler(kept)
    try:
        yield
        gc.collect()
    finally:
        logger.removeHandler(kept)
    assert kept.said == []


@pytest.mark.parametrize("leaves_first", [True, False])
def test_an_error_on_its_way_to_a_caller_on_another_loop_who_leaves_is_not_logged(leaves_first: bool) -> None:
    elsewhere = asyncio.new_event_loop()

    async def main() -> None:
        failing = asyncio.Event()

        async def load(_key: StatsQuery) -> None:
            await failing.wait()
            raise UnavailableError

        cache: QueryCache[StatsQuery, None] = QueryCache(load)
        here = asyncio.ensure_future(cache.get(ASKED))
        await asyncio.sleep(0)
        caller = elsewhere.create_task(cache.get(ASKED))
        await asyncio.to_thread(elsewhere.run_until_complete, asyncio.sleep(0))  # it waits; its loop stands still
        if leaves_first:
            caller.cancel()
        failing.set()
        with suppress(UnavailableError):
            await here  # the error is on its way to the other loop
        caller.cancel()
        await asyncio.to_thread(elsewhere.run_until_complete, asyncio.wait([caller]))
        assert caller.cancelled()

    asyncio.run(main())
    elsewhere.close()


def test_a_load_that_is_cancelled_before_its_first_step_ends_those_who_wait_and_no_later_call_hangs() -> None:
    async def load(_key: StatsQuery) -> str:
        return "answer"

    async def main() -> None:
        cache: QueryCache[StatsQuery, str] = QueryCache(load)
        before = asyncio.all_tasks()
        caller = asyncio.ensure_future(cache.get(ASKED))
        await asyncio.sleep(0)
        for one in asyncio.all_tasks() - before - {caller}:
            one.cancel()
        with pytest.raises(RuntimeError, match="was cancelled"):
            await asyncio.wait_for(caller, 5)
        assert await asyncio.wait_for(cache.get(ASKED), 5) == "answer"

    asyncio.run(main())


class NotOrdinaryError(BaseException):
    pass


@pytest.mark.parametrize("error", [UnavailableError, NotOrdinaryError, GeneratorExit, KeyboardInterrupt, SystemExit])
def test_an_error_of_a_load_is_raised_and_not_logged_whatever_it_is(error: type[BaseException]) -> None:
    async def load(_key: StatsQuery) -> None:
        await asyncio.sleep(0)
        raise error

    cache: QueryCache[StatsQuery, None] = QueryCache(load)
    with pytest.raises(error):
        asyncio.run(cache.get(ASKED))


class Stress:
    """Threads with a loop each ask for the same few tenants: loads fail, callers leave, data change. What went wrong.

    The data of a tenant are a number, raised by one thread alone; `promised` is the least that a call may answer.
    """

    def __init__(self) -> None:
        self.cache: QueryCache[StatsQuery, int] = QueryCache(self.load)
        self.written, self.promised = [0] * THREADS, [0] * THREADS
        self.wrong: list[str] = []
        self.failed = self.left = self.answered = 0  # about: threads count without a lock

    async def load(self, key: StatsQuery) -> int:
        read = self.written[key.tenant_id]
        await asyncio.sleep(0.001)
        if Random().random() < 0.5:
            raise UnavailableError
        return read

    async def client(self, own_tenant: int, random: Random) -> None:
        for _ in range(CALLS):
            tenant = random.randrange(THREADS)
            promised = self.promised[tenant]
            caller = asyncio.ensure_future(self.cache.get(StatsQuery.on(tenant, ASKED.first_day)))
            await asyncio.sleep(random.choice([0, 0.001, 0.002]))
            if random.random() < 0.5:
                caller.cancel()
            try:
                seen = await caller
                self.answered += 1
                if seen < promised:
                    self.wrong.append(f"tenant {tenant}: {seen} is stale, {promised} was promised")
            except UnavailableError:
                self.failed += 1
            except asyncio.CancelledError:
                self.left += 1
            if random.random() < 0.3:
                self.written[own_tenant] += 1
                await self.cache.invalidate(own_tenant)
                self.promised[own_tenant] = self.written[own_tenant]

    async def clients(self, thread: int) -> None:
        clients = [self.client(thread, Random(f"{thread}/{one}")) for one in range(CLIENTS)]
        await asyncio.wait_for(asyncio.gather(*clients), 60)

    def thread(self, number: int) -> None:
        try:
            asyncio.run(self.clients(number))
        except Exception as error:
            self.wrong.append(f"thread {number}: {error!r}")

    def run(self) -> list[str]:
        threads = [threading.Thread(target=self.thread, args=(number,)) for number in range(THREADS)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        return self.wrong


def test_threads_whose_loads_fail_and_whose_callers_leave_hang_nowhere_and_get_nothing_stale() -> None:
    stress = Stress()
    assert stress.run() == []
    assert not stress.cache._flights
    assert min(stress.failed, stress.left, stress.answered) > 100  # or nothing was tried
