"""A node as it is kept, put together with others: counts as a JSON text, patients as a bitmap of their numbers."""

import json
from collections.abc import Iterable
from typing import Any

from carenotes.errors import Refused

try:
    from pyroaring import BitMap as BitMap
except ModuleNotFoundError:  # only who uses a rollup needs it
    BitMap: Any = None  # type: ignore[no-redef]


def check_installed() -> None:
    """Raise Refused where what reads and writes bitmaps is not installed."""
    if BitMap is None:
        raise Refused("a rollup needs pyroaring; pip install 'carenotes[rollups]'")


class Sum:
    """The sum of nodes: notes by category, priority and facility, and the set of patients.

    `counts` of a node is a JSON list: categories, notes of each, priorities, notes of each, and, in a node of all
    facilities, facilities, notes of each.
    """

    def __init__(self) -> None:
        self.by_category: dict[str, int] = {}
        self.by_priority: dict[int, int] = {}
        self.by_facility: dict[int, int] = {}
        self.patients: list[BitMap] = []

    def add(self, facility_id: int, counts: str, patients: bytes) -> None:
        """Add a node of one facility, or one of all, which says whose its notes are."""
        categories, notes, priorities, of_priority, *facilities = json.loads(counts)
        _add(self.by_category, categories, notes)
        _add(self.by_priority, priorities, of_priority)
        if facilities:
            _add(self.by_facility, *facilities)
        else:
            self.by_facility[facility_id] = self.by_facility.get(facility_id, 0) + sum(notes)
        self.patients.append(BitMap.deserialize(patients))

    def add_notes(self, facility_id: int, category: str, priority: int, notes: int) -> None:
        """Add a group of notes; of their patients nothing is known here."""
        _add(self.by_category, [category], [notes])
        _add(self.by_priority, [priority], [notes])
        _add(self.by_facility, [facility_id], [notes])

    def kept(self, *, of_all: bool) -> tuple[str, bytes]:
        """The counts and the patients of the sum, as a node of one facility or of all of them."""
        by: list[dict[Any, int]] = [self.by_category, self.by_priority, *([self.by_facility] if of_all else [])]
        counts = json.dumps([part for one in by for part in ([*one], [*one.values()])], separators=(",", ":"))
        patients = self.union()
        patients.run_optimize()
        return counts, patients.serialize()

    def union(self, *others: "BitMap") -> "BitMap":
        """The numbers of all patients."""
        every = [*self.patients, *others]
        return BitMap.union(*every) if every else BitMap()


def _add(counts: dict[Any, int], keys: Iterable[Any], values: Iterable[int]) -> None:
    if not counts:
        counts.update(zip(keys, values, strict=True))
        return
    for key, value in zip(keys, values, strict=True):
        counts[key] = counts.get(key, 0) + value
