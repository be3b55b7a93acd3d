"""Faults that a cache must survive, each as a trial of any cache: what went wrong, or nothing.

Time is virtual but where threads or somebody else's clock need the real one.
"""

import asyncio
import gc
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from carenotes.queries import StatsQuery
from carenotes.studies.cache import virtual_time
from carenotes.studies.cache.caches import Cached, Make

DAY = date(2026, 2, 10)
QUERY = StatsQuery.on(3, DAY)
BOUND, MANY = 200, 400  # entries allowed, and distinct queries asked
FLAT = 200  # bytes a further query may leave behind; a lock alone takes more
_PATIENCE = 20_000.0  # virtual seconds after which an answer is taken to never come
NO_WAY_TO_TELL = "has no call for it"


class Loader:
    """A load that takes so many seconds, and counts how often it was asked; its answer is its count."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.seconds, self.loads = seconds, 0

    async def __call__(self, _query: StatsQuery) -> int:
        """Take the time; the number of this load."""
        self.loads += 1
        number = self.loads  # read at the start, as a database would
        await asyncio.sleep(self.seconds)
        return number


def _make(make: Make, load: Any, ttl: float = 3_600.0) -> Cached:
    return make(load, ttl, BOUND)


async def _callers(cached: Cached, number: int) -> list["asyncio.Task[Any]"]:
    """So many callers of one query, its load begun and not ended."""
    callers = [asyncio.ensure_future(cached.get(QUERY)) for _ in range(number)]
    await asyncio.sleep(1)
    return callers


async def _ended(*callers: "asyncio.Task[Any]") -> list[Any]:
    return await asyncio.wait_for(asyncio.gather(*callers, return_exceptions=True), _PATIENCE)


async def _stampede(make: Make) -> str:
    loader = Loader()
    await _ended(*await _callers(_make(make, loader), 1_000))
    return "" if loader.loads == 1 else f"{loader.loads:,} loads"


async def _one_leaves(make: Make, who: int) -> str:
    loader = Loader()
    callers = await _callers(_make(make, loader), 11)
    callers.pop(who).cancel()
    answers = await _ended(*callers)
    lost = [answer for answer in answers if not isinstance(answer, int)]
    if lost:
        return f"{len(lost)} of the 10 others get {type(lost[0]).__name__}"
    return "" if loader.loads == 1 else f"{loader.loads} loads"


async def _first_leaves(make: Make) -> str:
    return await _one_leaves(make, 0)


async def _follower_leaves(make: Make) -> str:
    return await _one_leaves(make, 5)


async def _all_leave(make: Make) -> str:
    loader = Loader()
    cached = _make(make, loader)
    for caller in await _callers(cached, 10):
        caller.cancel()
    await asyncio.sleep(20)
    await asyncio.wait_for(cached.get(QUERY), _PATIENCE)
    return "" if loader.loads == 1 else "what was under way is lost"


async def _error(make: Make) -> str:
    loads = 0

    async def fail(_query: StatsQuery) -> int:
        nonlocal loads
        loads += 1
        await asyncio.sleep(10)
        raise OSError("no database")

    cached = _make(make, fail)
    seen = await _ended(*await _callers(cached, 50))
    if not all(isinstance(one, OSError) for one in seen):
        return "not every caller saw the error"
    if loads != 1:
        return f"{loads} failing loads in turn" if loads == len(seen) else f"{loads} failing loads"
    await _ended(asyncio.ensure_future(cached.get(QUERY)))
    return "" if loads == 2 else "the error is kept"


async def _overtaken(make: Make) -> str:
    loader = Loader()
    cached = _make(make, loader)
    if cached.forget is None:
        return NO_WAY_TO_TELL
    early = await _callers(cached, 1)
    await cached.forget(QUERY)
    late = await asyncio.wait_for(cached.get(QUERY), _PATIENCE)
    await _ended(*early)
    if late == 1:
        return "a later call gets the stale answer"
    return "" if await cached.get(QUERY) == 2 else "the stale answer is kept"


async def _old_after_new(make: Make) -> str:
    loader = Loader(100)
    cached = _make(make, loader)
    if cached.forget is None:
        return NO_WAY_TO_TELL
    early = await _callers(cached, 1)
    loader.seconds = 1
    await cached.forget(QUERY)
    await asyncio.wait_for(cached.get(QUERY), _PATIENCE)
    await _ended(*early)
    return "" if await cached.get(QUERY) == 2 else "the older answer replaced the newer"


async def _hangs(make: Make) -> str:
    loader = Loader(1e9)
    cached = _make(make, loader)
    [caller] = await _callers(cached, 1)
    caller.cancel()
    loader.seconds = 1
    await asyncio.sleep(60)
    try:
        await asyncio.wait_for(cached.get(QUERY), 60)
    except TimeoutError:
        return "later calls hang as well"
    return ""


async def _asks_itself(make: Make) -> str:
    cached: Cached

    async def load(query: StatsQuery) -> Any:
        return await cached.get(query)

    cached = _make(make, load)
    try:
        await asyncio.wait_for(cached.get(QUERY), 60)
    except TimeoutError:
        return "hangs"
    except RecursionError:
        return "goes down until the stack ends"
    except Exception:  # whatever it says, it says something
        return ""
    return "no error"


async def _raises_at_once(make: Make) -> str:
    broken = True

    async def load(_query: StatsQuery) -> int:
        if broken:
            raise OSError("no database")
        return 1

    cached = _make(make, load)
    with suppress(OSError):
        await cached.get(QUERY)
    broken = False
    try:
        return "" if await asyncio.wait_for(cached.get(QUERY), 60) == 1 else "another answer"
    except (TimeoutError, OSError) as error:
        return f"the next call: {type(error).__name__}"


async def _keys(make: Make) -> str:
    async def load(query: StatsQuery) -> StatsQuery:
        return query

    cached = _make(make, load)
    sets = [None, [1], [2], [1, 2], [12], [-1], range(1, 1_000), [2**63 - 1]]
    for _ in range(2):
        for tenant in (1, 11, -1, 0, 12, 2**63 - 1):
            for some in sets:
                asked = StatsQuery.on(tenant, DAY, some)
                if await cached.get(asked) != asked:
                    return "a query gets the answer of another"
    return ""


async def _many(make: Make) -> str:
    async def load(_query: StatsQuery) -> int:
        return 0

    cached = _make(make, load)

    async def ask(first: int) -> int:
        for number in range(first, first + MANY):
            await cached.get(StatsQuery(number, DAY, DAY + timedelta(days=1)))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = await ask(0)
        left = (await ask(MANY) - before) / MANY
    finally:
        tracemalloc.stop()
    return "" if left < FLAT else f"{left:,.0f} bytes more for each further query"


def _two_loops(make: Make) -> str:
    loader = Loader(0.05)
    cached = _make(make, loader)
    seen: list[object] = []
    begin = threading.Barrier(2)

    async def one() -> None:
        begin.wait()
        began = time.monotonic()
        answer = await asyncio.wait_for(cached.get(QUERY), 0.6)
        seen.append(answer if time.monotonic() - began < 0.4 else TimeoutError())

    def thread() -> None:
        try:
            asyncio.run(one())
        except Exception as error:  # it is what the trial is after
            seen.append(error)

    threads = [threading.Thread(target=thread) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    wrong = [one for one in seen if isinstance(one, Exception)]
    if any(isinstance(one, TimeoutError) for one in wrong):
        return "one of them is never woken"
    return f"one of them gets {type(wrong[0]).__name__}" if wrong else ""


def _wall_clock(make: Make) -> str:
    loader = Loader(0.0)
    real = time.time

    async def main() -> str:
        cached = _make(make, loader, ttl=0.1)
        await cached.get(QUERY)
        with patch("time.time", lambda: real() + 3_600):
            await cached.get(QUERY)
        if loader.loads != 1:
            return "an hour forward: a fresh answer is thrown away"
        with patch("time.time", lambda: real() - 3_600):
            await asyncio.sleep(0.15)
            await cached.get(QUERY)
        return "" if loader.loads == 2 else "an hour back: an answer outlives its time"

    return asyncio.run(main())


def _virtual(trial: Callable[[Make], Coroutine[Any, Any, str]]) -> Callable[[Make], str]:
    def tried(make: Make) -> str:
        try:
            return virtual_time.run(trial(make))
        except asyncio.CancelledError:
            return "a later caller gets CancelledError"
        except virtual_time.NothingLeftError:
            return "hangs"
        except TimeoutError:
            return "callers hang"

    return tried


FAULTS: Mapping[str, Callable[[Make], str]] = MappingProxyType(
    {
        "1,000 callers of a cold key": _virtual(_stampede),
        "the first caller leaves": _virtual(_first_leaves),
        "a follower leaves": _virtual(_follower_leaves),
        "every caller leaves": _virtual(_all_leave),
        "the load raises": _virtual(_error),
        "an invalidation in mid-load": _virtual(_overtaken),
        "two threads with a loop each": _two_loops,
        "many distinct queries": _virtual(_many),
        "an old load ends after a newer": _virtual(_old_after_new),
        "a load that hangs": _virtual(_hangs),
        "a load that asks for its own key": _virtual(_asks_itself),
        "a load that raises at once": _virtual(_raises_at_once),
        "the wall clock jumps": _wall_clock,
        "odd tenants and facilities": _virtual(_keys),
    }
)


def tried(make: Make) -> dict[str, str]:
    """What each fault does to a cache: nothing, or what went wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about being used in two loops: that is the trial
        return {fault: trial(make) for fault, trial in FAULTS.items()}
