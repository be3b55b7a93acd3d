"""Versions of a tenant's data, and the fences that keep an older one out."""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar

from carenotes.queries import StatsQuery

Answer = TypeVar("Answer")
FINEST = 16  # fences finer than a tenant that are remembered for it


@dataclass(frozen=True, slots=True)
class Versioned(Generic[Answer]):
    """An answer, and the version of the tenant's data that it was read from, in the same snapshot.

    Versions of a tenant rise with each writing transaction. A load may return its answer so, or bare.
    """

    answer: Answer
    version: int


@dataclass(frozen=True, slots=True)
class Scope:
    """What an invalidation is about: a tenant, and of it some facilities and days, or all (None)."""

    tenant_id: Hashable
    facility_ids: frozenset[int] | None = None
    days: tuple[date, ...] | None = None

    @classmethod
    def of(
        cls, tenant_id: Hashable, facility_ids: Iterable[int] | None = None, days: Iterable[date] | None = None
    ) -> "Scope":
        """The scope of these facilities and days; an empty set of either is no scope: ValueError."""
        some = None if facility_ids is None else frozenset(facility_ids)
        then = None if days is None else tuple(sorted(set(days)))
        for name, given in (("facility_ids", some), ("days", then)):
            if given is not None and not given:
                raise ValueError(f"{name} is empty: name at least one, or None for all")
        return cls(tenant_id, some, then)

    def overlaps(self, key: Any) -> bool:
        """Whether the answer to `key` may depend on what changed. A key that tells nothing of itself always may."""
        if not isinstance(key, StatsQuery):
            return getattr(key, "tenant_id", self.tenant_id) == self.tenant_id
        if key.tenant_id != self.tenant_id:
            return False
        named = self.facility_ids, key.facility_ids
        if None not in named and self.facility_ids.isdisjoint(key.facility_ids):  # type: ignore[union-attr, arg-type]
            return False
        return self.days is None or any(key.first_day <= day <= key.last_day for day in self.days)


@dataclass(slots=True)
class _Fence:
    tenant: int | None = None  # the version that every answer about the tenant must have
    finer: deque[tuple[Scope, int]] = field(default_factory=deque)


class Fences:
    """The versions below which an answer is known to be out of date. They outlive the entries that they were for."""

    def __init__(self) -> None:
        self._fences: dict[Hashable, _Fence] = {}

    def raise_to(self, scope: Scope, version: int) -> None:
        """Answers that overlap `scope` are now out of date below `version`."""
        fence = self._fences.setdefault(scope.tenant_id, _Fence())
        if scope.facility_ids is None and scope.days is None:
            fence.tenant = _higher(fence.tenant, version)
            return
        fence.finer.append((scope, version))
        if len(fence.finer) > FINEST:  # the oldest becomes a fence for the whole tenant: coarser, and still right
            fence.tenant = _higher(fence.tenant, fence.finer.popleft()[1])

    def keep_out(self, key: Any, version: int) -> bool:
        """Whether an answer to `key` of this version is known to be out of date."""
        fence = self._fences.get(getattr(key, "tenant_id", None))
        if fence is None:
            return False
        if fence.tenant is not None and version < fence.tenant:
            return True
        return any(version < needed and scope.overlaps(key) for scope, needed in fence.finer)

    def __len__(self) -> int:
        return sum(len(fence.finer) + (fence.tenant is not None) for fence in self._fences.values())


def _higher(one: int | None, other: int) -> int:
    return other if one is None else max(one, other)
