"""Queries to ask of a database: a seeded stream of distinct ones, as its tenants would ask them."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, cycle, islice
from random import Random

from sqlalchemy import Connection, func, select

from carenotes.backends.pages import id_ranges
from carenotes.errors import Refused
from carenotes.models import CareNote
from carenotes.queries import StatsQuery

_GOLDEN = (5**0.5 - 1) / 2  # the step that spreads points most evenly
_FACILITIES = (0, 1, 0, 3)  # how many facilities a query names, in turn; 0: all
_TRIES = 20  # draws for each distinct query before there are taken to be no more


@dataclass(frozen=True)
class Population:
    """Whom one can ask about: the notes of each (tenant, facility), and the days between the first and last note."""

    sizes: dict[tuple[int, int], int]
    first_day: date
    last_day: date

    @property
    def notes(self) -> int:
        """How many notes there are."""
        return sum(self.sizes.values())

    @property
    def tenants(self) -> dict[int, int]:
        """Notes of each tenant."""
        tenants: dict[int, int] = {}
        for (tenant, _), count in self.sizes.items():
            tenants[tenant] = tenants.get(tenant, 0) + count
        return tenants

    def facilities(self, tenant: int) -> list[int]:
        """The facilities of a tenant, sorted."""
        return sorted(facility for owner, facility in self.sizes if owner == tenant)


def population(connection: Connection) -> Population:
    """Read the population from the notes themselves, part by part. Raises Refused when there is no note."""
    key, moment = (CareNote.tenant_id, CareNote.facility_id), CareNote.created_at
    groups = select(*key, func.count(), func.min(moment), func.max(moment)).group_by(*key)
    sizes: dict[tuple[int, int], int] = {}
    days: list[date] = []
    for ends in id_ranges(connection):
        with connection.begin():
            found = connection.execute(groups.where(CareNote.id.between(*ends))).all()
        for tenant, facility, count, first, last in found:
            sizes[tenant, facility] = sizes.get((tenant, facility), 0) + count
            days += [first.date(), last.date()]
    if not days:
        raise Refused("the database holds no note to ask about")
    return Population(dict(sorted(sizes.items())), min(days), max(days))


def query_stream(who: Population, random_seed: int, count: int, days: int) -> list[StatsQuery]:
    """`count` distinct queries over `days` days; a longer stream begins with the shorter ones.

    Tenants come by their size, spread evenly along the stream so that every part of it has a like mix (a Kronecker
    sequence); half of the queries are about all facilities, the rest about one or three, so that their statements have
    few shapes. Few notes carry few queries: when there are no more, the stream begins again.
    """
    random = Random(f"{random_seed}/{days}")  # noqa: S311 - a repeatable draw, no secret
    by_size = _by_size(who)
    stream: dict[StatsQuery, None] = {}
    place, draws = random.random(), 0
    while len(stream) < count and draws < _TRIES * (len(stream) + 1):
        place = (place + _GOLDEN) % 1
        stream[_draw(who, random, by_size(place), _FACILITIES[len(stream) % 4], days)] = None
        draws += 1
    return list(islice(cycle(stream), count))


def _by_size(who: Population) -> Callable[[float], int]:
    """The tenant at a place between 0 and 1 of all notes."""
    tenants, sizes = zip(*sorted(who.tenants.items()), strict=True)
    ends = list(accumulate(sizes))
    return lambda place: tenants[bisect_right(ends, place * ends[-1])]


def _draw(who: Population, random: Random, tenant: int, some: int, days: int) -> StatsQuery:
    latest = max(0, (who.last_day - who.first_day).days + 1 - days)
    first_day = who.first_day + timedelta(days=random.randrange(latest + 1))
    there = who.facilities(tenant)
    facilities = random.sample(there, min(some, len(there))) if some else None
    return StatsQuery(tenant, first_day, first_day + timedelta(days=days - 1), facilities)


def any_query(connection: Connection) -> StatsQuery:
    """A query about the day of some note; about nobody's day when there is none."""
    some = select(CareNote.tenant_id, CareNote.created_at).where(
        CareNote.tenant_id.is_not(None), CareNote.created_at.is_not(None)
    )
    note = connection.execute(some.limit(1)).first()
    return StatsQuery.on(*((note.tenant_id, note.created_at.date()) if note else (1, date(2026, 1, 1))))
