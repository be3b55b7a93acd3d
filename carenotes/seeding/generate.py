"""Notes out of nothing but arguments: pure, the same for any batch size, Python version and engine.

Each note draws its own four raw words from PCG64 at a place given by its number, so a batch can start anywhere
and nothing depends on what was drawn before. Only raw words and integer tables are used (and two float
operations that IEEE 754 rounds alike everywhere): NumPy promises the words, not its distributions.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from carenotes.backends.bulk.arrow import codes, column, strings
from carenotes.errors import Refused

CATEGORIES = ("medication", "observation", "treatment")
COLUMNS = (
    "tenant_id",
    "facility_id",
    "patient_id",
    "category",
    "priority",
    "created_at",
    "created_by",
    "note_text",
)
_FORMER_PRESETS = {"original_workload": "seed_workload"}  # what a preset was called before
_WORDS = 4  # raw 64-bit words that one note draws
_CATEGORIES = strings(CATEGORIES)
_AUTHORS = strings([f"staff_{number}" for number in range(1, 21)])
_HOUR = 3_600_000_000  # microseconds
# How much is written in each hour of a day, and on each day of a week from Monday: shifts begin at 6, 14 and 22.
_BY_HOUR = (3, 2, 2, 2, 3, 6, 14, 20, 18, 14, 12, 12, 14, 10, 12, 11, 9, 9, 12, 14, 12, 8, 6, 4)
_BY_WEEKDAY = (20, 20, 19, 19, 18, 12, 11)
_TEXTS = strings(
    [None, None]
    + [
        f"{what} {how}"
        for what, how in itertools.product(
            ("Took all tablets with water.", "Walked the corridor with support.", "Slept through until six."),
            ("No complaints.", "Some pain in the left knee, family told.", "Blood pressure 130 over 80."),
        )
    ]
    + ["Refused lunch; fluids offered every hour, half a litre taken by the evening.", "Wound dry, dressing changed.",
       "Dizzy on standing up, sat down again, doctor informed.", "Visited by family.", "Calm."]
)  # fmt: skip

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SeedSpec:
    """What to generate: `facilities` a tenant, `patients` a facility; the last day is fixed, never the clock's.

    Raises Refused for a number out of range. `preset="original_workload"` has the shape of the original's own program.
    """

    notes: int
    tenants: int = 20
    facilities: int = 12
    patients: int = 80
    days: int = 90
    last_day: date = date(2026, 6, 30)
    random_seed: int = 1
    preset: str | None = None

    def __post_init__(self) -> None:
        bounds = {"notes": 2**31, "tenants": 2**20, "facilities": 2**16, "patients": 2**16, "days": 36_525}
        for name, most in bounds.items():
            if not 1 <= getattr(self, name) <= most:
                raise Refused(f"{name} is {getattr(self, name)}; allowed: 1 to {most}")
        if not 0 <= self.random_seed < 2**63:
            raise Refused(f"random_seed is {self.random_seed}; allowed: 0 to 2**63 - 1")
        if self.preset not in (None, "original_workload"):
            raise Refused(f"{self.preset}: no such preset; allowed: original_workload")
        if self.last_day.toordinal() - self.days < 1:
            raise Refused(f"{self.days} days before {self.last_day} is before the calendar begins")

    @classmethod
    def original_workload(
        cls, notes: int = 100_000, last_day: date = date(2026, 6, 30), random_seed: int = 1
    ) -> "SeedSpec":
        """The workload of the original's program: see `_original_shape`."""
        return cls(notes, 5, 3, 50, 30, last_day, random_seed, "original_workload")

    def as_json(self) -> str:
        """The arguments as canonical JSON: what makes two loads the same load."""
        return json.dumps(asdict(self), sort_keys=True, default=str)

    def ledger_keys(self) -> tuple[str, ...]:
        """By which a ledger may know a load of these notes: the one that is written now first, then those of before."""
        former = {**asdict(self), "preset": _FORMER_PRESETS.get(self.preset or "", self.preset)}
        spelled = dict.fromkeys([self.as_json(), json.dumps(former, sort_keys=True, default=str)])
        return tuple(hashlib.sha256(one.encode()).hexdigest() for one in spelled)

    @cached_property
    def shape(self) -> "Shape":
        """The tables to draw from."""
        return _original_shape(self) if self.preset else _platform_shape(self)

    def resized(self, notes: int) -> "SeedSpec":
        """The same shape with another number of notes."""
        return replace(self, notes=notes)


@dataclass(frozen=True)
class Shape:
    """Cumulative tables (uint32 thresholds of a 32-bit draw), and the weight of each hour from `first_hour` on."""

    tenants: npt.NDArray[np.uint32]
    facilities: npt.NDArray[np.uint32]
    patients: npt.NDArray[np.uint32]
    categories: npt.NDArray[np.uint32]
    priorities: npt.NDArray[np.uint32]
    visits: int  # of 2**16 notes, how many are about a patient whose home is another facility
    first_hour: datetime
    hours: tuple[int, ...]
    texts: bool
    patient_form: tuple[tuple[str, int], ...]  # a text and the fewest digits: of the tenant, the facility, the number


def _platform_shape(spec: SeedSpec) -> Shape:
    """Skewed as platforms are: sizes fall with the rank, days and weeks have a rhythm, patients get around."""
    first_day = spec.last_day - timedelta(days=spec.days - 1)
    weekdays = ((first_day + timedelta(days=n)).weekday() for n in range(spec.days))
    return Shape(
        tenants=_thresholds([10**12 // rank for rank in range(1, spec.tenants + 1)]),
        facilities=_thresholds([10**12 // (rank + 2) for rank in range(1, spec.facilities + 1)]),
        patients=_thresholds([10**12 // (rank + 10) for rank in range(1, spec.patients + 1)]),
        categories=_thresholds([45, 40, 15]),
        priorities=_thresholds([10, 20, 40, 20, 10]),
        visits=2**11 if spec.facilities > 1 else 0,
        first_hour=datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC),
        hours=tuple(_BY_WEEKDAY[day] * hour for day in weekdays for hour in _BY_HOUR),
        texts=True,
        patient_form=(("P", 4), ("-", 3), ("-", 5)),
    )


def _original_shape(spec: SeedSpec) -> Shape:
    """As in the original's program: a day weighs more the older it is, and the last one is two thirds over."""
    now = datetime(spec.last_day.year, spec.last_day.month, spec.last_day.day, 16, tzinfo=UTC)
    return Shape(
        tenants=_thresholds([10, 15, 25, 20, 30]),
        facilities=_thresholds([1] * spec.facilities),
        patients=_thresholds([1] * spec.patients),
        categories=_thresholds([40, 40, 20]),
        priorities=_thresholds([10, 20, 40, 20, 10]),
        visits=0,
        first_hour=now - timedelta(days=spec.days),
        hours=tuple(age for age in range(spec.days, 0, -1) for _ in range(24)),
        texts=False,
        patient_form=(("PAT", 1), ("", 1), ("", 4)),
    )


def generate(spec: SeedSpec, start: int = 0, stop: int | None = None) -> pa.Table:
    """Notes `start` to `stop` (0-based, excluded) in order of time; columns as `COLUMNS`, times in microseconds."""
    stop = spec.notes if stop is None else min(stop, spec.notes)
    draws = np.random.PCG64(spec.random_seed).advance(start * _WORDS).random_raw((stop - start) * _WORDS)
    where, who, what, when = draws.reshape(-1, _WORDS).T
    shape = spec.shape
    tenant = _draw(shape.tenants, _high(where)) + 1
    facility = _draw(shape.facilities, _low(where)) + 1
    elsewhere = (facility + _low(when).astype(np.int64) % max(1, spec.facilities - 1)) % spec.facilities + 1
    home = np.where(who >> np.uint64(48) < shape.visits, elsewhere, facility)
    columns = (
        column(tenant.astype(np.int32), pa.int32()),
        column(facility.astype(np.int32), pa.int32()),
        _patients(spec, tenant, home, _draw(shape.patients, _low(who)) + 1),
        _pick(_CATEGORIES, _draw(shape.categories, _high(what))),
        column((_draw(shape.priorities, _low(what)) + 1).astype(np.int32), pa.int32()),
        column(_moments(spec, start, _high(when)), pa.timestamp("us")),
        _pick(_AUTHORS, ((where ^ what) & 0xFFFF) % len(_AUTHORS)),
        _pick(_TEXTS, (who & 0xFFFF) % len(_TEXTS)) if shape.texts else pa.nulls(stop - start, pa.string()),
    )
    return pa.Table.from_arrays(columns, names=COLUMNS)


def batches(spec: SeedSpec, size: int, start: int = 0) -> Iterator[pa.Table]:
    """The notes from `start` on, `size` at a time; only one batch is in memory."""
    for first in range(start, spec.notes, size):
        yield generate(spec, first, first + size)


def _high(words: Words) -> Words:
    return words >> np.uint64(32)


def _low(words: Words) -> Words:
    return words & np.uint64(0xFFFFFFFF)


def _thresholds(weights: Sequence[int]) -> npt.NDArray[np.uint32]:
    """The 32-bit draw at which each value but the first begins, by exact integer arithmetic."""
    total = sum(weights)
    ends = itertools.accumulate(weights)
    return np.array([(end << 32) // total for end in ends][:-1], dtype=np.uint32)


def _draw(thresholds: npt.NDArray[np.uint32], draws: Words) -> Numbers:
    drawn: Numbers = np.searchsorted(thresholds, draws.astype(np.uint32), side="right").astype(np.int64, copy=False)
    return drawn


def _pick(values: pa.Array, places: Any) -> pa.Array:
    return values.take(column(places.astype(np.int32), pa.int32()))


def _patients(spec: SeedSpec, tenant: Numbers, facility: Numbers, number: Numbers) -> pa.Array:
    """Patient ids, unique within a tenant (and, but for the original's preset, everywhere)."""
    sizes = (spec.tenants, spec.facilities, spec.patients)
    forms = zip(spec.shape.patient_form, (tenant, facility, number), sizes, strict=True)
    parts = [(text, numbers, max(digits, len(str(most)))) for (text, digits), numbers, most in forms]
    return codes(len(tenant), *parts)


def _moments(spec: SeedSpec, start: int, jitter: Words) -> Numbers:
    """Microseconds since 1970 of notes `start`..: rising with the note's number, as notes come in.

    Note i takes a place in the i-th of N equal slices of the whole weight, so no note needs to know another.
    """
    weights = spec.shape.hours
    whole, total = spec.notes << 32, sum(weights)
    ends = np.array([whole * end // total for end in itertools.accumulate(weights)], dtype=np.uint64)
    starts = np.concatenate([np.zeros(1, np.uint64), ends[:-1]])
    place = (np.arange(start, start + len(jitter), dtype=np.uint64) << np.uint64(32)) + jitter
    hour = np.searchsorted(ends, place, side="right")
    share = (place - starts[hour]).astype(np.float64) / (ends - starts)[hour].astype(np.float64)
    first = int(spec.shape.first_hour.timestamp()) * 1_000_000
    within = np.minimum((share * _HOUR).astype(np.int64), _HOUR - 1)
    moments: Numbers = first + hour.astype(np.int64) * _HOUR + within
    return moments
