"""How many loads identical and distinct requests at once lead to: counted, not timed."""

import asyncio
from collections.abc import Callable, Sequence

from carenotes.lab.configurations.services import Cached
from carenotes.lab.notes.stored import Notes
from carenotes.lab.runner.loops import apart
from carenotes.lab.runner.study import Study
from carenotes.queries import StatsQuery
from carenotes.studies.concurrency.experiment import DISTINCT, KEPT_IN, SAME, cached, kinds_of_queries

Loads = dict[tuple[str, str], dict[int, int]]  # by kind of queries and cache: loads by number of requests


def fact_name(number: int, queries: str, cache: str) -> str:
    """The name of the fact that says how many loads there were."""
    return f"loads/{number}/{queries}/{cache}"


@apart
def counted(study: Study, notes: Notes, requests: Sequence[int]) -> Loads:
    """How many loads so many requests at once lead to."""

    def count(number: int, kind: str, cache: str) -> int:
        def find() -> int:
            return asyncio.run(_loads(cached(notes, cache), kinds_of_queries(notes, study.random_seed, number)[kind]))

        found: int = study.fact(fact_name(number, kind, cache), find)
        return found

    return {
        (kind, cache): {number: count(number, kind, cache) for number in requests}
        for kind in (SAME, DISTINCT)
        for cache in KEPT_IN
    }


async def _loads(make: Callable[[], Cached], stream: Sequence[StatsQuery]) -> int:
    """The loads of one service when all of the stream is sent at once."""
    service = make()
    await service.begin()
    await asyncio.gather(*[service.answer(query) for query in stream])
    await service.close()
    return service.loads
