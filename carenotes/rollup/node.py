"""A node as it is kept, and put together with others.

What it counts is a JSON text of lists, mostly the same as in other nodes: categories, priorities and, in a node of all
facilities, facilities. How many notes there are of each are packed numbers in the same order; the patients are a
roaring bitmap of their numbers.
"""

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
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


Kept = tuple[str, bytes, bytes]  # labels, counts, patients
_WIDTHS = ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))  # bytes of a number, and how `struct` calls it


def packed(counts: Sequence[int]) -> bytes:
    """Numbers, each in as many bytes as the highest of them needs, the lowest byte first."""
    highest = max(counts, default=0)
    if highest < 256:
        return bytes(counts)
    code = next(code for width, code in _WIDTHS if highest < 256**width)
    return struct.pack(f"<{len(counts)}{code}", *counts)


def unpacked(data: bytes, numbers: int) -> tuple[int, ...]:
    """So many numbers again."""
    if len(data) == numbers:
        return tuple(data)
    return _reader(len(data), numbers)(data)


@lru_cache(4096)
def _reader(size: int, numbers: int) -> Callable[[bytes], tuple[int, ...]]:
    return struct.Struct(f"<{numbers}{dict(_WIDTHS)[size // numbers]}").unpack


@lru_cache(4096)  # mostly they are those of the node before
def labels_of(text: str) -> tuple[list[Any], ...]:
    """The categories, the priorities and, of a node of all facilities, the facilities: what is counted, in order."""
    return tuple(json.loads(text))


@lru_cache(4096)
def _labels_and_numbers(text: str) -> tuple[tuple[list[Any], ...], int]:
    """What `labels_of` reads, and how many counts there are."""
    labels = labels_of(text)
    return labels, sum(map(len, labels))


@lru_cache(4096)
def text_of(labels: tuple[tuple[Any, ...], ...]) -> str:
    """What `labels_of` reads."""
    return json.dumps(labels, separators=(",", ":"))


class Sum:
    """The sum of nodes: notes by category, priority and facility, and the set of patients."""

    def __init__(self) -> None:
        self.by_category: dict[str, int] = {}
        self.by_priority: dict[int, int] = {}
        self.by_facility: dict[int, int] = {}
        self._patients: list[BitMap] = []

    @classmethod
    def of(cls, by_category: Mapping[str, int], by_priority: Mapping[int, int], patients: Iterable[int]) -> "Sum":
        """The notes of one facility, which is named by whoever keeps the node."""
        found = cls()
        found.by_category, found.by_priority = dict(by_category), dict(by_priority)
        found._patients = [BitMap(patients)]
        return found

    def add(self, nodes: Sequence[tuple[int, str, bytes, bytes]]) -> None:
        """Add nodes, each the facility and what is kept. One of all facilities says itself whose its notes are."""
        alike: dict[str, list[tuple[int, ...]]] = {}
        for facility, text, data, patients in nodes:
            labels, numbers = _labels_and_numbers(text)
            counts = unpacked(data, numbers)
            alike.setdefault(text, []).append(counts)
            if len(labels) == 2:
                notes = sum(counts[: len(labels[0])])
                self.by_facility[facility] = self.by_facility.get(facility, 0) + notes
            self._patients.append(BitMap.deserialize(patients))
        sets: tuple[dict[Any, int], ...] = (self.by_category, self.by_priority, self.by_facility)
        for text, several in alike.items():
            totals = iter(several[0] if len(several) == 1 else map(sum, zip(*several, strict=True)))
            for sums, some in zip(sets, labels_of(text), strict=False):
                _add(sums, some, totals)

    def add_notes(self, facility_id: int, category: str, priority: int, notes: int) -> None:
        """Add a group of notes; of their patients nothing is known here."""
        _add(self.by_category, [category], iter([notes]))
        _add(self.by_priority, [priority], iter([notes]))
        _add(self.by_facility, [facility_id], iter([notes]))

    def beyond(self, other: "Sum") -> "Sum | None":
        """What must be added to another one to get this; None if that has something that this has not."""
        categories = _more(self.by_category, other.by_category)
        priorities = _more(self.by_priority, other.by_priority)
        patients = BitMap.union(BitMap(), *self._patients)
        if categories is None or priorities is None or not all(some <= patients for some in other._patients):
            return None
        return Sum.of(categories, priorities, patients)

    def kept(self, *, of_all: bool) -> Kept:
        """The sum as a node of one facility, or of all of them."""
        by: list[dict[Any, int]] = [self.by_category, self.by_priority, *([self.by_facility] if of_all else [])]
        patients = BitMap.union(*self._patients)
        patients.run_optimize()
        counts = packed([count for one in by for count in one.values()])
        return text_of(tuple(map(tuple, by))), counts, patients.serialize()

    def patients(self, others: Iterable[int] = ()) -> int:
        """How many patients there are, with some by their numbers."""
        sets = [*self._patients, BitMap(others)] if others else self._patients
        if len(sets) < 2:
            return len(sets[0]) if sets else 0
        return len(BitMap.union(*sets))


def grown(was: Kept, come: tuple[int, str, bytes, bytes]) -> Kept | None:
    """A node with what has come to a leaf under it, as `Sum` has it but for half the time; None for labels it lacks."""
    (text, data, patients), (facility, come_text, come_data, come_patients) = was, come
    places, labels, new = _places(text, come_text, facility), labels_of(text), labels_of(come_text)
    if places is None:
        return None
    counts, more = list(unpacked(data, sum(map(len, labels)))), unpacked(come_data, sum(map(len, new)))
    for place, count in zip(places, (*more, sum(more[: len(new[0])])), strict=False):  # the last is of the facility
        counts[place] += count
    there, others = BitMap.deserialize(patients), BitMap.deserialize(come_patients)
    if not others <= there:
        there |= others
        there.run_optimize()
        patients = there.serialize()
    return text, packed(counts), patients


@lru_cache(4096)
def _places(text: str, leaf: str, facility: int) -> list[int] | None:
    """Where in the counts of a node those of a leaf go, and its notes where the node is of all facilities."""
    labels = labels_of(text)
    starts = [0, *accumulate(map(len, labels))]
    try:
        of_leaf = [*labels_of(leaf), [facility]][: len(labels)]
        return [start + of.index(one) for start, of, some in zip(starts, labels, of_leaf, strict=False) for one in some]
    except ValueError:
        return None


def _add(sums: dict[Any, int], labels: Sequence[Any], counts: Iterator[int]) -> None:
    """Add as many of the counts as there are labels; the others are left."""
    if not sums:
        sums.update(zip(labels, counts))  # noqa: B905 - the labels end it, and the next count is not taken
        return
    for label, count in zip(labels, counts):  # noqa: B905
        sums[label] = sums.get(label, 0) + count


def _more(has: Mapping[Any, int], had: Mapping[Any, int]) -> dict[Any, int] | None:
    if any(has.get(label, 0) < count for label, count in had.items()):
        return None
    more = {label: count - had.get(label, 0) for label, count in has.items()}
    return {label: count for label, count in more.items() if count}
