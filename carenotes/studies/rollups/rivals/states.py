"""Leaves in chDB, which is ClickHouse in a process: states of its own that are merged. Optional: it is a large library.

Its tables lie in a folder, and what is read of them in the page cache.
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from carenotes.aggregators.pushdown import from_groups
from carenotes.queries import CareStats, StatsQuery


class ChdbStates:
    """Notes by category and priority, and a bitmap of numbered patients, as states of tenant, day and facility."""

    def __init__(self, file: Path) -> None:
        self._session: Any = import_module("chdb.session").Session(str(file.with_suffix(".chdb")))
        there = self._session.query("SHOW TABLES FROM default LIKE 'leaves'", "CSV")
        if not there.bytes():  # made once
            for statement in _MADE:
                self._session.query(statement, params={"file": str(file)})

    def answer(self, query: StatsQuery) -> CareStats:
        """The answer from merged states."""
        values: dict[str, Any] = {
            "tenant": query.tenant_id,
            "first": query.first_day.isoformat(),
            "last": query.last_day.isoformat(),
        }
        if query.facility_ids is not None:
            values["some"] = f"[{','.join(map(str, query.facility_ids))}]"
        asked = _ALL if query.facility_ids is None else _SOME
        facilities, patients = json.loads(self._session.query(asked, "JSONCompactEachRow", params=values).bytes())
        return from_groups(
            (facility, category, int(priority), int(count), int(patients))
            for facility, notes in facilities
            for key, count in notes.items()
            for priority, _, category in [key.partition(":")]
        )

    def size(self) -> int:
        """The bytes of its tables."""
        asked = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'default'"
        return int(self._session.query(asked, "CSV").bytes())


_NOTES = ", ".join(
    f"assumeNotNull({name}) AS {name}"
    for name in ("tenant_id", "created_at", "facility_id", "category", "priority", "patient_id")
)
_MADE = (
    "DROP TABLE IF EXISTS patients",
    "CREATE TABLE patients ENGINE = MergeTree ORDER BY (tenant_id, patient_id) AS "  # noqa: S608 - no value
    "SELECT tenant_id, patient_id, toUInt32(row_number() OVER (PARTITION BY tenant_id ORDER BY patient_id)) AS number "
    f"FROM (SELECT DISTINCT tenant_id, patient_id FROM (SELECT {_NOTES} FROM file({{file:String}}, Arrow)))",
    "CREATE TABLE leaves ENGINE = MergeTree ORDER BY (tenant_id, day, facility_id) AS "  # noqa: S608 - no value
    "SELECT tenant_id, toDate(created_at, 'UTC') AS day, facility_id, groupBitmapState(number) AS patients, "
    "sumMapState(map(concat(toString(priority), ':', category), toUInt64(1))) AS notes "
    f"FROM (SELECT {_NOTES} FROM file({{file:String}}, Arrow)) AS each "
    "JOIN patients USING (tenant_id, patient_id) GROUP BY tenant_id, day, facility_id",
)
_WANTED = "WHERE tenant_id = {tenant:Int32} AND day BETWEEN {first:Date} AND {last:Date}"
_MERGED = (
    "SELECT groupArray((facility_id, notes)), groupBitmapMerge(patients) FROM ("  # noqa: S608 - no value
    "SELECT facility_id, sumMapMerge(notes) AS notes, groupBitmapMergeState(patients) AS patients "
    f"FROM leaves {_WANTED}"
)
_ALL = f"{_MERGED} GROUP BY facility_id)"
_SOME = f"{_MERGED} AND has({{some:Array(Int32)}}, facility_id) GROUP BY facility_id)"
