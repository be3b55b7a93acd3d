"""Numbers for tenants and facilities whose ids are texts. Two names never share a number, nor a name and an old id."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from carenotes.backends.bulk.arrow import column, strings
from carenotes.errors import Failed
from carenotes.models import CareNote, FacilityName, TenantName

_LAST = 2**31 - 1
Key = tuple[int, str]  # a tenant's number (0 where tenants themselves are numbered), and a name to the letter


class Names:
    """Numbers by name within groups; a new name gets the number above the highest that its group has."""

    def __init__(self, known: dict[Key, int], highest: dict[int, int]) -> None:
        self._known = known
        self._highest = highest

    def numbers(self, groups: Iterable[int], names: Iterable[str]) -> tuple[list[int], list[tuple[int, int, str]]]:
        """The number of each name, and the names that are new: group, number, name. Failed when none is left."""
        keys = list(zip(groups, names, strict=True))
        new = [(key[0], self._add(key), key[1]) for key in dict.fromkeys(keys) if key not in self._known]
        return [self._known[key] for key in keys], new

    def _add(self, key: Key) -> int:
        number = max(0, self._highest.get(key[0], 0)) + 1
        if number > _LAST:
            raise Failed(f"no number is left for the name {key[1]!r}: {_LAST} is in use, and the highest there is")
        self._known[key] = self._highest[key[0]] = number
        return number


class Numbering:
    """The ids of one file's tenants and facilities as numbers: themselves, or those of their names."""

    def __init__(self, tenants: Names | None, facilities: Names | None) -> None:
        self._tenants = tenants
        self._facilities = facilities

    def numbers(self, tenants: Sequence[str], facilities: Sequence[str]) -> tuple[list[int], list[int], dict[str, Any]]:
        """The numbers of tenants and of facilities, row by row, and the new names as rows of their tables."""
        new: dict[str, Any] = {}
        if self._tenants is None:
            owners = _plain(tenants)
        else:
            owners, added = self._tenants.numbers([0] * len(tenants), tenants)
            new |= _rows(TenantName.__tablename__, {"tenant_id": [one[1] for one in added]}, added)
        if self._facilities is None:
            return owners, _plain(facilities), new
        places, added = self._facilities.numbers(owners, facilities)
        ids = {"tenant_id": [one[0] for one in added], "facility_id": [one[1] for one in added]}
        return owners, places, new | _rows(FacilityName.__tablename__, ids, added)


def read_numbering(session: Session, plain: Mapping[str, bool]) -> Numbering:
    """The numbering that a database has, and whether ids are names at all.

    They are when a value of their column is no `plain` number, or when the database has names of the kind already:
    a 7 may then be a name of old, and a new one must not meet a number that was given out.
    """
    tenants, facilities = None, None
    if not plain["tenant_id"] or session.scalars(select(TenantName.tenant_id).limit(1)).first() is not None:
        known = {(0, name): number for number, name in session.execute(select(TenantName.tenant_id, TenantName.name))}
        highest = [session.scalar(select(func.max(one))) or 0 for one in (CareNote.tenant_id, TenantName.tenant_id)]
        tenants = Names(known, {0: max(highest)})
    if not plain["facility_id"] or session.scalars(select(FacilityName.facility_id).limit(1)).first() is not None:
        stored = session.execute(select(FacilityName.tenant_id, FacilityName.name, FacilityName.facility_id))
        facilities = Names({(tenant, name): number for tenant, name, number in stored}, _highest_facilities(session))
    return Numbering(tenants, facilities)


def _highest_facilities(session: Session) -> dict[int, int]:
    highest: dict[int, int] = {}
    for table in (CareNote, FacilityName):
        query = select(table.tenant_id, func.max(table.facility_id)).group_by(table.tenant_id)
        for tenant, number in session.execute(query):
            highest[tenant] = max(number, highest.get(tenant, number))
    return highest


def _plain(values: Sequence[str]) -> list[int]:
    known = {one: int(one) for one in set(values)}
    return [known[one] for one in values]


def _rows(table: str, ids: Mapping[str, list[int]], added: Sequence[tuple[int, int, str]]) -> dict[str, Any]:
    if not added:
        return {}
    arrays = [column(np.array(numbers, np.int32), pa.int32()) for numbers in ids.values()]
    return {table: pa.Table.from_arrays([*arrays, strings([one[2] for one in added])], names=[*ids, "name"])}
