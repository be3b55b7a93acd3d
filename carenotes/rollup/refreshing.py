"""Refresh: the leaves that are marked, made anew from notes, and the nodes above them; so a mark is worked off.

It may be killed and begun again anywhere, and others may write meanwhile: what it takes from the log it has done when
it commits, and what is written after it looked has marks of its own.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, bindparam, delete, func, select, true, tuple_, update
from sqlalchemy.exc import DBAPIError

from carenotes.aggregators.notes_of import of_tenant
from carenotes.backends import shown, told_plainly
from carenotes.backends.expressions import among, pairs_in
from carenotes.backends.upkeep import upkeep_of
from carenotes.backends.upkeep.columns import as_columns
from carenotes.compiled import rows_of, send
from carenotes.errors import Refused
from carenotes.rollup.node import BitMap, Kept, Sum, check_installed, grown
from carenotes.rollup.notes import MARKED, Codes
from carenotes.rollup.tables import MARKS, META, NEW_TENANT, NODES, PATIENTS, TENANTS, Built, built, from_json
from carenotes.rollup.tree import TOP, as_times, children, every, level_of, merged, number, parent

SLICE = 64  # days of a tenant in one transaction: so long does whoever else writes to an SQLite file wait
FEW = 500  # notes up to which a loop over them is faster than columns

_OTHER_VERSION = "the rollup is of another version"
Key = tuple[int, int]  # facility_id and node

_MARKED = select(MARKS.c.tenant_id).distinct().subquery()
_TO_DO = select(META.c.built, _MARKED.c.tenant_id).outerjoin(_MARKED, true()).order_by(_MARKED.c.tenant_id)
_LOCKED = (
    select(TENANTS.c.next_number, select(META.c.built).scalar_subquery())
    .where(of_tenant(TENANTS.c.tenant_id))
    .with_for_update(of=TENANTS)
)
_DAYS = select(MARKS.c.day).where(of_tenant(MARKS.c.tenant_id)).distinct().order_by(MARKS.c.day)
_FIRST_DAYS = _DAYS.limit(bindparam("days")).subquery()
_TAKEN = (
    delete(MARKS)
    .where(of_tenant(MARKS.c.tenant_id), MARKS.c.day <= select(func.max(_FIRST_DAYS.c.day)).scalar_subquery())
    .returning(MARKS.c.facility_id, MARKS.c.day)
)
_OF_KEYS = (of_tenant(NODES.c.tenant_id), tuple_(NODES.c.facility_id, NODES.c.node).in_(pairs_in("keys")))
_READ = select(NODES.c.facility_id, NODES.c.node, NODES.c.labels, NODES.c.counts, NODES.c.patients).where(*_OF_KEYS)
_GONE = delete(NODES).where(*_OF_KEYS)
_TOPS = select(NODES.c.node, NODES.c.labels, NODES.c.counts, NODES.c.patients).where(
    of_tenant(NODES.c.tenant_id),
    NODES.c.facility_id == 0,
    NODES.c.node.between(every(number(TOP + 1, 0)), every(number(TOP, 0))),
)


def refresh(engine: Engine, days: int = SLICE) -> int:
    """Work off what the log holds, `days` of a tenant at a time; how many leaves were made anew.

    Raises Refused where there is no rollup, a half-built one or one of another version.
    """
    check_installed()
    with told_plainly(engine):
        with engine.connect() as connection:
            upkeep_of(engine).check_sees_all(connection)
            marked = _marked(connection)
        return sum(_refresh_tenant(engine, tenant_id, days) for tenant_id in marked)


def _marked(connection: Connection) -> list[int]:
    """The tenants that have marks. It is asked first, and looked for the tables only where that fails: see `usable`."""
    try:
        rows = rows_of(connection, _TO_DO, {})
    except DBAPIError:
        connection.rollback()
        usable(connection)
        raise
    _usable(connection, from_json(rows[0][0]) if rows else None)
    return [tenant_id for _, tenant_id in rows if tenant_id is not None]


def usable(connection: Connection) -> Built:
    """What stands in the tables; Refused where that is nothing that this version can use."""
    return _usable(connection, built(connection))


def _usable(connection: Connection, found: Built | None) -> Built:
    if found is None or not found.usable:
        unfinished = found is not None and not found.whole
        state = (
            "there is no rollup" if found is None else "the rollup is not finished" if unfinished else _OTHER_VERSION
        )
        raise Refused(f"{shown(connection)}: {state}; 'carenotes rollup build --database URL' makes it")
    return found


def _refresh_tenant(engine: Engine, tenant_id: int, days: int) -> int:
    done, fresh, left = 0, upkeep_of(engine).fresh(engine), True
    while left:
        with fresh.begin() as connection:
            leaves, left = refresh_some(connection, tenant_id, days)
        done += leaves
    return done


def refresh_some(connection: Connection, tenant_id: int, days: int = SLICE) -> tuple[int, bool]:
    """Work off the first marked days of a tenant; how many leaves were made anew, and whether more may be marked.

    The transaction is one of `Upkeep.fresh`: it locks the tenant first, and looks then.
    """
    of = {"tenant_id": tenant_id}
    locked = rows_of(connection, _LOCKED, of)
    if not locked:
        send(connection, NEW_TENANT, of | {"next_number": 1})
        locked = rows_of(connection, _LOCKED, of)
    next_number, said = locked[0]
    known = _usable(connection, from_json(said or ""))
    taken = {(facility, day) for facility, day in rows_of(connection, _TAKEN, of | {"days": days})}
    dirty = {key for key in taken if known.first_day <= key[1] <= known.last_day}
    if dirty:
        _Slice(connection, tenant_id, next_number, dirty).run()
    return len(dirty), len({day for _, day in taken}) == days


class _Slice:
    """Leaves of a tenant that are made anew, and what follows from them."""

    def __init__(self, connection: Connection, tenant_id: int, next_number: int, dirty: set[Key]) -> None:
        self._connection, self._of, self._dirty = connection, {"tenant_id": tenant_id}, dirty
        self._codes = Codes({}, next_number)
        self._next_number = next_number

    def run(self) -> None:
        """Write what is true now."""
        leaves, levels = self._leaves(), _levels(self._dirty)
        there = self._read(key for level in levels for key in level)
        grown = _grown(self._dirty, there, leaves)
        if grown is None:
            self._anew(levels, leaves, [there[key][-1] for key in self._dirty if key in there])
        else:
            self._write(leaves | grown)
        self._number()

    def _anew(self, levels: list[set[Key]], leaves: Mapping[Key, Kept], before: list[bytes]) -> None:
        """Make the nodes above the leaves of all that they are made of; `before` were the patients of the leaves."""
        tops = {(0, row[0]): row[1:] for row in rows_of(self._connection, _TOPS, self._of)}
        facilities = {facility for facility, _ in self._dirty} | _facilities(tops.values())
        changed = {key for level in levels for key in level}
        under = {key: _under(key, facilities) for level in levels[1:] for key in level}
        there = self._read({one for some in under.values() for one in some} - changed)
        there |= leaves
        for key, some in under.items():  # from the leaves up
            parts = [(one[0], *there[one]) for one in some if one in there]
            if parts:
                there[key] = _sum(parts).kept(of_all=key[1] < 0)
        self._write({key: there.get(key) for key in changed})
        self._erase(before, leaves, {key: there.get(key) if key in changed else kept for key, kept in tops.items()})

    def _leaves(self) -> dict[Key, Kept]:
        """The leaves that are marked, of the notes that there are."""
        spans = merged((day, day) for _, day in self._dirty)
        values = self._of | {"spans": as_times(spans), "marked": json.dumps(sorted(self._dirty))}
        notes = rows_of(self._connection, MARKED, values)
        if len(notes) <= FEW:
            return dict(self._codes.few_leaves(notes))
        rows = self._codes.leaves(as_columns(MARKED, notes)).rows(self._codes.names)
        return {row[:2]: row[2:] for row in rows}

    def _read(self, keys: Iterable[Key]) -> dict[Key, Kept]:
        found = rows_of(self._connection, _READ, self._of | {"keys": json.dumps(sorted(keys))})
        return {row[:2]: row[2:] for row in found}

    def _write(self, changed: Mapping[Key, Kept | None]) -> None:
        gone = sorted(key for key, kept in changed.items() if kept is None)
        if gone:
            send(self._connection, _GONE, self._of | {"keys": json.dumps(gone)})
        rows = [(self._of["tenant_id"], *key, *kept) for key, kept in sorted(changed.items()) if kept is not None]
        upkeep_of(self._connection).put(self._connection, NODES, rows)

    def _number(self) -> None:
        """Keep the numbers of patients that were met for the first time."""
        if self._codes.next_number == self._next_number:
            return
        rows = [(self._of["tenant_id"], *one) for one in self._codes.new_patients.items()]
        upkeep_of(self._connection).insert(self._connection, PATIENTS, rows)
        counted = {"tenant": self._of["tenant_id"], "counted": self._codes.next_number}
        send(self._connection, _COUNTED, counted)

    def _erase(self, before: list[bytes], leaves: Mapping[Key, Kept], tops: Mapping[Key, Kept | None]) -> None:
        """Forget who patients were that have no note any more. Their numbers are not given out again."""
        left = _union(before) - _union(kept[-1] for kept in leaves.values())
        if left:
            left -= _union(kept[-1] for kept in tops.values() if kept is not None)
        if left:
            send(self._connection, _ERASED, self._of | {"numbers": json.dumps([*left])})


_COUNTED = (
    update(TENANTS)
    .where(TENANTS.c.tenant_id == bindparam("tenant", type_=BigInteger))  # SQLAlchemy keeps a column's name to itself
    .values(next_number=bindparam("counted", type_=BigInteger))
)
_ERASED = delete(PATIENTS).where(of_tenant(PATIENTS.c.tenant_id), among(PATIENTS.c.number, "numbers"))


def _levels(dirty: set[Key]) -> list[set[Key]]:
    """Dirty leaves, and level by level what stands above them: each after all that it is made of."""
    days = {(0, every(day)) for _, day in dirty}
    levels, own = [dirty, days], dirty
    for _ in range(TOP):
        own = {(facility, parent(node)) for facility, node in own}
        levels += [own, {(0, every(node)) for _, node in own}]
    return levels


def _grown(dirty: set[Key], there: Mapping[Key, Kept], leaves: Mapping[Key, Kept]) -> dict[Key, Kept] | None:
    """The nodes above leaves that have only grown: each is what it was, and what has come. None if any has lost some.

    Of counts a loss could be taken away, but a set of patients does not tell who else had a note of one that is gone.
    """
    come: dict[Key, list[tuple[int, str, bytes, bytes]]] = {}
    for key in dirty:
        was, now = (_sum([(key[0], *some[key])] if key in some else []) for some in (there, leaves))
        more = now.beyond(was)
        if more is None:
            return None
        if key in leaves:
            part = (key[0], *more.kept(of_all=False))
            for above in nodes_above(key):
                come.setdefault(above, []).append(part)
    return {key: _with(key, there.get(key), parts) for key, parts in come.items()}


def _with(key: Key, was: Kept | None, come: Sequence[tuple[int, str, bytes, bytes]]) -> Kept:
    """A node that has become more."""
    if was is None:
        return _sum(come).kept(of_all=key[1] < 0)
    if len(come) == 1 and (found := grown(was, come[0])):
        return found
    return _sum([(key[0], *was), *come]).kept(of_all=key[1] < 0)


def nodes_above(leaf: Key) -> Iterator[Key]:
    """The nodes that a leaf of a facility is part of: of it and of all facilities, from the leaf up."""
    facility, node = leaf
    yield 0, every(node)
    for _ in range(TOP):
        node = parent(node)
        yield facility, node
        yield 0, every(node)


def _under(key: Key, facilities: Iterable[int]) -> list[Key]:
    """What a node that is no leaf of a facility is made of."""
    facility, node = key
    if node >= 0:
        return [(facility, one) for one in children(node)]
    if level_of(node) == 0:
        return [(one, every(node)) for one in facilities]
    return [(0, every(one)) for one in children(every(node))]


def _sum(parts: Sequence[tuple[int, str, bytes, bytes]]) -> Sum:
    found = Sum()
    found.add(parts)
    return found


def _facilities(tops: Iterable[Any]) -> set[int]:
    return set(_sum([(0, *kept) for kept in tops]).by_facility)


def _union(sets: Iterable[bytes]) -> BitMap:
    every_one = [BitMap.deserialize(one) for one in sets]
    return BitMap.union(*every_one) if every_one else BitMap()
