"""Does the cache stay flat? `python benchmarks/caching.py [QUERIES]` asks so many different ones (default 1,000,000).

Bars: after the first tenth, resident memory grows by less than 5 MB, and no flight, fence or index entry beyond the
kept answers is left over. The price of a miss through the whole machinery is told as well.
"""

import asyncio
import sys
import time
from datetime import date, timedelta
from pathlib import Path

from carenotes import QueryCache, StatsQuery

BOUND = 10_000
_DAY = date(2026, 1, 1)


async def main(queries: int) -> None:
    """Ask, measure and print."""

    async def load(query: StatsQuery) -> int:
        return query.tenant_id

    cache: QueryCache[StatsQuery, int] = QueryCache(load, ttl=3_600, max_entries=BOUND)
    began, after_a_tenth = time.perf_counter(), 0
    for number in range(queries):
        await cache.get(StatsQuery.on(number % 5_000, _DAY + timedelta(days=number // 5_000)))
        if number == queries // 10:
            after_a_tenth = resident()
    each = (time.perf_counter() - began) / queries
    grown = (resident() - after_a_tenth) / 1e6
    left = len(cache._flights), len(cache._fences), len(cache._entries), sum(map(len, cache._of_tenant.values()))
    print(f"{queries:,} different queries: {1e6 * each:.1f} us a miss, memory grew by {grown:.1f} MB")  # noqa: T201
    print(f"left over: {left[0]} flights, {left[1]} fences; kept: {left[2]:,} answers, {left[3]:,} keys by tenant")  # noqa: T201
    if grown > 5 or left != (0, 0, BOUND, BOUND):
        sys.exit("not flat")


def resident() -> int:
    """Resident memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


if __name__ == "__main__":
    asyncio.run(main(int([*sys.argv[1:], "1000000"][0])))
