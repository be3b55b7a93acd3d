"""Named sets of indexes on `care_notes`: applied and dropped by name, so that their effects can be compared."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import Column, ColumnElement, Dialect, Engine, Index, MetaData, Table, func
from sqlalchemy.schema import CreateIndex

from carenotes.backends import backend_of, told_plainly
from carenotes.errors import Refused
from carenotes.models import CareNote


def _index(name: str, *parts: str | ColumnElement[Any]) -> Index:
    """An index on a copy of the table, so that creating the table creates no index."""
    columns = [Column(column.name, column.type) for column in CareNote.__table__.columns]
    table = Table(CareNote.__tablename__, MetaData(), *columns)
    return Index(name, *(table.c[part] if isinstance(part, str) else part for part in parts))


# `func.date("created_at")` names a string, not the column: the original's date indexes end in a constant. Kept so.
_CONSTANT = func.date("created_at")
_ORIGINAL = (
    _index("idx_tenant_date", "tenant_id", _CONSTANT),
    _index("idx_tenant_facility", "tenant_id", "facility_id"),
    _index("idx_tenant_facility_date", "tenant_id", "facility_id", _CONSTANT),
    _index("idx_patient", "patient_id"),
)
_DATE = (_index("carenotes_tenant_created", "tenant_id", "created_at"),)
_COVERING = (
    _index("carenotes_covering", "tenant_id", "created_at", "facility_id", "category", "priority", "patient_id"),
)

INDEX_PLANS: Mapping[str, tuple[Index, ...]] = MappingProxyType(
    {
        "none": (),
        "original": _ORIGINAL,
        "date": _DATE,
        "covering": _COVERING,
        "original_without_patient": tuple(index for index in _ORIGINAL if index.name != "idx_patient"),
    }
)
_SQLITE_ONLY = ("original", "original_without_patient")


def index_plan(name: str) -> tuple[Index, ...]:
    """The indexes of the plan `name`; Refused for a name that is none."""
    try:
        return INDEX_PLANS[name]
    except KeyError:
        raise Refused(f"{name}: no such index plan; allowed: {', '.join(INDEX_PLANS)}") from None


def ddl(name: str, dialect: Dialect) -> list[str]:
    """The statements that make the indexes of the plan `name`, as the engine of a dialect is sent them."""
    return [str(CreateIndex(index).compile(dialect=dialect)) for index in index_plan(name)]


def apply_index_plan(engine: Engine, name: str) -> None:
    """Make the plan's indexes the only ones of ours on the table, in one transaction; others are not touched."""
    if name in _SQLITE_ONLY and engine.dialect.name != "sqlite":
        raise Refused(
            f"{name}: only SQLite takes its indexes; {backend_of(engine).NAME} allows none on a text constant"
        )
    wanted = {index.name: index for index in index_plan(name)}
    ours = {index.name: index for plan in INDEX_PLANS.values() for index in plan}
    with told_plainly(engine), engine.begin() as connection:
        there = backend_of(connection).index_names(connection)
        for gone in ours.keys() & there - wanted.keys():
            ours[gone].drop(connection)
        # In the plan's own order: of two indexes that serve alike, SQLite takes the one made last.
        for new in (name for name in wanted if name not in there):
            wanted[new].create(connection)
