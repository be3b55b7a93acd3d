"""Verify: every node is what the notes say, and there are no others. It finds what came past the capture, too."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine, Select, select, union

from carenotes.aggregators.notes_of import of_tenant
from carenotes.backends import told_plainly
from carenotes.backends.upkeep import upkeep_of
from carenotes.models import CareNote
from carenotes.rollup.building import Progress, Tenant, nothing
from carenotes.rollup.node import BitMap, check_installed, labels_of, unpacked
from carenotes.rollup.notes import Codes
from carenotes.rollup.refreshing import usable
from carenotes.rollup.tables import MARKS, NODES, PATIENTS, TENANTS, Built
from carenotes.rollup.tree import Span, days_of, level_of

_TENANTS = union(select(CareNote.tenant_id).where(CareNote.tenant_id.is_not(None)), select(NODES.c.tenant_id))
_MARKED = select(MARKS.c.facility_id, MARKS.c.day).where(of_tenant(MARKS.c.tenant_id)).distinct()
_NUMBERS = select(PATIENTS.c.patient_id, PATIENTS.c.number).where(of_tenant(PATIENTS.c.tenant_id))
_GIVEN_OUT = select(TENANTS.c.next_number).where(of_tenant(TENANTS.c.tenant_id))
_NODES = select(NODES.c.facility_id, NODES.c.node, NODES.c.labels, NODES.c.counts, NODES.c.patients).where(
    of_tenant(NODES.c.tenant_id)
)

Key = tuple[int, int]  # facility_id and node


@dataclass(frozen=True)
class Wrong:
    """A node that is not what the notes say."""

    tenant_id: int
    facility_id: int | None  # None: of all facilities
    level: int
    start: date
    why: str

    def __str__(self) -> str:
        facility = "all facilities" if self.facility_id is None else f"facility {self.facility_id}"
        return f"tenant {self.tenant_id}, {facility}, level {self.level}, from {self.start}: {self.why}"


def verify(engine: Engine, progress: Progress = nothing) -> Iterator[Wrong]:
    """Every node that is wrong, tenant by tenant, each of them in one snapshot.

    What stands below a mark, or above a day with one, is not looked at: a refresh makes it anew, and until then the
    days are answered from notes. Raises Refused where there is no rollup to verify.
    """
    check_installed()
    with told_plainly(engine):
        with engine.connect() as connection:
            usable(connection)
            upkeep_of(engine).check_sees_all(connection)
            tenants = sorted(connection.execute(_TENANTS).scalars())
        for tenant_id in tenants:
            with engine.connect() as connection:
                yield from _wrong(connection, tenant_id, usable(connection), progress)


def _wrong(connection: Connection, tenant_id: int, known: Built, progress: Progress) -> Iterator[Wrong]:
    of = {"tenant_id": tenant_id}
    marked: set[tuple[int, int]] = {(facility, day) for facility, day in connection.execute(_MARKED, of)}
    there = {(facility, node): kept for facility, node, *kept in connection.execute(_NODES, of)}
    numbers: dict[str, int] = dict(connection.execute(_NUMBERS, of).all())
    right = _right(connection, tenant_id, (known.first_day, known.last_day), numbers, progress)
    for key in sorted(there.keys() | right.keys(), key=lambda key: (key[0], abs(key[1]))):
        why = _differs(there.get(key), right.get(key))
        if why is not None and not _is_marked(key, marked):
            first, _ = days_of(key[1])
            start = date.fromordinal(max(first, 1))
            yield Wrong(tenant_id, key[0] if key[1] >= 0 else None, level_of(key[1]), start, why)


def _right(
    connection: Connection, tenant_id: int, days: Span, numbers: dict[str, int], progress: Progress
) -> dict[Key, Any]:
    def read(asked: Select[Any], values: dict[str, Any]) -> Any:
        return upkeep_of(connection).columns(connection, asked, values)

    # Who has no number gets one that nobody has or had: sets with it differ.
    given_out = connection.execute(_GIVEN_OUT, {"tenant_id": tenant_id}).scalar() or 1
    codes = Codes(numbers, max([given_out, *(one + 1 for one in numbers.values())]))
    rows = Tenant(read, tenant_id, days, codes, progress).rows
    return {(facility, node): kept for facility, node, *kept in rows}


def _differs(there: Any, right: Any) -> str | None:
    if right is None:
        return "there are no notes of it"
    if there is None:
        return "it is missing"
    if _counts(there) != _counts(right):
        return f"its counts are {_told(there)}, not {_told(right)}"
    found, wanted = (BitMap.deserialize(one[-1]) for one in (there, right))
    if found != wanted:
        return f"its {len(found)} patients are not the {len(wanted)} of the notes"
    return None


def _counts(kept: Any) -> list[dict[Any, int]]:
    labels = labels_of(kept[0])
    counts = iter(unpacked(kept[1], sum(map(len, labels))))
    return [{label: next(counts) for label in some} for some in labels]


def _told(kept: Any) -> str:
    return json.dumps(_counts(kept), ensure_ascii=False)


def _is_marked(key: Key, marked: set[tuple[int, int]]) -> bool:
    first, last = days_of(key[1])
    return any(first <= day <= last for facility, day in marked if key[1] < 0 or facility == key[0])
