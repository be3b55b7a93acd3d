"""Exact against approximate: the nodes' sets of patients as roaring bitmaps, and as sketches of fewer bytes or more.

The sketch is HyperLogLog, written out: a library's would hide its registers, and what DuckDB has gives a count and no
state that could be kept in a node. Source: Flajolet, Fusy, Gandouet and Meunier, HyperLogLog (2007); the estimator is
Ertl's, New cardinality estimation algorithms for HyperLogLog sketches (2017), which needs no table of corrections.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, select
from typing_extensions import override

from carenotes.lab.conditions import Condition, condition
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.workload import query_stream
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.workers import TIMED, Configuration, Maker
from carenotes.queries import StatsQuery
from carenotes.rollup.node import BitMap
from carenotes.rollup.tables import NODES
from carenotes.rollup.tree import cover, every

EXACT = "roaring bitmaps, exact"  # a `sketch`
REGISTERS = (256, 1_024, 4_096)  # of a sketch, a byte each
QUERIES = 32  # about all facilities
_TIMES = 4  # that a sample answers them

Nodes = Sequence[bytes]  # the patients of each node of a query, as they are kept


def of_registers(number: int) -> str:
    """The name of the sketch with so many registers."""
    return f"HyperLogLog, {number:,} registers"


def kept(notes: SeededNotes, random_seed: int, days: int) -> list[Nodes]:
    """For each query, the sets of patients of the nodes that the pyramid answers it from."""
    queries = query_stream(notes.population, random_seed, 4 * QUERIES, days)
    asked = list(dict.fromkeys(StatsQuery(one.tenant_id, one.first_day, one.last_day) for one in queries))[:QUERIES]
    of = NODES.c
    wanted = (of.tenant_id == bindparam("tenant"), of.facility_id == 0, of.node.in_(bindparam("nodes", expanding=True)))
    with notes.engine(notes.best_design).connect() as connection:
        found = []
        for one in asked:
            nodes = [every(node) for node in cover([(one.first_day.toordinal(), one.last_day.toordinal())])]
            rows = connection.execute(select(of.patients).where(*wanted), {"tenant": one.tenant_id, "nodes": nodes})
            found.append(rows.scalars().all())
    return found


def experiment(notes: SeededNotes, random_seed: int, days: int) -> Experiment:
    """Distinct patients of each query: from the bitmaps of its nodes, and from sketches of the same sets."""
    of_each = kept(notes, random_seed, days)
    exact = condition(sketch=EXACT)
    makers: dict[Condition, Maker] = {exact: partial(Union, of_each)}
    makers |= {condition(sketch=of_registers(number)): partial(Merge, of_each, number) for number in REGISTERS}
    right = [str(len(union(one))) for one in of_each]

    def digests(of: Condition, _round: int, part: int) -> list[str] | None:
        return right * (_TIMES if part == TIMED else 1) if of == exact else None

    return Experiment(makers, digests, baseline=exact)


def union(sets: Nodes) -> Any:
    """The union of bitmaps that are read first."""
    return BitMap.union(*map(BitMap.deserialize, sets)) if sets else BitMap()


class Union(Configuration):
    """Bitmaps are read and united, and those in the union counted."""

    def __init__(self, of_each: Sequence[Nodes]) -> None:
        self._of_each, self._times = of_each, 1
        self._found: list[int] = []

    @override
    def warm_up(self, round_number: int, part: int) -> None:
        self._times = _TIMES if part == TIMED else 1
        self.units = self._times * len(self._of_each)

    @override
    def run(self) -> None:
        self._found = [len(union(one)) for _ in range(self._times) for one in self._of_each]

    @override
    def digests(self) -> Sequence[str] | None:
        return [str(one) for one in self._found]


class Merge(Union):
    """The same by sketches: registers are read, the highest of each taken, and the number estimated."""

    def __init__(self, of_each: Sequence[Nodes], registers: int) -> None:
        super().__init__([[sketch(one, registers).tobytes() for one in nodes] for nodes in of_each])
        self._registers = registers

    @override
    def run(self) -> None:
        self._found = [
            round(estimated(merged(one, self._registers))) for _ in range(self._times) for one in self._of_each
        ]

    @override
    def digests(self) -> None:
        """What is approximate is not compared with what is right."""


def sketch(patients: bytes, registers: int) -> NDArray[np.uint8]:
    """The registers of a set: in each the most zeros, and one more, that a hash begins with."""
    bits = registers.bit_length() - 1
    hashes = _hashed(np.array(BitMap.deserialize(patients), np.uint64))
    places = (hashes >> np.uint64(64 - bits)).astype(np.int64)
    rest = hashes & np.uint64((1 << (64 - bits)) - 1)
    highest = np.frexp(rest.astype(np.float64))[1]  # how many binary digits it has: rounded up at most by one in 2**52
    found = np.zeros(registers, np.uint8)
    np.maximum.at(found, places, (64 - bits - highest + 1).astype(np.uint8))
    return found


def merged(sets: Nodes, registers: int) -> NDArray[np.uint8]:
    """The registers of the union of sets."""
    if not sets:
        return np.zeros(registers, np.uint8)
    found: NDArray[np.uint8] = np.frombuffer(b"".join(sets), np.uint8).reshape(-1, registers).max(axis=0)
    return found


def _hashed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sixty-four bits that look drawn, from each number. Source: Steele, Lea and Flood, SplitMix64 (2014)."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def estimated(registers: NDArray[np.uint8]) -> float:
    """How many there are in a set, from its registers."""
    number = len(registers)
    most = 64 - (number.bit_length() - 1)
    counts = np.bincount(registers, minlength=most + 2).tolist()
    if counts[0] == number:
        return 0.0
    found = number * _tau(1 - counts[most + 1] / number)
    for count in reversed(counts[1 : most + 1]):
        found = 0.5 * (found + count)
    found += number * _sigma(counts[0] / number)
    return number * number / (2 * math.log(2) * found)


def _sigma(share: float) -> float:
    power, found, before = 1.0, share, -1.0
    while found != before:
        share, before = share * share, found
        found += share * power
        power += power
    return found


def _tau(share: float) -> float:
    if share in (0.0, 1.0):
        return 0.0
    power, found, before = 1.0, 1 - share, -1.0
    while found != before:
        share, before, power = math.sqrt(share), found, power * 0.5
        found -= (1 - share) ** 2 * power
    return found / 3


def errors(notes: SeededNotes, random_seed: int, days: Sequence[int]) -> dict[str, dict[str, float]]:
    """Of each sketch, the root mean square and the largest of its relative errors over queries of all these days."""
    of_each = [one for some in days for one in kept(notes, random_seed, some) if one]
    right = np.array([len(union(one)) for one in of_each], float)
    found = {}
    for number in REGISTERS:
        sketches = ([sketch(one, number).tobytes() for one in nodes] for nodes in of_each)
        guessed = np.array([estimated(merged(one, number)) for one in sketches])
        away = guessed / right - 1
        found[of_registers(number)] = {
            "root mean square": round(float(np.sqrt(np.mean(away**2))), 5),
            "largest": round(float(np.abs(away).max()), 5),
            "exact": round(float(np.mean(np.round(guessed) == right)), 5),
        }
    return found
