"""What a cache has done: counts, in all and by tenant."""

from collections.abc import Hashable
from dataclasses import dataclass, fields

MOST_TENANTS = 10_000  # that are counted apart; beyond it those who came first are counted together


@dataclass(slots=True)
class Statistics:
    """Counts since the cache was made."""

    hits: int = 0
    misses: int = 0  # calls that found no fresh answer: they began a load or joined one
    loads: int = 0
    errors: int = 0  # loads that raised
    abandoned: int = 0  # loads that were cancelled since nobody waited for them any more
    refused_fills: int = 0  # answers that were not kept since they might have been out of date
    invalidated: int = 0  # entries thrown away by `invalidate`
    evicted: int = 0  # entries that made room for others
    entries: int = 0  # now

    def add(self, other: "Statistics") -> None:
        """Count what `other` counted as well."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    @property
    def hit_ratio(self) -> float:
        """The share of calls that found a fresh answer; 0.0 when there was none."""
        calls = self.hits + self.misses
        return self.hits / calls if calls else 0.0


class ByTenant:
    """Statistics of each tenant, of a bounded number of them."""

    def __init__(self) -> None:
        self._of: dict[Hashable, Statistics] = {}
        self._others = Statistics()

    def of(self, key: object) -> Statistics:
        """The counts of the tenant that `key` is about, to be raised."""
        tenant = getattr(key, "tenant_id", None)
        found = self._of.get(tenant)
        if found is None:
            if len(self._of) >= MOST_TENANTS:
                self._others.add(self._of.pop(next(iter(self._of))))
            found = self._of[tenant] = Statistics()
        return found

    def known(self, tenant_id: Hashable) -> Statistics:
        """A copy of the counts of one tenant."""
        copy = Statistics()
        copy.add(self._of.get(tenant_id, Statistics()))
        return copy

    def all(self) -> Statistics:
        """The counts of all tenants together."""
        together = Statistics()
        for one in (self._others, *self._of.values()):
            together.add(one)
        return together
