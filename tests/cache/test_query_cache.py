"""What QueryCache promises beyond surviving: who shares what, how long, and what it never keeps."""

import asyncio
import math
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carenotes import QueryCache, StatsQuery
from carenotes.cache import Versioned
from carenotes.cache.flights import Flight
from carenotes.studies.cache import virtual_time

DAY = date(2026, 2, 10)
ASKED = StatsQuery.on(3, DAY)


class Source:
    """A database that can be watched: its loads take time, and read what is there when they begin."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.seconds, self.loads, self.value = seconds, 0, "old"

    async def load(self, _key: object) -> str:
        self.loads += 1
        read = self.value
        await asyncio.sleep(self.seconds)
        return read


def cache_of(load: Callable[..., Any], **settings: Any) -> QueryCache[Any, Any]:
    """A cache on the clock of the running loop."""
    return QueryCache(load, clock=asyncio.get_running_loop().time, **settings)


def in_virtual_time(test: Callable[[], Any]) -> Callable[[], None]:
    def ran() -> None:
        virtual_time.run(test())

    ran.__name__, ran.__doc__ = test.__name__, test.__doc__
    return ran


@in_virtual_time
async def test_an_answer_is_given_for_its_time_counted_from_the_beginning_of_its_load() -> None:
    source = Source(seconds=10)
    cache = cache_of(source.load, ttl=60)
    assert await cache.get(ASKED) == "old"  # begun at 0, there at 10
    await asyncio.sleep(49.5)
    assert await cache.get(ASKED) == "old"
    assert source.loads == 1
    await asyncio.sleep(0.5)  # at 60
    assert cache.peek(ASKED) is None
    await cache.get(ASKED)
    assert source.loads == 2


@in_virtual_time
async def test_a_look_tells_the_age_and_where_the_answer_came_from() -> None:
    cache = cache_of(Source(seconds=10).load)
    first = await cache.lookup(ASKED)
    assert (first.answer, first.age, first.source) == ("old", 10, "load")
    await asyncio.sleep(5)
    again = await cache.lookup(ASKED)
    assert (again.answer, again.age, again.source) == ("old", 15, "hit")
    assert cache.peek(ASKED) == again


@in_virtual_time
async def test_a_peek_loads_nothing_and_counts_nothing() -> None:
    source = Source()
    cache = cache_of(source.load)
    assert cache.peek(ASKED) is None
    assert source.loads == 0
    assert cache.statistics().misses == 0


@in_virtual_time
async def test_equal_queries_share_an_answer_however_they_were_written() -> None:
    source = Source()
    cache = cache_of(source.load)
    await cache.get(StatsQuery.on(3, DAY, [2, 1, 1]))
    await cache.get(StatsQuery(3, DAY, DAY, iter((1, 2))))
    assert source.loads == 1


@in_virtual_time
async def test_a_load_that_nobody_waits_for_any_more_is_ended_at_its_deadline_and_leaves_nothing() -> None:
    source = Source(seconds=1_000)
    cache = cache_of(source.load, ttl=5_000, finish_abandoned=30)
    before = asyncio.all_tasks()
    with suppress(TimeoutError):
        await asyncio.wait_for(cache.get(ASKED), 1)
    await asyncio.sleep(29)
    assert len(asyncio.all_tasks() - before) == 1
    await asyncio.sleep(2)
    assert asyncio.all_tasks() == before
    assert cache.statistics().abandoned == 1
    source.seconds = 1
    assert await cache.get(ASKED) == "old"
    assert source.loads == 2


@in_virtual_time
async def test_it_can_be_told_to_end_abandoned_loads_at_once() -> None:
    source = Source(seconds=10)
    cache = cache_of(source.load, finish_abandoned=0)
    before = asyncio.all_tasks()
    with suppress(TimeoutError):
        await asyncio.wait_for(cache.get(ASKED), 1)
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before
    assert await cache.get(ASKED) == "old"
    assert source.loads == 2


@in_virtual_time
async def test_somebody_who_comes_back_before_the_deadline_lifts_it() -> None:
    source = Source(seconds=100)
    cache = cache_of(source.load, ttl=500, finish_abandoned=30)
    with suppress(TimeoutError):
        await asyncio.wait_for(cache.get(ASKED), 1)
    await asyncio.sleep(20)
    assert await cache.get(ASKED) == "old"
    assert source.loads == 1


@in_virtual_time
async def test_a_load_that_will_not_be_ended_is_not_kept_any_more() -> None:
    async def stubborn(_key: object) -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            await asyncio.sleep(50)
        return "old"

    cache = cache_of(stubborn, ttl=1_000, finish_abandoned=30)
    with suppress(TimeoutError):
        await asyncio.wait_for(cache.get(ASKED), 1)
    await asyncio.sleep(40)
    await cache.invalidate(3)  # it knows of no load any more that this could overtake
    await asyncio.sleep(50)
    assert cache.peek(ASKED) is None


@in_virtual_time
async def test_a_call_after_an_invalidation_never_gets_what_was_read_before_it() -> None:
    source = Source(seconds=10)
    cache = cache_of(source.load)
    early = asyncio.ensure_future(cache.get(ASKED))
    await asyncio.sleep(1)
    source.value = "new"
    await cache.invalidate(3, days=[DAY])
    assert await cache.get(ASKED) == "new"
    assert await early == "old"  # to those who waited it is as good as it was when they asked
    assert await cache.get(ASKED) == "new"
    assert cache.statistics().refused_fills == 1


@pytest.mark.parametrize(
    ("scope", "stays"),
    [
        ({"tenant_id": 4}, True),
        ({"tenant_id": 3}, False),
        ({"tenant_id": 3, "facility_ids": [2]}, False),
        ({"tenant_id": 3, "facility_ids": [3, 9]}, True),
        ({"tenant_id": 3, "days": [DAY + timedelta(days=1)]}, False),
        ({"tenant_id": 3, "days": [DAY + timedelta(days=2)]}, True),
        ({"tenant_id": 3, "facility_ids": [1], "days": [DAY - timedelta(days=1)]}, True),
    ],
)
def test_an_invalidation_throws_away_what_overlaps_and_nothing_else(scope: dict[str, Any], stays: bool) -> None:
    async def main() -> None:
        cache = cache_of(Source(0).load)
        asked = StatsQuery(3, DAY, DAY + timedelta(days=1), [1, 2])
        await cache.get(asked)
        await cache.invalidate(**scope)
        assert (cache.peek(asked) is not None) == stays

    virtual_time.run(main())


@in_virtual_time
async def test_an_invalidation_of_nothing_is_an_error_and_not_one_of_everything() -> None:
    cache = cache_of(Source(0).load)
    with pytest.raises(ValueError, match="facility_ids is empty"):
        await cache.invalidate(3, facility_ids=[])
    with pytest.raises(ValueError, match="days is empty"):
        await cache.invalidate(3, days=[])


@in_virtual_time
async def test_a_key_that_does_not_tell_its_tenant_is_thrown_away_by_every_invalidation() -> None:
    cache = cache_of(Source(0).load)
    await cache.get(("stats", 3))
    await cache.invalidate(99)
    assert cache.peek(("stats", 3)) is None


@in_virtual_time
async def test_everything_can_be_thrown_away_with_what_is_loading() -> None:
    source = Source(seconds=10)
    cache = cache_of(source.load)
    other, loading = StatsQuery.on(4, DAY), StatsQuery.on(5, DAY)
    for key in (ASKED, other, "a key"):
        await cache.get(key)
    early = asyncio.create_task(cache.get(loading))
    await asyncio.sleep(5)
    source.value = "new"
    await cache.invalidate_all()
    assert cache.statistics().entries == 0
    assert cache.statistics().invalidated == 3
    late = asyncio.create_task(cache.get(loading))
    assert await early == "old"
    assert cache.peek(loading) is None
    assert await late == "new"
    assert await cache.get(other) == "new"


@in_virtual_time
async def test_what_a_late_replica_says_is_given_and_not_kept() -> None:
    """It is asked after the invalidation, and still reads what was there before it."""
    versions = [5, 6]

    async def load(_key: object) -> Versioned[str]:
        version = versions.pop(0)
        return Versioned(f"version {version}", version)

    cache = cache_of(load)
    await cache.invalidate(3, days=[DAY], version=6)
    assert await cache.get(ASKED) == "version 5"
    assert cache.peek(ASKED) is None
    assert await cache.get(ASKED) == "version 6"
    assert cache.peek(ASKED) is not None


@in_virtual_time
async def test_an_older_version_never_replaces_a_newer_one_not_even_an_expired_one() -> None:
    versions = [7, 5]

    async def load(_key: object) -> Versioned[int]:
        version = versions.pop(0)
        return Versioned(version, version)

    cache = cache_of(load, ttl=60)
    assert await cache.get(ASKED) == 7
    await asyncio.sleep(61)
    assert await cache.get(ASKED) == 5
    assert cache.peek(ASKED) is None


@in_virtual_time
async def test_fences_are_few_and_outlive_entries() -> None:
    cache = cache_of(Source(0).load)
    for number in range(1_000):
        await cache.invalidate(3, days=[DAY + timedelta(days=number)], version=number)
    assert len(cache._fences) <= 17
    assert cache._fences.keep_out(StatsQuery.on(3, DAY), 0)
    assert cache._fences.keep_out(StatsQuery.on(3, DAY + timedelta(days=999)), 998)
    assert not cache._fences.keep_out(StatsQuery.on(4, DAY), 0)


@in_virtual_time
async def test_what_is_asked_for_stays_and_what_is_not_makes_room() -> None:
    cache = cache_of(Source(0).load, max_entries=3)
    queries = [StatsQuery.on(tenant, DAY) for tenant in range(5)]
    for one in queries[:3]:
        await cache.get(one)
    await cache.get(queries[0])
    await cache.get(queries[3])
    assert [cache.peek(one) is not None for one in queries] == [True, False, True, True, False]
    assert cache.statistics().evicted == 1
    assert cache.statistics().entries == 3


@in_virtual_time
async def test_statistics_add_up_and_are_told_by_tenant() -> None:
    cache = cache_of(Source().load, max_entries=2)
    for tenant in (1, 1, 1, 2, 3, 4):
        await cache.get(StatsQuery.on(tenant, DAY))
    await asyncio.gather(*[cache.get(StatsQuery.on(5, DAY)) for _ in range(10)])
    found = cache.statistics()
    assert (found.hits, found.misses, found.loads, found.entries) == (2, 14, 5, 2)
    assert found.hit_ratio == 2 / 16
    one = cache.statistics(1)
    assert (one.hits, one.misses, one.loads, one.entries) == (2, 1, 1, 0)
    five = cache.statistics(5)
    assert (five.misses, five.loads) == (10, 1)
    assert cache.statistics(77).misses == 0


@in_virtual_time
async def test_nothing_is_left_over_but_what_is_kept() -> None:
    cache = cache_of(Source(1).load, max_entries=10, ttl=1_000)
    for tenant in range(100):
        await cache.get(StatsQuery.on(tenant, DAY))
    assert (len(cache._entries), len(cache._of_tenant), len(cache._flights)) == (10, 10, 0)
    for tenant in range(100):
        await cache.invalidate(tenant)
    assert (len(cache._entries), len(cache._of_tenant), len(cache._fences)) == (0, 0, 0)


@in_virtual_time
async def test_what_took_longer_than_it_may_live_is_given_and_not_kept() -> None:
    cache = cache_of(Source(seconds=10).load, ttl=5)
    assert await cache.get(ASKED) == "old"
    assert cache.peek(ASKED) is None
    assert cache.statistics().entries == 0


@in_virtual_time
async def test_two_loads_that_ask_for_each_other_are_told_so() -> None:
    other = StatsQuery.on(4, DAY)

    async def load(key: StatsQuery) -> str:
        await asyncio.sleep(1)
        return await cache.get(other if key == ASKED else ASKED)

    cache = cache_of(load)
    both = await asyncio.gather(cache.get(ASKED), cache.get(other), return_exceptions=True)
    assert all(isinstance(one, RuntimeError) and "asks for" in str(one) for one in both)


@in_virtual_time
async def test_a_load_may_ask_the_cache_for_something_else() -> None:
    async def load(key: StatsQuery) -> int:
        return 1 if key.tenant_id == 0 else 1 + await cache.get(StatsQuery.on(key.tenant_id - 1, DAY))

    cache = cache_of(load)
    assert await cache.get(ASKED) == 4


@pytest.mark.parametrize("error", [StopIteration(), StopIteration("x"), KeyError("x")])
def test_whatever_a_load_raises_ends_its_waiters(error: Exception) -> None:
    def load(_key: object) -> Any:
        raise error

    async def main() -> None:
        cache = cache_of(load)
        with pytest.raises((RuntimeError, KeyError)):
            await cache.get(ASKED)

    virtual_time.run(main())


@in_virtual_time
async def test_a_load_that_is_not_async_is_told_so() -> None:
    cache = cache_of(lambda _key: 5)
    with pytest.raises(TypeError, match="load must be async: it returned int"):
        await cache.get(ASKED)


@in_virtual_time
async def test_a_load_that_is_cancelled_from_inside_is_an_error_and_not_a_cancellation_of_the_callers() -> None:
    async def load(_key: object) -> int:
        raise asyncio.CancelledError

    cache = cache_of(load)
    with pytest.raises(RuntimeError, match="was cancelled"):
        await cache.get(ASKED)


@in_virtual_time
async def test_a_key_that_cannot_be_hashed_is_told_so() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        await cache_of(Source().load).get(["stats", 3])


@pytest.mark.parametrize("ttl", [0, -1, -math.inf, math.nan, True, "60", None])
def test_a_time_to_live_that_is_none_is_refused(ttl: Any) -> None:
    with pytest.raises(ValueError, match=r"ttl is .*; allowed: a number of seconds above 0"):
        QueryCache(Source().load, ttl=ttl)


@pytest.mark.parametrize("bound", [0, -1, 1.5, True, None])
def test_a_bound_that_is_none_is_refused(bound: Any) -> None:
    with pytest.raises(ValueError, match=r"max_entries is .*; allowed: a whole number, 1 or more"):
        QueryCache(Source().load, max_entries=bound)


def test_what_is_no_load_is_refused() -> None:
    with pytest.raises(TypeError, match="load must be an async callable"):
        QueryCache("SELECT 1")  # type: ignore[arg-type]


def test_a_loop_that_ends_in_mid_load_strands_nobody_elsewhere() -> None:
    """Its load dies with it; who waits on another loop begins anew."""
    source = Source(seconds=0.3)
    cache: QueryCache[Any, Any] = QueryCache(source.load)
    begun, answers = threading.Event(), []

    async def impatient() -> None:
        with suppress(TimeoutError):
            caller = asyncio.ensure_future(cache.get(ASKED))
            await asyncio.sleep(0.05)
            begun.set()
            await asyncio.wait_for(caller, 0.1)

    async def patient() -> None:
        answers.append(await asyncio.wait_for(cache.get(ASKED), 5))

    first = threading.Thread(target=lambda: asyncio.run(impatient()))
    first.start()
    begun.wait()
    asyncio.run(patient())
    first.join()
    assert answers == ["old"]
    assert source.loads == 2


def test_a_loop_that_stands_still_strands_nobody_elsewhere() -> None:
    source = Source(seconds=0.05)
    cache: QueryCache[Any, Any] = QueryCache(source.load)
    still = asyncio.new_event_loop()
    caller = still.create_task(cache.get(ASKED))
    still.run_until_complete(asyncio.sleep(0.01))  # its load has begun, and goes no further
    source.value = "new"
    assert asyncio.run(cache.get(ASKED)) == "new"
    assert source.loads == 2
    assert still.run_until_complete(caller) == "old"
    still.close()
    assert asyncio.run(cache.get(ASKED)) == "new"  # what began earlier replaces nothing that began later


def test_a_loop_that_stands_still_while_others_wait_for_it_strands_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carenotes.cache.query_cache._STRANDED_CHECK", 0.01)
    source = Source(seconds=0.2)
    cache: QueryCache[Any, Any] = QueryCache(source.load)
    still = asyncio.new_event_loop()
    caller = still.create_task(cache.get(ASKED))
    answers: list[str] = []
    other = threading.Thread(target=lambda: answers.append(asyncio.run(asyncio.wait_for(cache.get(ASKED), 5))))

    async def join() -> None:
        await asyncio.sleep(0.01)
        other.start()
        while len(next(iter(cache._flights.values())).waiting) < 2:
            await asyncio.sleep(0.001)

    still.run_until_complete(join())
    other.join()
    assert answers == ["old"]
    assert source.loads == 2
    assert still.run_until_complete(caller) == "old"
    still.close()


def test_many_threads_with_a_loop_each_share_one_load() -> None:
    source = Source(seconds=0.1)
    cache: QueryCache[Any, Any] = QueryCache(source.load)
    together = threading.Barrier(8)
    answers = []

    async def ask() -> None:
        together.wait()
        answers.extend(await asyncio.gather(*[cache.get(ASKED) for _ in range(5)]))

    threads = [threading.Thread(target=lambda: asyncio.run(ask())) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers == ["old"] * 40
    assert source.loads == 1


keys = st.builds(
    lambda tenant, first, days, some: StatsQuery(tenant, DAY + timedelta(first), DAY + timedelta(first + days), some),
    st.sampled_from([0, 1, -1, 11, 2**63 - 1]),
    st.integers(0, 2),
    st.integers(0, 2),
    st.none() | st.sets(st.sampled_from([1, 11, 111, -1]), min_size=1),
)
steps = st.lists(
    st.tuples(st.just("get"), keys)
    | st.tuples(st.just("write"), keys)
    | st.tuples(st.just("wait"), st.integers(1, 40)),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(steps, st.integers(0, 15))
def test_a_call_sees_every_write_whose_invalidation_ended_before_it_and_no_other_tenants_answer(
    steps: list[tuple[str, Any]], seconds: int
) -> None:
    """Random calls, writes (each followed by its invalidation) and pauses; calls overlap."""
    writes: list[StatsQuery] = []

    def overlapping(query: StatsQuery) -> int:
        return sum(
            one.tenant_id == query.tenant_id
            and one.first_day <= query.last_day
            and query.first_day <= one.last_day
            and (None in (one.facility_ids, query.facility_ids) or bool({*one.facility_ids} & {*query.facility_ids}))  # type: ignore[misc]
            for one in writes
        )

    async def load(query: StatsQuery) -> tuple[StatsQuery, int]:
        seen = overlapping(query)
        await asyncio.sleep(seconds)
        return query, seen

    async def call(cache: QueryCache[Any, Any], query: StatsQuery) -> None:
        needed = overlapping(query)
        asked, seen = await cache.get(query)
        assert asked == query
        assert seen >= needed

    async def main() -> None:
        cache = cache_of(load, ttl=30, max_entries=4)
        calls = []
        for what, told in steps:
            if what == "get":
                calls.append(asyncio.ensure_future(call(cache, told)))
                await asyncio.sleep(0)
            elif what == "wait":
                await asyncio.sleep(told)
            else:
                writes.append(told)
                days = [told.first_day + timedelta(n) for n in range((told.last_day - told.first_day).days + 1)]
                await cache.invalidate(told.tenant_id, told.facility_ids, days)
        await asyncio.gather(*calls)
        assert not cache._flights

    virtual_time.run(main())


def test_a_loop_that_was_closed_keeps_the_answer_from_nobody_else() -> None:
    closed, open_ = asyncio.new_event_loop(), asyncio.new_event_loop()
    flight = Flight(ASKED, asyncio.new_event_loop(), 0.0, 1)
    flight.board(closed)
    waiter = flight.board(open_)
    closed.close()
    flight.land("here", "there")
    assert open_.run_until_complete(waiter) == "there"
    flight.loop.close()
    open_.close()
