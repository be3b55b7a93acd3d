"""The worker's side of cache hits: hits in a row, of any cache, by keys of three kinds."""

from collections.abc import Callable, Coroutine
from typing import Any

from carenotes.lab.caches import CACHES, OURS
from carenotes.lab.runner.loops import loop_of_worker
from carenotes.lab.runner.workers import TIMED, Configuration
from carenotes.queries import CareStats, StatsQuery

FLOOR = "dict and awaited no-op"
SAME, EQUAL, BUILT = f"{OURS}, same key", f"{OURS}, equal key", f"{OURS}, key from a request"
TTL = 3_600.0
BOUND = 10_000


class Hits(Configuration):
    """Hits in a row: each awaits the same answer, by a key that `key` gives.

    Every answer must be the one that the first look-up gave, and that one is compared with the oracle's: to compare
    each would cost as much as a hit.
    """

    def __init__(self, cached: str, key: str, asked: StatsQuery, answer: CareStats, hits: int) -> None:
        self._asked, self._hits = asked, hits
        self._get = _get_of(cached, asked, answer)
        self._key = _key_of(key, asked)
        self._last: Any = None

    def warm_up(self, _round: int, part: int) -> None:
        """See `Configuration`."""
        self.units = self._hits if part == TIMED else max(1, self._hits // 10)
        loop_of_worker().run(self._ask())

    def run(self) -> None:
        """See `Configuration`."""
        loop_of_worker().run(self._same() if self._key is None else self._each(self._key))

    async def _ask(self) -> None:
        self._last = await self._get(self._asked)

    async def _same(self) -> None:
        get, asked, answer = self._get, self._asked, None
        for _ in range(self.units):
            answer = await get(asked)
        self._last = answer

    async def _each(self, key: Callable[[], StatsQuery]) -> None:
        get, answer = self._get, None
        for _ in range(self.units):
            answer = await get(key())
        self._last = answer

    def digests(self) -> list[str]:
        """See `Configuration`: of the last answer."""
        return [self._last.digest()]


def _get_of(cached: str, asked: StatsQuery, answer: CareStats) -> Callable[[StatsQuery], Coroutine[Any, Any, Any]]:
    async def load(_query: StatsQuery) -> CareStats:
        return answer

    if cached != FLOOR:
        return CACHES[cached](load, TTL, BOUND).get
    kept = {asked: answer}

    async def look_up(query: StatsQuery) -> CareStats:
        return kept[query]

    return look_up


def _key_of(key: str, asked: StatsQuery) -> Callable[[], StatsQuery] | None:
    if key == SAME:
        return None
    some, day = asked.facility_ids, type(asked.first_day).fromisoformat
    equal = StatsQuery(asked.tenant_id, asked.first_day, asked.last_day, some)
    tenant, first, last = str(asked.tenant_id), str(asked.first_day), str(asked.last_day)
    return (lambda: equal) if key == EQUAL else (lambda: StatsQuery(int(tenant), day(first), day(last), some))
