"""The faults that the cache survives, and caches that do not: each trial has been seen to find what it looks for."""

import asyncio
from collections.abc import Hashable
from typing import Any

import pytest

from carenotes.queries import StatsQuery
from carenotes.studies.cache.caches import CACHES, CHECKED_ONCE, ORIGINALS, OURS, WITHOUT_LOCK, Cached, Load, Make
from carenotes.studies.cache.faults import FAULTS, tried


@pytest.mark.parametrize("fault", FAULTS)
def test_the_cache_survives(fault: str) -> None:
    assert FAULTS[fault](CACHES[OURS]) == ""


def test_the_originals_scheme_survives_half_of_them() -> None:
    found = tried(CACHES[ORIGINALS])
    assert {fault for fault, said in found.items() if said} == {
        "the first caller leaves",
        "every caller leaves",
        "the load raises",
        "an invalidation in mid-load",
        "two threads with a loop each",
        "many distinct queries",
        "an old load ends after a newer",
        "a load that asks for its own key",
        "the wall clock jumps",
    }


def shared_key(load: Load, _ttl: float, _bound: int) -> Cached:
    """Digits run together: 1 and 12 are 11 and 2."""
    kept: dict[str, Any] = {}

    async def get(query: StatsQuery) -> Any:
        key = f"{query.tenant_id}{''.join(map(str, query.facility_ids or ()))}"
        if key not in kept:
            kept[key] = await load(query)
        return kept[key]

    return Cached(get)


def keeps_tasks(load: Load, _ttl: float, _bound: int) -> Cached:
    """The load's task is the entry: its error stays, and so does one that hangs."""
    kept: dict[Hashable, asyncio.Task[Any]] = {}

    async def get(query: StatsQuery) -> Any:
        if query not in kept:
            kept[query] = asyncio.ensure_future(load(query))
        return await asyncio.shield(kept[query])

    return Cached(get)


@pytest.mark.parametrize(
    ("make", "fault", "said"),
    [
        (WITHOUT_LOCK, "1,000 callers of a cold key", "1,000 loads"),
        (CHECKED_ONCE, "1,000 callers of a cold key", "1,000 loads"),
        (CACHES["theine"], "a follower leaves", "InvalidStateError"),
        (CACHES["aiocache"], "an invalidation in mid-load", "stale"),
        (CACHES["cashews"], "an old load ends after a newer", "the older answer replaced the newer"),
        (shared_key, "odd tenants and facilities", "the answer of another"),
        (keeps_tasks, "the load raises", "the error is kept"),
        (keeps_tasks, "a load that raises at once", "OSError"),
        (keeps_tasks, "a load that hangs", "later calls hang as well"),
        (keeps_tasks, "many distinct queries", "bytes more"),
    ],
)
def test_the_trials_find_what_they_look_for(make: Make, fault: str, said: str) -> None:
    assert said in FAULTS[fault](make)
