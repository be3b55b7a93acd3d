"""The worker's side of the full stack: a client behind a cache that is empty when a part begins."""

from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from carenotes.cache import QueryCache
from carenotes.lab.configurations.client import Client, in_transaction
from carenotes.lab.runner.loops import loop_of_worker
from carenotes.queries import StatsQuery

_TTL = 3_600.0  # seconds: nothing goes out of date while a sample lasts


class CachingClient(Client):
    """It asks a QueryCache; what that does not have is loaded over the connection that is held."""

    named = "QueryCache"

    @override
    def take(self, queries: Sequence[StatsQuery]) -> None:
        super().take(queries)
        self._cache: QueryCache[StatsQuery, Any] = QueryCache(self._load, _TTL)

    async def _load(self, query: StatsQuery) -> Any:
        return in_transaction(self._execute, self._connection, query)

    @override
    def run(self) -> None:
        self._answers = loop_of_worker().run(self._all())

    async def _all(self) -> list[Any]:
        return [await self._cache.get(query) for query in self._queries]
