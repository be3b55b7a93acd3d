"""The caches that are compared: ours, the original's, and those a user would pick, used by their manuals."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from carenotes.cache import QueryCache
from carenotes.original.cache import OriginalCache
from carenotes.queries import StatsQuery

Load = Callable[[StatsQuery], Coroutine[Any, Any, Any]]
Get = Callable[[StatsQuery], Coroutine[Any, Any, Any]]


class Cached(NamedTuple):
    """A load behind a cache: how to ask, and how to say that an answer is out of date, if there is a way."""

    get: Get
    forget: Callable[[StatsQuery], Awaitable[Any]] | None = None


Make = Callable[[Load, float, int], Cached]  # of a load, seconds to live, and a bound on entries (where there is one)


def ours(load: Load, ttl: float, bound: int) -> Cached:
    """QueryCache."""
    cache: QueryCache[StatsQuery, Any] = QueryCache(load, ttl, max_entries=bound)

    async def forget(query: StatsQuery) -> None:
        days = [query.first_day + timedelta(days=n) for n in range((query.last_day - query.first_day).days + 1)]
        await cache.invalidate(query.tenant_id, query.facility_ids, days)

    return Cached(cache.get, forget)


def originals(load: Load, ttl: float, _bound: int) -> Cached:
    """The original's scheme: it has no bound."""
    return Cached(OriginalCache(load, ttl).get)


def async_lru(load: Load, ttl: float, bound: int) -> Cached:
    """async-lru's decorator."""
    from async_lru import alru_cache

    get = alru_cache(maxsize=bound, ttl=ttl)(_function(load))

    async def forget(query: StatsQuery) -> None:
        get.cache_invalidate(query)

    return Cached(get, forget)


def cachebox(load: Load, ttl: float, bound: int) -> Cached:
    """The decorator of cachebox, on its TTLCache."""
    from cachebox import TTLCache, cached, make_key

    get: Any = cached(TTLCache(bound, ttl))(_function(load))

    async def forget(query: StatsQuery) -> None:
        get.cache.pop(make_key(query), None)

    return Cached(get, forget)


def theine(load: Load, ttl: float, bound: int) -> Cached:
    """The decorator of theine, the query itself as the key."""
    from theine import Memoize

    get = Memoize(bound, timedelta(seconds=ttl))(_function(load))
    get.key(lambda query: query)
    return Cached(get)


def cashews(load: Load, ttl: float, bound: int) -> Cached:
    """In cashews' memory, with its lock against a stampede."""
    from cashews import Cache

    cache = Cache()
    cache.setup("mem://", size=bound)
    get = cache(ttl=ttl, key="stats:{query}", lock=True)(_function(load))

    async def forget(query: StatsQuery) -> None:
        await cache.delete_match(f"stats:{query}".lower())

    return Cached(get, forget)


def aiocache(load: Load, ttl: float, _bound: int) -> Cached:
    """In aiocache's memory, with its lease against a stampede; its memory has no bound."""
    from aiocache import cached_stampede

    decorator = cached_stampede(lease=30, ttl=ttl, key_builder=lambda _, query: repr(query))

    async def forget(query: StatsQuery) -> None:
        await decorator.cache.delete(repr(query))

    return Cached(decorator(_function(load)), forget)


def _function(load: Load) -> Load:
    async def ask(query: StatsQuery) -> Any:
        return await load(query)

    return ask


OURS, ORIGINALS = "QueryCache", "the original's"
CACHES: Mapping[str, Make] = MappingProxyType(
    {
        OURS: ours,
        ORIGINALS: originals,
        "async-lru": async_lru,
        "cachebox": cachebox,
        "theine": theine,
        "cashews": cashews,
        "aiocache": aiocache,
    }
)
# What is left of the original's scheme without its locks, and without its double-checked locking.
WITHOUT_LOCK: Make = lambda load, ttl, _: Cached(OriginalCache(load, ttl, locked=False).get)  # noqa: E731
CHECKED_ONCE: Make = lambda load, ttl, _: Cached(OriginalCache(load, ttl, double_checked=False).get)  # noqa: E731
