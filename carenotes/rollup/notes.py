"""The notes of a tenant as columns of codes and numbers, a chunk at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import BigInteger, and_, bindparam, func, literal_column, select, true, tuple_, type_coerce

from carenotes.aggregators.notes_of import of_tenant
from carenotes.backends.expressions import DayNumber, Nested, pairs_in, spans_in
from carenotes.errors import null_in
from carenotes.models import CareNote
from carenotes.rollup.node import Kept, Sum
from carenotes.rollup.nodes import Names, Nodes, Notes, Numbers, distinct, leaves
from carenotes.rollup.tables import PATIENTS
from carenotes.rollup.tree import Span, moments

_DAYS = and_(of_tenant(), CareNote.created_at.between(bindparam("first_moment"), bindparam("last_moment")))
_COLUMNS: tuple[Any, ...] = (
    type_coerce(CareNote.facility_id, BigInteger).label("facility_id"),
    DayNumber(CareNote.created_at).label("day"),
    CareNote.category.label("category"),
    type_coerce(CareNote.priority, BigInteger).label("priority"),
    CareNote.patient_id.label("patient_id"),
)
COLUMNS = select(*_COLUMNS).where(_DAYS).limit(bindparam("most"))
_NUMBERED = (PATIENTS.c.tenant_id == CareNote.tenant_id) & (PATIENTS.c.patient_id == CareNote.patient_id)
_SPANS = spans_in("spans")
# Those of marked leaves, by their facilities and days; each with the number that its patient has, 0 where it has none.
MARKED = (
    select(*_COLUMNS, func.coalesce(PATIENTS.c.number, 0).label("number"))
    .select_from(Nested(_SPANS, CareNote.__table__, true()).outerjoin(PATIENTS, _NUMBERED))
    .where(of_tenant(), CareNote.created_at.between(_SPANS.c.first, _SPANS.c.last))
    .where(tuple_(*_COLUMNS[:2]).in_(pairs_in("marked")))
)
_SOME = select(literal_column("1").label("one")).select_from(CareNote).where(_DAYS).limit(bindparam("most")).subquery()
COUNTED = select(func.count().label("notes")).select_from(_SOME)


def of_days(tenant_id: int, span: Span) -> dict[str, Any]:
    """The values of a statement about a tenant's notes of some days."""
    first, last = moments(span)
    return {"tenant_id": tenant_id, "first_moment": first, "last_moment": last}


class Codes:
    """Codes for what a tenant's notes hold, given out as it is met, and the numbers of its patients."""

    def __init__(self, patients: dict[str, int], next_number: int) -> None:
        self._facilities: dict[int, int] = {}
        self._categories: dict[str, int] = {}
        self._priorities: dict[int, int] = {}
        self._patients = patients
        self.next_number = next_number
        self.new_patients: dict[str, int] = {}

    @property
    def names(self) -> Names:
        """What they stand for."""
        facilities, priorities = (np.array([*one], np.int64) for one in (self._facilities, self._priorities))
        return Names(facilities, [*self._categories], priorities, self.next_number)

    def leaves(self, table: pa.Table) -> Nodes:
        """The leaves of notes, as `COLUMNS` has them. Raises Refused where one of these is NULL."""
        for name in table.column_names:
            if table[name].null_count:
                raise null_in(name)
        facility = _of_integers(_values(table, "facility_id"), self._facilities)
        categories, names = _of_texts(table, "category")
        by_name = _codes(names, self._categories)
        patients, texts = _of_texts(table, "patient_id")
        if "number" in table.column_names:
            self._know(patients, texts, _values(table, "number"))
        self._number(patients, texts, facility)
        notes = Notes(
            facility,
            _values(table, "day"),
            by_name[categories],
            _of_integers(_values(table, "priority"), self._priorities),
            np.array([self._patients[one] for one in texts], np.int64)[patients],
        )
        return leaves(notes, self.names)

    def few_leaves(self, notes: Iterable[Any]) -> Iterator[tuple[tuple[int, int], Kept]]:
        """The leaves of few notes, rows as `MARKED` has them: each its facility and day, and what is kept."""
        for key, some in groupby(sorted(notes), key=itemgetter(0, 1)):  # by facilities: see `_number`
            categories, priorities, patients, numbers = zip(*(one[2:] for one in some), strict=True)
            numbered = map(self._number_of, patients, numbers)
            yield key, Sum.of(Counter(categories), Counter(priorities), numbered).kept(of_all=False)

    def _number_of(self, patient: str, known: int) -> int:
        if known:
            return known
        if patient not in self._patients:
            self._patients[patient] = self.new_patients[patient] = self.next_number
            self.next_number += 1
        return self._patients[patient]

    def _know(self, patients: Numbers, texts: list[str], numbers: Numbers) -> None:
        """Take over the numbers that patients have already."""
        known = np.zeros(len(texts), np.int64)
        known[patients] = numbers
        self._patients.update((text, number) for text, number in zip(texts, known.tolist(), strict=True) if number)

    def _number(self, patients: Numbers, texts: list[str], facility: Numbers) -> None:
        """Give numbers to patients that have none, those of a facility in a row: so their sets are short."""
        if not any(one not in self._patients for one in texts):
            return
        pairs = distinct(facility * len(texts) + patients, (int(facility.max()) + 1) * len(texts))
        for place in (pairs % len(texts)).tolist():
            self._number_of(texts[place], 0)


def _values(table: pa.Table, name: str) -> Numbers:
    return _integers(table[name].combine_chunks())


def _integers(values: pa.Array) -> Numbers:
    """As NumPy has them. Not by `to_numpy`: that loads pandas, which takes longer than to build a small tenant."""
    held = values.cast(pa.int64())
    return np.frombuffer(held.buffers()[1], np.int64, len(held), held.offset * 8)


def _of_texts(table: pa.Table, name: str) -> tuple[Numbers, list[str]]:
    """The texts of a column, and for each row which of them it holds."""
    held = table[name].combine_chunks().dictionary_encode()
    return _integers(held.indices), held.dictionary.to_pylist()


def _of_integers(values: Numbers, known: dict[int, int]) -> Numbers:
    lowest = int(values.min())
    width = int(values.max()) - lowest + 1
    if width > 1 << 20:
        found, place = np.unique(values, return_inverse=True)
        return _codes(found.tolist(), known)[place]
    held = distinct(values - lowest, width)
    codes = np.zeros(width, np.int64)
    codes[held] = _codes((held + lowest).tolist(), known)
    return codes[values - lowest]


def _codes(values: Iterable[Any], known: dict[Any, int]) -> Numbers:
    return np.array([known.setdefault(one, len(known)) for one in values], np.int64)
