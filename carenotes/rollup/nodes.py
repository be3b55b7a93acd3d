"""Many nodes at once, as columns: leaves from notes, those above them, the rows that are kept. No loop over notes."""

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from carenotes.rollup.node import BitMap, packed
from carenotes.rollup.tree import FANOUT, every, number

Numbers = npt.NDArray[np.int64]
_DENSE = 128  # places for each value up to which a table of all places is faster than sorting
_SMALL = 1 << 16  # places that are always few

Row = tuple[int, int, str, bytes, bytes]  # facility_id, node, labels, counts, patients


def distinct(keys: Numbers, size: int) -> Numbers:
    """The distinct values of `keys`, which are below `size`, in order."""
    if size > max(_SMALL, _DENSE * len(keys)):
        return np.unique(keys)
    there = np.zeros(size, np.bool_)
    there[keys] = True
    return np.flatnonzero(there)


@dataclass(frozen=True)
class Tally:
    """Notes by node and something else: `counts[i]` of `code[i]` in `row[i]`, in order of row and code."""

    row: Numbers
    code: Numbers
    counts: Numbers

    @staticmethod
    def of(row: Numbers, code: Numbers, width: int, counts: Numbers | None = None) -> "Tally":
        """What rows of row, code (below `width`) and counts (1 where none are given) add up to."""
        keys, size = row * width + code, (int(row.max()) + 1) * width if len(row) else 0
        if size <= max(_SMALL, _DENSE // 8 * len(keys)):
            sums = np.bincount(keys, counts, size)  # exact up to 2**53 notes
            found = np.flatnonzero(sums)
            return Tally(found // width, found % width, sums[found].astype(np.int64))
        found, place = np.unique(keys, return_inverse=True)
        sums = np.bincount(place, counts)
        return Tally(found // width, found % width, sums.astype(np.int64))

    def moved(self, to: Numbers, width: int) -> "Tally":
        """The same with each row become another, or part of another."""
        return Tally.of(to[self.row], self.code, width, self.counts)


@dataclass(frozen=True)
class Names:
    """What codes stand for, in all nodes of a tenant that are looked at together."""

    facilities: Numbers
    categories: Sequence[str]
    priorities: Numbers
    patients: int  # their numbers are below this


@dataclass(frozen=True)
class Nodes:
    """Nodes of one level: of row i, the facility's code and the place; -1 is all facilities."""

    level: int
    facility: Numbers
    place: Numbers
    categories: Tally
    priorities: Tally
    patients: tuple[Numbers, Numbers]  # row and number, in order
    facilities: Tally | None = None  # where they are of all facilities

    def __len__(self) -> int:
        return len(self.place)

    def _moved(self, to: Numbers, names: Names) -> dict[str, Any]:
        row, patient = self.patients
        width = max(names.patients, 1)
        found = distinct(to[row] * width + patient, (int(to.max()) + 1) * width)
        return {
            "categories": self.categories.moved(to, max(len(names.categories), 1)),
            "priorities": self.priorities.moved(to, max(len(names.priorities), 1)),
            "patients": (found // width, found % width),
            "facilities": self.facilities and self.facilities.moved(to, len(names.facilities)),
        }

    def above(self, names: Names) -> "Nodes":
        """The nodes one level up."""
        place, facility, to = _numbered(self.place // FANOUT, self.facility + 1, len(names.facilities) + 1)
        return replace(self, level=self.level + 1, facility=facility - 1, place=place, **self._moved(to, names))

    def of_all(self, names: Names) -> "Nodes":
        """The nodes of all facilities, from those of each."""
        place, nothing, to = _numbered(self.place, np.zeros(len(self), np.int64), 1)
        total = np.bincount(self.categories.row, self.categories.counts, len(self)).astype(np.int64)
        by = Tally.of(to, self.facility, len(names.facilities), total)
        return replace(self, facility=nothing - 1, place=place, **self._moved(to, names) | {"facilities": by})

    def rows(self, names: Names) -> Iterator[Row]:
        """As they are kept."""
        tallies = [
            (self.categories, [json.dumps(one) for one in names.categories]),
            (self.priorities, [str(one) for one in names.priorities.tolist()]),
        ]
        if self.facilities is not None:
            tallies.append((self.facilities, [str(one) for one in names.facilities.tolist()]))
        ends = [np.searchsorted(one.row, np.arange(len(self) + 1)).tolist() for one, _ in tallies]
        labels = map("[[{}]]".format, map("],[".join, zip(*map(_labels, tallies, ends), strict=True)))
        counts = (packed([*chain.from_iterable(parts)]) for parts in zip(*map(_counts, tallies, ends), strict=True))
        facility = np.append(names.facilities, 0)[self.facility]  # -1 is the last
        node = (self.place + number(self.level, 0)).tolist()
        if self.facilities is not None:
            node = [every(one) for one in node]
        return zip(facility.tolist(), node, labels, counts, _bitmaps(*self.patients, len(self)), strict=True)


def _numbered(place: Numbers, facility: Numbers, width: int) -> tuple[Numbers, Numbers, Numbers]:
    """The distinct pairs, in order, and which of them each pair is."""
    lowest = int(place.min()) if len(place) else 0
    keys = (place - lowest) * width + facility
    size = int(keys.max()) + 1 if len(keys) else 0
    found = distinct(keys, size)
    if size <= max(_SMALL, _DENSE * len(keys)):
        at = np.zeros(size, np.int64)
        at[found] = np.arange(len(found))
        to = at[keys]
    else:
        to = np.searchsorted(found, keys)
    return found // width + lowest, found % width, to


def _labels(tally: tuple[Tally, Sequence[str]], ends: Sequence[int]) -> Iterator[str]:
    """For each row, the names of what it has."""
    one, names = tally
    named = [names[code] for code in one.code.tolist()]
    return (",".join(named[low:high]) for low, high in pairwise(ends))


def _counts(tally: tuple[Tally, Sequence[str]], ends: Sequence[int]) -> Iterator[list[int]]:
    """For each row, how many notes there are of what it has."""
    counts = tally[0].counts.tolist()
    return (counts[low:high] for low, high in pairwise(ends))


def _bitmaps(row: Numbers, patient: Numbers, rows: int) -> Iterator[bytes]:
    ends = np.searchsorted(row, np.arange(rows + 1)).tolist()
    whole = array("I")
    whole.frombytes(patient.astype(np.uint32).tobytes())
    for low, high in pairwise(ends):
        one = BitMap(whole[low:high])
        one.run_optimize()
        yield one.serialize()


@dataclass(frozen=True)
class Notes:
    """Columns of notes of one tenant."""

    facility: Numbers
    day: Numbers
    category: Numbers
    priority: Numbers
    patient: Numbers


def leaves(notes: Notes, names: Names) -> Nodes:
    """The leaves of notes, whose facility, category and priority are codes and whose patient is a number."""
    place, facility, to = _numbered(notes.day, notes.facility, max(len(names.facilities), 1))
    width = max(names.patients, 1)
    found = distinct(to * width + notes.patient, max(len(place), 1) * width)
    return Nodes(
        0,
        facility,
        place,
        Tally.of(to, notes.category, max(len(names.categories), 1)),
        Tally.of(to, notes.priority, max(len(names.priorities), 1)),
        (found // width, found % width),
    )


def concatenated(nodes: Sequence[Nodes]) -> Nodes:
    """Nodes of one level, each of another facility or place, as one."""
    starts = np.cumsum([0, *map(len, nodes)])
    one = nodes[0]

    def tally(name: str) -> Tally:
        each = [getattr(part, name) for part in nodes]
        row = np.concatenate([part.row + start for part, start in zip(each, starts, strict=False)])
        return Tally(row, np.concatenate([p.code for p in each]), np.concatenate([p.counts for p in each]))

    rows = np.concatenate([part.patients[0] + start for part, start in zip(nodes, starts, strict=False)])
    return Nodes(
        one.level,
        np.concatenate([part.facility for part in nodes]),
        np.concatenate([part.place for part in nodes]),
        tally("categories"),
        tally("priorities"),
        (rows, np.concatenate([part.patients[1] for part in nodes])),
        None if one.facilities is None else tally("facilities"),
    )
