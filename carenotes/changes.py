"""Queues of what has changed: the days of facilities whose notes were written to, for whoever wants to know.

Each consumer has a queue of its own, by a name of its own, which triggers of its own write: a mark leaves a queue when
that consumer is done with it, whoever else is told of the same change. A rollup has one, which its refresh works off;
a cache of answers can have another.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, Connection, Engine, Index, MetaData, Table, delete, insert, inspect, select

from carenotes.backends import shown, told_plainly
from carenotes.backends.expressions import DayNumber
from carenotes.backends.upkeep import upkeep_of
from carenotes.cache import QueryCache
from carenotes.errors import Refused
from carenotes.models import CareNote

_LOG = re.compile("carenotes_.*_marks")  # the name of a log: of a queue, or of a rollup
_NAME = re.compile("[a-z][a-z0-9_]{0,29}")  # it becomes part of the names of a table, an index and triggers


class Change(NamedTuple):
    """Whose notes have changed. All three are None where those of everybody have, or may have."""

    tenant_id: int | None
    facility_id: int | None
    day: date | None


_EVERYTHING = Change(None, None, None)._asdict()


Scope = tuple[int, frozenset[int], frozenset[date]]  # a tenant, and of it some facilities and days, each with each


def subscribe(engine: Engine, name: str) -> None:
    """Have every change that is committed from now on put into the queue `name`, until `unsubscribe`.

    It waits for whoever is writing notes. Done once, it stays with the database. A queue that is there keeps what is
    in it; one that is made, also anew, begins with a mark of everybody's notes. Raises Refused for a name that is none,
    and on an engine that tells nobody of changes.
    """
    queue, upkeep = _queue(name), upkeep_of(engine)
    if not upkeep.HEARS:
        raise Refused(f"{shown(engine)}: nothing tells of changes there; a queue of them would stay empty")
    with told_plainly(engine), upkeep.fresh(engine).begin() as connection:
        if not (inspect(connection).has_table(queue.name) and upkeep.hears(connection, queue)):
            _remove(connection, queue)
            queue.create(connection)
            upkeep.hear(connection, queue, [])
            connection.execute(insert(queue).values(_EVERYTHING))  # of what was written before nobody was told
        upkeep.protect(connection, [queue])


def unsubscribe(engine: Engine, name: str) -> None:
    """Remove the queue `name` and what writes it, as far as it is there. Else it grows for as long as nobody drains."""
    with told_plainly(engine), upkeep_of(engine).fresh(engine).begin() as connection:
        _remove(connection, _queue(name))


async def drain(engine: Engine, name: str, cache: QueryCache[Any, Any]) -> int:
    """Throw away the answers of a cache that may depend on what has changed; how many marks there were.

    An answer that is got after this returned shows everything that was committed before it was called, if the loads of
    the cache read what `engine` writes, and no older copy. The marks leave the queue when all of it is done: an error,
    or a kill, leaves them there. A queue is for one cache: what one has drained, another is not told. Raises Refused
    where there is no such queue, or something that fills it was removed.
    """
    loop = asyncio.get_running_loop()

    def invalidate(scope: Scope | None) -> None:
        work = cache.invalidate_all() if scope is None else cache.invalidate(*scope)
        asyncio.run_coroutine_threadsafe(work, loop).result()

    return await asyncio.to_thread(_drain, engine, name, invalidate)


def _drain(engine: Engine, name: str, invalidate: Callable[[Scope | None], None]) -> int:
    queue, upkeep = _queue(name), upkeep_of(engine)
    with told_plainly(engine), upkeep.fresh(engine).begin() as connection:
        if not (inspect(connection).has_table(queue.name) and upkeep.hears(connection, queue)):
            raise Refused(f"{shown(engine)}: there is no queue {name}, or not all of it; subscribe to it first")
        changes = [*_taken(connection, queue)]
        for scope in [None] if any(one.day is None for one in changes) else _scopes(changes):
            invalidate(scope)
    return len(changes)


def _taken(connection: Connection, queue: Table) -> Iterator[Change]:
    """What is in a queue, which leaves it when the transaction commits."""
    of = queue.c
    gone = delete(queue).returning(of.tenant_id, of.facility_id, of.day)
    for tenant_id, facility_id, day in connection.execute(gone).all():
        yield Change(tenant_id, facility_id, None if day is None else date.fromordinal(max(day, 1)))


def _scopes(changes: Iterable[Change]) -> Iterator[Scope]:
    """The same as few scopes: facilities of a tenant with the same days are one."""
    days: dict[tuple[Any, Any], set[Any]] = defaultdict(set)
    for one in changes:
        days[one.tenant_id, one.facility_id].add(one.day)
    facilities: dict[tuple[Any, frozenset[Any]], set[Any]] = defaultdict(set)
    for (tenant_id, facility_id), some in days.items():
        facilities[tenant_id, frozenset(some)].add(facility_id)
    for (tenant_id, then), several in facilities.items():
        yield tenant_id, frozenset(several), then


def mark(connection: Connection, tenant_id: int, facility_id: int, day: date) -> None:
    """Say that the notes of a day have changed, to all queues and a rollup, in the transaction that changes them.

    For what no trigger sees. Nothing else is done, so that writers do not wait for each other.
    """
    for log in _logs(connection):
        connection.execute(insert(log).values(tenant_id=tenant_id, facility_id=facility_id, day=day.toordinal()))


def mark_notes(connection: Connection, first_day: date, last_day: date) -> None:
    """The same of all days of facilities that have notes in a period, of whichever tenant.

    For a partition that is about to be detached, dropped or truncated: to be called before that, in the same
    transaction; and for one that was attached, after.
    """
    of = CareNote.__table__.c
    first, last = datetime.combine(first_day, time.min), datetime.combine(last_day, time.max)
    found = select(of.tenant_id, DayNumber(of.created_at), of.facility_id).where(of.created_at.between(first, last))
    for log in _logs(connection):
        names = [log.c.tenant_id, log.c.day, log.c.facility_id]
        connection.execute(insert(log).from_select(names, found.distinct()))


def _logs(connection: Connection) -> list[Table]:
    return [_table(name) for name in inspect(connection).get_table_names() if _LOG.fullmatch(name)]


def _queue(name: str) -> Table:
    if not _NAME.fullmatch(name):
        raise Refused(f"{name!r}: no name of a queue; allowed: a small letter, then up to 29 of a to z, 0 to 9 and _")
    return _table(f"carenotes_queue_{name}_marks")


def _table(name: str) -> Table:
    columns = [Column(one, BigInteger) for one in ("tenant_id", "day", "facility_id")]
    return Table(name, MetaData(), *columns, Index(f"{name}_days", *columns))


def _remove(connection: Connection, queue: Table) -> None:
    upkeep_of(connection).silence(connection, queue)
    queue.drop(connection, checkfirst=True)
