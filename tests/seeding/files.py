"""Files for `ingest`, and what came of them."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine, select

from carenotes.models import CareNote, FacilityName, TenantName
from carenotes.seeding import COLUMNS

NEEDED = COLUMNS[:6]
GOOD = {
    "tenant_id": "3",
    "facility_id": "4",
    "patient_id": "P1",
    "category": "treatment",
    "priority": "2",
    "created_at": "2026-01-02 03:04:05.000006",
    "created_by": "s",
    "note_text": "calm",
}
NOON = datetime(2026, 1, 2, 12)  # noqa: DTZ001


def row(**changed: str) -> list[str]:
    return list((GOOD | changed).values())


def write(file: Path, rows: Iterable[Sequence[str]], header: Sequence[str] = COLUMNS) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    data = text.getvalue().encode(errors="surrogateescape")
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)
    return file


def parquet(file: Path, columns: Mapping[str, Any], count: int = 1) -> Path:
    """`count` good notes in which some columns are replaced."""
    good: dict[str, Any] = {
        "tenant_id": pa.array([3] * count),
        "facility_id": pa.array([4] * count, pa.int16()),
        "patient_id": pa.array(["P1"] * count),
        "category": pa.array(["treatment"] * count),
        "priority": pa.array([2] * count, pa.int8()),
        "created_at": pa.array([NOON] * count, pa.timestamp("ms")),
    }
    pq.write_table(pa.table(good | dict(columns)), file)
    return file


def notes(engine: Engine, *names: str) -> list[Any]:
    """The notes in order of their ids, some columns or all but the id."""
    columns = [CareNote.__table__.c[name] for name in names or COLUMNS]
    with engine.connect() as connection:
        found = connection.execute(select(*columns).order_by(CareNote.id)).all()
    return [one[0] for one in found] if len(names) == 1 else [tuple(one) for one in found]


def rejects(file: Path) -> list[tuple[int, str, list[str | None]]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return [(int(one["line"]), one["reason"], json.loads(one["row"])) for one in csv.DictReader(opened)]


def names_of(engine: Engine) -> tuple[dict[str, int], dict[tuple[int, str], int]]:
    with engine.connect() as connection:
        tenants = connection.execute(select(TenantName.name, TenantName.tenant_id)).all()
        facilities = connection.execute(
            select(FacilityName.tenant_id, FacilityName.name, FacilityName.facility_id)
        ).all()
    numbers = {name: number for name, number in tenants}  # noqa: C416 - rows are not quite tuples
    return numbers, {(tenant, name): number for tenant, name, number in facilities}


class StopError(Exception):
    """Whatever may end an ingest midway."""


def stopping(after: int) -> Any:
    """A progress that ends the ingest when it is called once too often."""
    left = after

    def stop(_: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise StopError

    return stop
