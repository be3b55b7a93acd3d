"""The worker's side of cache hits: hits in a row, of any cache, by keys of three kinds."""

from collections.abc import Callable, Coroutine
from typing import Any

from typing_extensions import override

from carenotes.lab.runner.loops import loop_of_worker
from carenotes.lab.runner.workers import TIMED, Configuration
from carenotes.queries import CareStats, StatsQuery
from carenotes.studies.cache.caches import CACHES

FLOOR = "dict and awaited no-op"  # in the place of a cache
SAME, EQUAL, FROM_REQUEST = "same key", "equal key", "key from a request"
TTL = 3_600.0
BOUND = 10_000


class Hits(Configuration):
    """Hits in a row: each awaits the same answer, by a key that `key` gives.

    Every answer must be the one that the first look-up gave, and that one is compared with the oracle's: to compare
    each would cost as much as a hit.
    """

    def __init__(self, cache: str, key: str, query: StatsQuery, answer: CareStats, hits: int) -> None:
        self._query, self._hits = query, hits
        self._get = _get_of(cache, query, answer)
        self._key = _key_of(key, query)
        self._last: Any = None

    @override
    def warm_up(self, _round: int, part: int) -> None:
        self.units = self._hits if part == TIMED else max(1, self._hits // 10)
        loop_of_worker().run(self._one())

    @override
    def run(self) -> None:
        loop_of_worker().run(self._same() if self._key is None else self._each(self._key))

    async def _one(self) -> None:
        self._last = await self._get(self._query)

    async def _same(self) -> None:
        get, query, answer = self._get, self._query, None
        for _ in range(self.units):
            answer = await get(query)
        self._last = answer

    async def _each(self, key: Callable[[], StatsQuery]) -> None:
        get, answer = self._get, None
        for _ in range(self.units):
            answer = await get(key())
        self._last = answer

    @override
    def digests(self) -> list[str]:
        """Of the last answer."""
        return [self._last.digest()]


def _get_of(cache: str, query: StatsQuery, answer: CareStats) -> Callable[[StatsQuery], Coroutine[Any, Any, Any]]:
    async def load(_query: StatsQuery) -> CareStats:
        return answer

    if cache != FLOOR:
        return CACHES[cache](load, TTL, BOUND).get
    kept = {query: answer}

    async def look_up(key: StatsQuery) -> CareStats:
        return kept[key]

    return look_up


def _key_of(key: str, query: StatsQuery) -> Callable[[], StatsQuery] | None:
    if key == SAME:
        return None
    some, day = query.facility_ids, type(query.first_day).fromisoformat
    equal = StatsQuery(query.tenant_id, query.first_day, query.last_day, some)
    tenant, first, last = str(query.tenant_id), str(query.first_day), str(query.last_day)
    return (lambda: equal) if key == EQUAL else (lambda: StatsQuery(int(tenant), day(first), day(last), some))
