"""Like for like: what else is worked out beforehand, or laid out for just this query, and held in memory."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from typing_extensions import override

from carenotes.aggregators.pushdown import from_groups
from carenotes.queries import CareStats, StatsQuery
from carenotes.studies.rollups.rivals.columns import read
from carenotes.studies.rollups.rivals.scans import PolarsFrame, held_by, in_memory


class PolarsSlices(PolarsFrame):
    """A frame of Polars', of which the days of a tenant are cut out by halves: they lie together."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self._times = self._notes["created_at"].to_numpy()
        self._of = _places(self._notes["tenant_id"].to_numpy())

    @override
    def answer(self, query: StatsQuery) -> CareStats:
        low, high = self._of.get(query.tenant_id, (0, 0))
        first, last = (np.datetime64(moment, "us") for moment in (query.first_moment, query.last_moment))
        times = self._times[low:high]
        begin, end = int(times.searchsorted(first)), int(times.searchsorted(last, "right"))
        return self.grouped(self._notes.slice(low + begin, end - begin), query)


def _places(tenants: NDArray[Any]) -> dict[int, tuple[int, int]]:
    """Where the notes of each tenant begin and end, sorted by tenant."""
    ends = np.flatnonzero(np.diff(tenants, prepend=-1, append=-1)).tolist()
    return {int(tenants[begin]): (begin, end) for begin, end in pairwise(ends)}


class DuckLeaves:
    """Leaves in DuckDB: notes by tenant, facility, day, category and priority; a list of patients a leaf."""

    def __init__(self, file: Path) -> None:
        leaves = file.with_suffix(".leaves")  # made once: it takes longer than all else in a round
        if not leaves.exists():
            made = leaves.with_suffix(".part")
            made.unlink(missing_ok=True)
            in_memory(file, f"ATTACH '{made}' AS kept", *(one.format("kept.") for one in _LEAVES)).close()
            made.rename(leaves)
        self._connection = in_memory(file, f"ATTACH '{leaves}' AS kept (READ_ONLY)", *_KEPT, "DETACH kept")

    def answer(self, query: StatsQuery) -> CareStats:
        """The answer, over one connection, from counts that add up and the union of the lists."""
        some = query.facility_ids is not None
        values = [query.tenant_id, query.first_day, query.last_day, *([list(query.facility_ids or ())] * some)]
        return from_groups(self._connection.execute(_SOME if some else _ALL, values * 2).fetchall())

    def size(self) -> int:
        """The bytes of its data, as the library counts them."""
        return held_by(self._connection)


_OF = "SELECT tenant_id, CAST(created_at AS DATE) AS day, facility_id"
_ORDER = "FROM columns GROUP BY ALL ORDER BY tenant_id, day, facility_id"
_LEAVES = (
    f"CREATE TABLE {{0}}counts AS {_OF}, category, priority, CAST(count(*) AS INTEGER) AS notes {_ORDER}",
    f"CREATE TABLE {{0}}sets AS {_OF}, list(DISTINCT patient_id) AS patients {_ORDER}",
)
_KEPT = [f"CREATE TABLE {name} AS SELECT * FROM kept.{name}" for name in ("counts", "sets")]  # noqa: S608
_WANTED = "WHERE tenant_id = ? AND day BETWEEN ? AND ? {0}"
_SUMMED = (
    "SELECT facility_id, category, priority, CAST(sum(notes) AS BIGINT), "  # noqa: S608 - no value
    f"(SELECT count(DISTINCT patient) FROM (SELECT unnest(patients) AS patient FROM sets {_WANTED})) "
    f"FROM counts {_WANTED} GROUP BY facility_id, category, priority"
)
_ALL, _SOME = (_SUMMED.format(one) for one in ("", "AND list_contains(?, facility_id)"))


class TenantColumns:
    """Codes of each tenant's notes in NumPy arrays, sorted by day: a slice is counted, and its patients are flagged."""

    def __init__(self, file: Path) -> None:
        notes = read(file)
        places = _places(notes["tenant_id"].to_numpy())
        self._of = {tenant: _Tenant(notes.slice(begin, end - begin)) for tenant, (begin, end) in places.items()}

    def answer(self, query: StatsQuery) -> CareStats:
        """The answer from the tenant's arrays."""
        tenant = self._of.get(query.tenant_id)
        return tenant.answer(query) if tenant else from_groups(())

    def size(self) -> int:
        """The bytes of its arrays."""
        return sum(one.size() for one in self._of.values())


class _Tenant:
    """One tenant: where each day begins, and for each note the code of its group and of its patient."""

    def __init__(self, notes: pa.Table) -> None:
        days = notes["created_at"].to_numpy().astype("M8[D]").astype(np.int64)
        self._first = int(days[0])
        self._begins = np.searchsorted(days, np.arange(self._first, int(days[-1]) + 2))
        facilities, facility = np.unique(notes["facility_id"].to_numpy(), return_inverse=True)
        priorities, priority = np.unique(notes["priority"].to_numpy(), return_inverse=True)
        categories, category = _codes(notes["category"])
        patients, patient = _codes(notes["patient_id"])
        self._labels = (facilities.tolist(), categories, priorities.tolist())
        self._places = {one: place for place, one in enumerate(self._labels[0])}
        self._shape = tuple(len(one) for one in self._labels)
        group = np.ravel_multi_index((facility, category, priority), self._shape)
        self._groups = group.astype(np.min_scalar_type(int(np.prod(self._shape))))
        self._per_facility = self._shape[1] * self._shape[2]
        self._patients, self._known = patient.astype(np.min_scalar_type(len(patients))), len(patients)

    def answer(self, query: StatsQuery) -> CareStats:
        epoch = 719_163  # the ordinal of 1970-01-01
        last = len(self._begins) - 1
        begin, end = (
            self._begins[min(max(day.toordinal() - epoch - self._first + more, 0), last)]
            for day, more in ((query.first_day, 0), (query.last_day, 1))
        )
        groups, patients = self._groups[begin:end], self._patients[begin:end]
        if query.facility_ids is not None:
            wanted = np.zeros(self._shape[0], bool)
            wanted[[self._places[one] for one in query.facility_ids if one in self._places]] = True
            met = np.repeat(wanted, self._per_facility)[groups]
            groups, patients = groups[met], patients[met]
        counts = np.bincount(groups, minlength=self._shape[0] * self._per_facility).reshape(self._shape)
        return CareStats(len(groups), self._distinct(patients), *self._by(counts))

    def _distinct(self, patients: NDArray[Any]) -> int:
        flags = np.zeros(self._known, bool)
        flags[patients] = True
        return int(np.count_nonzero(flags))

    def _by(self, counts: NDArray[np.int64]) -> list[dict[Any, int]]:
        """Notes by category, priority and facility, of what occurs."""
        found = []
        for axis, others in ((1, (0, 2)), (2, (0, 1)), (0, (1, 2))):
            sums = counts.sum(axis=others).tolist()
            found.append({label: count for label, count in zip(self._labels[axis], sums, strict=True) if count})
        return found

    def size(self) -> int:
        return int(self._begins.nbytes + self._groups.nbytes + self._patients.nbytes)


def _codes(column: pa.ChunkedArray) -> tuple[list[str], NDArray[Any]]:
    """The texts of a column that occur, and for each row which of them it holds."""
    held = column.combine_chunks()
    used, codes = np.unique(held.indices.to_numpy(), return_inverse=True)
    return held.dictionary.take(pa.array(used)).to_pylist(), codes
