"""A queue of changes is one cache's own: after a drain its answers are those of the notes, whoever writes meanwhile."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import Engine, delete, event, insert, select, update

from carenotes import AGGREGATORS, CareStats, Refused, StatsQuery
from carenotes.backends import create_database
from carenotes.backends.upkeep import upkeep_of
from carenotes.cache import QueryCache
from carenotes.changes import drain, mark, mark_notes, subscribe, unsubscribe
from carenotes.designs import prepare
from carenotes.models import CareNote
from carenotes.rollup.building import build
from carenotes.rollup.refreshing import refresh
from tests.rollup.kept import DAY, marks, note, write
from tests.rollup.test_refreshing import FACILITIES, OFFSETS, TENANTS_MET, Killed, some_ids, some_notes, worker

Cache = QueryCache[StatsQuery, CareStats]
QUERIES = [
    StatsQuery(tenant, DAY + timedelta(days=first), DAY + timedelta(days=last), some)
    for tenant in TENANTS_MET
    for first, last in ((0, 0), (0, 3), (2, 17), (4, 5_000))
    for some in (None, [1], [2, 3])
]


def truth(engine: Engine, query: StatsQuery) -> CareStats:
    with engine.connect() as connection:
        return AGGREGATORS["naive"](connection, query)


def cache_of(engine: Engine, aggregator: str = "pushdown") -> Cache:
    def ask(query: StatsQuery) -> CareStats:
        with engine.connect() as connection:
            return AGGREGATORS[aggregator](connection, query)

    async def load(query: StatsQuery) -> CareStats:
        return await asyncio.to_thread(ask, query)

    return QueryCache(load, ttl=3_600)


def held(cache: Cache) -> dict[StatsQuery, CareStats]:
    found = {query: cache.peek(query) for query in QUERIES}
    return {query: one.answer for query, one in found.items() if one is not None}


async def subscribed(engine: Engine, *names: str) -> None:
    """Queues in which there is nothing yet."""
    for name in names:
        subscribe(engine, name)
        assert await drain(engine, name, cache_of(engine)) == 1


async def filled(engine: Engine, *queries: StatsQuery) -> Cache:
    cache = cache_of(engine)
    for query in queries or QUERIES:
        await cache.get(query)
    return cache


def test_exactly_what_a_change_touches_is_thrown_away(hearing: Engine) -> None:
    async def run() -> None:
        write(hearing, note(1, tenant_id=1), note(2, DAY + timedelta(days=2), tenant_id=1, facility_id=2))
        await subscribed(hearing, "ours")
        cache = await filled(hearing)
        with hearing.begin() as connection:  # to another facility, on another day
            connection.execute(update(CareNote).where(CareNote.id == 1).values(facility_id=3))
            connection.execute(update(CareNote).where(CareNote.id == 2).values(priority=1))
        assert await drain(hearing, "ours", cache) == 3
        changed = {(1, 1, DAY), (1, 3, DAY), (1, 2, DAY + timedelta(days=2))}
        touched = {
            query
            for query in QUERIES
            for tenant, facility, day in changed
            if query.tenant_id == tenant
            and query.first_day <= day <= query.last_day
            and (query.facility_ids is None or facility in query.facility_ids)
        }
        assert held(cache).keys() == {*QUERIES} - touched
        assert 0 < len(touched) < len(QUERIES) / 2
        assert await drain(hearing, "ours", cache) == 0

    asyncio.run(run())


def test_no_consumer_takes_marks_away_from_another(hearing: Engine) -> None:
    async def run() -> None:
        write(hearing, note(1, tenant_id=1))
        await subscribed(hearing, "one", "other")
        subscribe(hearing, "one")  # again: it is there
        prepare(hearing, "rollup")
        one, other = await filled(hearing), await filled(hearing)
        write(hearing, note(2, tenant_id=1))
        assert await drain(hearing, "one", one) == 1
        assert len(marks(hearing)) == 1  # the rollup's
        refresh(hearing)
        assert await drain(hearing, "other", other) == 1
        assert held(one) == held(other)
        unsubscribe(hearing, "one")
        prepare(hearing, "none")  # the queue is no design
        write(hearing, note(3, tenant_id=1))
        assert await drain(hearing, "other", other) == 1
        with pytest.raises(Refused, match="there is no queue one, or not all of it; subscribe to it first"):
            await drain(hearing, "one", one)
        unsubscribe(hearing, "other")
        unsubscribe(hearing, "other")
        write(hearing, note(4, tenant_id=1))

    asyncio.run(run())


def test_an_answer_that_was_read_before_the_change_is_not_kept_after_the_drain(hearing: Engine) -> None:
    """Its load began before, and ends after: who waits gets it, the cache does not."""

    async def run() -> None:
        write(hearing, note(1, tenant_id=1))
        await subscribed(hearing, "ours")
        ask, read, go_on = cache_of(hearing)._load, asyncio.Event(), asyncio.Event()

        async def load(query: StatsQuery) -> Any:
            found = await ask(query)
            read.set()
            await go_on.wait()
            return found

        cache: Cache = QueryCache(load, ttl=3_600)
        early = asyncio.create_task(cache.get(QUERIES[0]))
        await read.wait()
        write(hearing, note(2, tenant_id=1))
        await drain(hearing, "ours", cache)
        go_on.set()
        assert (await early).total_notes == 1
        assert (await cache.get(QUERIES[0])).total_notes == 2

    asyncio.run(run())


def test_marks_stay_until_the_cache_has_been_told_all_of_them(hearing: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        await subscribed(hearing, "ours")
        cache = await filled(hearing)
        write(hearing, note(1, tenant_id=1), note(2, tenant_id=2))
        told: list[Any] = []

        async def dies(*scope: Any) -> None:
            told.append(scope)
            if len(told) == 2:
                raise OSError(28, "no space")
            await QueryCache.invalidate(cache, *scope)

        with monkeypatch.context() as patch:
            patch.setattr(cache, "invalidate", dies)
            with pytest.raises(OSError, match="no space"):
                await drain(hearing, "ours", cache)
        assert await drain(hearing, "ours", cache) == 2
        assert all(found == truth(hearing, query) for query, found in held(cache).items())
        assert len(held(cache)) < len(QUERIES)

    asyncio.run(run())


def test_where_all_notes_are_truncated_nothing_is_left(hearing: Engine) -> None:
    if hearing.dialect.name != "postgresql":
        pytest.skip("there is no TRUNCATE")

    async def run() -> None:
        write(hearing, note(1, tenant_id=1))
        await subscribed(hearing, "ours")
        cache = await filled(hearing)
        with hearing.begin() as connection:
            connection.exec_driver_sql("TRUNCATE care_notes")
        assert await drain(hearing, "ours", cache) == 1
        assert held(cache) == {}

    asyncio.run(run())


@pytest.mark.parametrize("by_hand", [lambda it: mark(it, 1, 1, DAY), lambda it: mark_notes(it, DAY, date.max)])
def test_what_is_marked_by_hand_reaches_every_queue_and_the_rollup(hearing: Engine, by_hand: Any) -> None:
    async def run() -> None:
        write(hearing, note(1, tenant_id=1), note(2, DAY - timedelta(days=1), tenant_id=1))
        prepare(hearing, "rollup")
        await subscribed(hearing, "one", "other")
        with hearing.begin() as connection:
            by_hand(connection)
        assert marks(hearing) == {(1, 1, DAY)}
        for name in ("one", "other"):
            assert await drain(hearing, name, await filled(hearing)) == 1

    asyncio.run(run())


def test_a_queue_that_lost_a_trigger_is_refused_and_made_anew(hearing: Engine) -> None:
    name = "carenotes_queue_ours_marks_"
    gone = {"sqlite": f"{name}deleted", "postgresql": f"{name}delete ON care_notes"}[hearing.dialect.name]

    async def run() -> None:
        await subscribed(hearing, "ours")
        cache = await filled(hearing)
        with hearing.begin() as connection:
            connection.exec_driver_sql(f"DROP TRIGGER {gone}")
        with pytest.raises(Refused, match="there is no queue ours"):
            await drain(hearing, "ours", cache)
        subscribe(hearing, "ours")  # nobody knows what was deleted meanwhile
        assert await drain(hearing, "ours", cache) == 1
        assert held(cache) == {}

    asyncio.run(run())


@pytest.mark.parametrize("name", ["", "A", "1a", "a-b", "a b", "a" * 31, "a;drop", 'a"'])
def test_a_name_is_a_word(url: str, name: str) -> None:
    with pytest.raises(Refused, match="no name of a queue; allowed: a small letter"):
        subscribe(create_database(url), name)


def test_where_nothing_tells_of_changes_it_is_refused(any_url: str) -> None:
    engine = create_database(any_url)
    if upkeep_of(engine).HEARS:
        subscribe(engine, "a" * 30)
    else:
        with pytest.raises(Refused, match="nothing tells of changes there"):
            subscribe(engine, "ours")
    engine.dispose()


# Anything, in any order


class AnyOrder(RuleBasedStateMachine):
    """Writes, queries through a cache, refreshes, drains and their deaths."""

    engine: Engine
    run: Callable[[Awaitable[Any]], Any]

    @initialize()
    def begin(self) -> None:
        prepare(self.engine, "none")
        unsubscribe(self.engine, "ours")
        with self.engine.begin() as connection:
            connection.execute(delete(CareNote))
        prepare(self.engine, "rollup")
        subscribe(self.engine, "ours")
        self.cache = cache_of(self.engine, "pyramid")

    @rule(number=some_ids, one=some_notes, facilities=st.sets(st.sampled_from(FACILITIES), min_size=1))
    def replace(self, number: int, one: dict[str, Any], facilities: set[int]) -> None:
        self.query(QUERIES)
        rows = [note(number + facility) | one | {"facility_id": facility} for facility in sorted(facilities)]
        with self.engine.begin() as connection:
            connection.execute(insert(CareNote).prefix_with("OR REPLACE"), rows)

    @rule(numbers=st.sets(some_ids), one=some_notes, name=st.sampled_from(["tenant_id", "facility_id", "created_at"]))
    def correct(self, numbers: set[int], one: dict[str, Any], name: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(CareNote).where(CareNote.id.in_(numbers)).values(**{name: one[name]}))

    @rule(numbers=st.sets(some_ids))
    def remove(self, numbers: set[int]) -> None:
        with self.engine.begin() as connection:
            connection.execute(delete(CareNote).where(CareNote.id.in_(numbers)))

    @rule()
    def refresh(self) -> None:
        refresh(self.engine)

    @rule(queries=st.lists(st.sampled_from(QUERIES), min_size=1))
    def query(self, queries: list[StatsQuery]) -> None:
        for one in queries:
            self.run(self.cache.get(one))

    @rule()
    def drain(self) -> None:
        self.run(drain(self.engine, "ours", self.cache))
        for query, found in held(self.cache).items():
            assert found == truth(self.engine, query), query

    @rule(at=st.integers(1, 6))
    def killed(self, at: int) -> None:
        """The statements of a drain, or its commit."""
        sent: list[int] = []

        def stop(*_: Any) -> None:
            sent.append(1)
            if len(sent) == at:
                raise Killed

        for name in ("before_cursor_execute", "commit"):
            event.listen(self.engine, name, stop)
        try:
            self.run(drain(self.engine, "ours", self.cache))
        except Killed:
            pass
        finally:
            for name in ("before_cursor_execute", "commit"):
                event.remove(self.engine, name, stop)


@pytest.mark.slow
def test_after_anything_in_any_order_what_a_drain_leaves_is_right(url: str) -> None:
    AnyOrder.engine = create_database(url)
    case = type(
        "Case", (AnyOrder.TestCase,), {"settings": settings(max_examples=20, stateful_step_count=20, deadline=None)}
    )
    with closing(asyncio.new_event_loop()) as loop:
        AnyOrder.run = staticmethod(loop.run_until_complete)
        case().runTest()


@pytest.mark.slow
def test_with_two_writers_a_refresh_and_readers_at_once_what_a_drain_leaves_is_right(hearing: Engine) -> None:
    if hearing.dialect.name != "postgresql":
        pytest.skip("writers do not write at once there")
    queries = [
        StatsQuery(3, DAY + timedelta(days=first), DAY + timedelta(days=last), some)
        for first, last in ((0, 0), (0, 3), (2, 17), (4, 5_000))
        for some in (None, [1], [2, 3])
    ]
    assert {*FACILITIES} == {1, 2, 3}
    assert max(OFFSETS) == 5_000

    async def run() -> None:
        write(hearing, *[note(number, DAY + timedelta(days=number % 6)) for number in range(40)])
        build(hearing)
        subscribe(hearing, "ours")
        cache, failed = cache_of(upkeep_of(hearing).fresh(hearing), "pyramid"), []
        for burst in range(6):
            writers = [threading.Thread(target=worker, args=(hearing, seed, 12, failed)) for seed in (0, 1)]
            for one in writers:
                one.start()
            while any(one.is_alive() for one in writers):
                await asyncio.gather(*map(cache.get, queries), drain(hearing, "ours", cache))
                if burst % 2:
                    await asyncio.to_thread(refresh, hearing, 2)
            assert failed == []
            await drain(hearing, "ours", cache)
            for query in queries:
                found = cache.peek(query)
                assert found is None or found.answer == truth(hearing, query)
                assert await cache.get(query) == truth(hearing, query)

    asyncio.run(run())


def test_what_is_being_written_while_somebody_subscribes_is_waited_for(hearing: Engine) -> None:
    if hearing.dialect.name != "postgresql":
        pytest.skip("writers exclude each other")
    with hearing.begin() as writing:
        writing.execute(insert(CareNote), note(1, tenant_id=1))
        subscribing = threading.Thread(target=subscribe, args=(hearing, "ours"))
        subscribing.start()
        with hearing.connect() as other:
            held_up = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while not other.exec_driver_sql(held_up).scalar():
                other.rollback()
        assert subscribing.is_alive()
        writing.commit()
    subscribing.join()
    with hearing.connect() as connection:
        assert connection.execute(select(CareNote.id)).scalars().all() == [1]
