"""The query of the dashboard and its answer: frozen values, validated once, hashable."""

import hashlib
import json
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from types import MappingProxyType
from typing import Any, Self

from carenotes.errors import null_in

PRIORITIES = (1, 2, 3, 4, 5)
_NO_NOTES = dict.fromkeys(PRIORITIES, 0)
_INT64 = 2**63


def _whole_number(name: str, value: object) -> int:
    """`value` as an int that a database can hold; `True` and `1.0` are refused, `numpy.int64(1)` is not."""
    if isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(f"{name} must be a whole number, not {value!r}") from None
    if not -_INT64 <= number < _INT64:
        raise ValueError(f"{name} must fit in 64 bits, not {number}")
    return number


def _day(name: str, value: object) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError(f"{name} must be a datetime.date, not {value!r}")
    return value


@dataclass(frozen=True, init=False, eq=False, slots=True)
class StatsQuery:
    """One query: a tenant, a first and a last UTC day (both included), optionally a set of facilities.

    `facility_ids` takes any iterable of ints and is kept sorted and unique; None means all of the tenant's.
    Raises ValueError for an empty set, for days in the wrong order and for anything that is no whole number
    or no date. There is no query without a tenant: that is where tenant isolation begins.
    """

    tenant_id: int
    first_day: date
    last_day: date
    facility_ids: tuple[int, ...] | None
    _hash: int = field(repr=False)

    def __init__(
        self, tenant_id: int, first_day: date, last_day: date, facility_ids: Iterable[int] | None = None
    ) -> None:
        keep = object.__setattr__
        keep(self, "tenant_id", _whole_number("tenant_id", tenant_id))
        keep(self, "first_day", _day("first_day", first_day))
        keep(self, "last_day", _day("last_day", last_day))
        if first_day > last_day:
            raise ValueError(f"first_day {first_day} is after last_day {last_day}")
        if facility_ids is not None:
            facility_ids = tuple(sorted({_whole_number("a facility id", one) for one in facility_ids}))
            if not facility_ids:
                raise ValueError("facility_ids is empty: name at least one facility, or None for all")
        keep(self, "facility_ids", facility_ids)
        # Hashed once: a query is a cache key, and hashing costs more than the look-up that needs it.
        keep(self, "_hash", hash((self.tenant_id, first_day, last_day, facility_ids)))

    @classmethod
    def on(cls, tenant_id: int, day: date, facility_ids: Iterable[int] | None = None) -> Self:
        """The query about a single day."""
        return cls(tenant_id, day, day, facility_ids)

    @property
    def first_moment(self) -> datetime:
        """Midnight at the start of the first day."""
        return datetime.combine(self.first_day, time.min)

    @property
    def last_moment(self) -> datetime:
        """The last microsecond of the last day: a closed end, so that `date.max` needs no day after it."""
        return datetime.combine(self.last_day, time.max)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, StatsQuery):
            return NotImplemented
        return (
            self.tenant_id == other.tenant_id
            and self.first_day == other.first_day
            and self.last_day == other.last_day
            and self.facility_ids == other.facility_ids
        )

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilt, not copied: the hash of a date differs from one process to the next.
        return StatsQuery, (self.tenant_id, self.first_day, self.last_day, self.facility_ids)


def _sorted_and_sealed(column: str, counts: Mapping[Any, int]) -> Mapping[Any, int]:
    if None in counts:
        raise null_in(column)
    keys = sorted(counts)  # mostly they are in order, and to copy is faster than to look each up
    return MappingProxyType(dict(counts) if keys == [*counts] else {key: counts[key] for key in keys})


@dataclass(frozen=True)
class CareStats:
    """The answer: counts of notes, and of distinct patients. Read-only; equal when every count is equal.

    `by_priority` always has 1..5 (and others that occur); `by_category` and `by_facility` hold only what
    occurs. Keys come sorted, so equal answers print alike. Of notes without a patient (NULL) all together count as one
    patient; raises Refused for notes without a category, a priority or a facility.
    """

    total_notes: int
    unique_patients: int
    by_category: Mapping[str, int]
    by_priority: Mapping[int, int]
    by_facility: Mapping[int, int]

    def __post_init__(self) -> None:
        keep = object.__setattr__
        keep(self, "by_category", _sorted_and_sealed("category", self.by_category))
        keep(self, "by_priority", _sorted_and_sealed("priority", {**_NO_NOTES, **self.by_priority}))
        keep(self, "by_facility", _sorted_and_sealed("facility_id", self.by_facility))

    @property
    def avg_notes_per_patient(self) -> float:
        """Notes per distinct patient; 0.0 when there is no note."""
        return self.total_notes / self.unique_patients if self.unique_patients else 0.0

    def as_json(self) -> dict[str, Any]:
        """The fields and the average as plain JSON values; keys of the mappings become strings."""
        return {
            "total_notes": self.total_notes,
            "unique_patients": self.unique_patients,
            "by_category": dict(self.by_category),
            "by_priority": {str(key): count for key, count in self.by_priority.items()},
            "by_facility": {str(key): count for key, count in self.by_facility.items()},
            "avg_notes_per_patient": self.avg_notes_per_patient,
        }

    def digest(self) -> str:
        """SHA-256 of the canonical JSON: two answers are the same exactly when their digests are."""
        canonical = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.digest())

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (dict(self.by_category), dict(self.by_priority), dict(self.by_facility))
        return CareStats, (self.total_notes, self.unique_patients, *fields)
