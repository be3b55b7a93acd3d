"""The original's own cache, written anew from its description, to rerun its tables and to put it under the same faults.

A dictionary with a time to live by the wall clock, and a lock for each key with double-checked locking. Not used
outside of that.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from carenotes.queries import StatsQuery

TTL = 30.0  # seconds
Answer = TypeVar("Answer")


class OriginalCache(Generic[Answer]):
    """The original's QueryCache around an async `load`.

    Without its locks, or with locks after which nothing is looked up a second time, to see what each does.
    """

    def __init__(
        self,
        load: Callable[[StatsQuery], Awaitable[Answer]],
        ttl: float = TTL,
        *,
        locked: bool = True,
        double_checked: bool = True,
    ) -> None:
        self._load, self._ttl, self._locked, self._double_checked = load, ttl, locked, double_checked
        self.cache: dict[str, tuple[float, Answer]] = {}
        self.locks: dict[str, asyncio.Lock] = {}

    async def get(self, query: StatsQuery) -> Answer:
        """The answer from the dictionary, or loaded under the key's lock."""
        key = _key(query)
        found = self._fresh(key)
        if found is not None:
            return found
        if not self._locked:
            return await self._store(key, query)
        if key not in self.locks:
            self.locks[key] = asyncio.Lock()
        async with self.locks[key]:
            found = self._fresh(key) if self._double_checked else None
            return found if found is not None else await self._store(key, query)

    def _fresh(self, key: str) -> Answer | None:
        if key in self.cache:
            stored, answer = self.cache[key]
            if time.time() - stored < self._ttl:
                return answer
            del self.cache[key]
        return None

    async def _store(self, key: str, query: StatsQuery) -> Answer:
        answer = await self._load(query)
        self.cache[key] = (time.time(), answer)
        return answer


def _key(query: StatsQuery) -> str:
    facilities = "_".join(map(str, query.facility_ids)) if query.facility_ids else "all"
    return f"stats_{query.tenant_id}_{facilities}_{query.first_day}"
