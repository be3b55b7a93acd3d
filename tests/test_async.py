"""An aggregator is one plain function: it answers alike through every async driver that there is."""

import asyncio
from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from carenotes import AGGREGATORS, CareStats, StatsQuery
from carenotes.aggregators import NEEDS
from carenotes.backends import backend_of, create_database, open_async_pool
from carenotes.designs import prepare
from carenotes.seeding import SeedSpec, load

QUERIES = [StatsQuery(1, date(2026, 6, 25), date(2026, 6, 30), some) for some in (None, [1], [1, 2])]


async def answers(url: str, name: str) -> list[CareStats]:
    """Every query four times, all at once, over two connections."""
    pool = open_async_pool(url, 2)

    async def ask(query: StatsQuery, on: AsyncEngine = pool) -> CareStats:
        async with on.connect() as connection:
            return await connection.run_sync(AGGREGATORS[name], query)

    found = await asyncio.gather(*[ask(query) for query in QUERIES * 4])
    await pool.dispose()
    return found


@pytest.mark.parametrize("name", AGGREGATORS)
def test_through_an_async_driver_answers_are_the_oracles(any_url: str, name: str) -> None:
    backend = backend_of(any_url)
    if not backend.HAS_ASYNC:
        pytest.skip(f"{backend.NAME} has no async driver")
    if not NEEDS[name].design.possible_on(backend.NAME.lower()):
        pytest.skip(f"{backend.NAME} cannot have the design {NEEDS[name].design.name}")
    engine = create_database(any_url)
    load(engine, SeedSpec(1_500, tenants=2, facilities=3, patients=5, days=10))
    prepare(engine, NEEDS[name].design)
    with engine.connect() as connection:
        truth = [AGGREGATORS["naive"](connection, query) for query in QUERIES]
    engine.dispose()
    assert asyncio.run(answers(any_url, name)) == truth * 4
    assert truth[0].total_notes > 0
