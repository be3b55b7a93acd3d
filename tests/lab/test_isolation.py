"""Attacks on the wall between tenants find a hole where there is one."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, func, select

from carenotes import CareStats, StatsQuery, open_database
from carenotes.aggregators import AGGREGATORS, pushdown
from carenotes.lab.notes.isolation import attacked, attacks
from carenotes.lab.notes.workload import Population, population
from carenotes.models import CareNote


@pytest.fixture(scope="module")
def who(seeded: str) -> Population:
    with open_database(seeded, read_only=True).connect() as connection:
        return population(connection)


@pytest.mark.parametrize("name", AGGREGATORS)
def test_no_attack_comes_through(seeded_for: Callable[[str], str], who: Population, name: str) -> None:
    with open_database(seeded_for(name), read_only=True).connect() as connection:
        found = attacked(connection, AGGREGATORS[name], who)
    facilities = len(who.sizes)
    assert found == {"queries": facilities + 2 * (len(who.tenants) + 2), "wrong": 0}


def test_every_note_is_asked_for_twice_and_some_queries_have_nothing_to_find(who: Population) -> None:
    wanted = [notes for _, notes in attacks(who)]
    assert sum(wanted) == 2 * who.notes
    assert wanted.count(0) >= len(who.tenants) + 4


def without_tenant(connection: Connection, query: StatsQuery) -> CareStats:
    """Counts everybody's notes of the facilities that are asked for."""
    some = query.facility_ids
    of_facility = [] if some is None else [CareNote.facility_id.in_(some)]
    return CareStats(connection.scalar(select(func.count()).where(CareNote.id > 0, *of_facility)) or 0, 0, {}, {}, {})


def without_facilities(connection: Connection, query: StatsQuery) -> CareStats:
    return pushdown(connection, StatsQuery(query.tenant_id, query.first_day, query.last_day))


@pytest.mark.parametrize("leaking", [without_tenant, without_facilities])
def test_a_leak_is_found(seeded: str, who: Population, leaking) -> None:  # type: ignore[no-untyped-def]
    with open_database(seeded, read_only=True).connect() as connection:
        assert attacked(connection, leaking, who)["wrong"] > len(who.tenants)
