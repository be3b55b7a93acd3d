"""Attacks on the wall between tenants: queries whose right answers hold no note of anybody else."""

from collections.abc import Iterator

from sqlalchemy import Connection

from carenotes.aggregators import Aggregator
from carenotes.lab.notes.workload import Population
from carenotes.queries import StatsQuery


def attacked(connection: Connection, ask: Aggregator, who: Population) -> dict[str, int]:
    """How many queries were asked, and how many of their answers held more or fewer notes than they must."""
    held = [ask(connection, query).total_notes == notes for query, notes in attacks(who)]
    return {"queries": len(held), "wrong": held.count(False)}


def attacks(who: Population) -> Iterator[tuple[StatsQuery, int]]:
    """Queries over all days, and how many notes there are to count.

    Each tenant whole; each of its facilities, which have the numbers of others' facilities; the facilities that only
    others have; and tenants that are not there, asked for what others have.
    """
    everywhere = {facility for _, facility in who.sizes}
    nobody = [min(who.tenants) - 1, max(who.tenants) + 1]
    for tenant, notes in {**who.tenants, **dict.fromkeys(nobody, 0)}.items():
        yield StatsQuery(tenant, who.first_day, who.last_day), notes
        own = set(who.facilities(tenant))
        for facility in own:
            yield StatsQuery(tenant, who.first_day, who.last_day, [facility]), who.sizes[tenant, facility]
        yield StatsQuery(tenant, who.first_day, who.last_day, (everywhere - own) or {max(everywhere) + 1}), 0
