"""Copying notes from one database to another, whichever engines they are; they pass through memory a part at a time."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Engine, select

from carenotes.backends.bulk.arrow import column, strings
from carenotes.backends.bulk.writing import Writer
from carenotes.backends.pages import pages
from carenotes.errors import null_in
from carenotes.models import CareNote
from carenotes.seeding.writers import WRITERS

_INTEGERS = ("id", "tenant_id", "facility_id", "priority")


def copy_latest(source: Engine, target: Engine, most: int) -> int:
    """Bring the latest `most` notes of `source`, by their ids, into the empty `target`; how many they were."""
    with source.connect() as reading, WRITERS["arrow"](target) as writer:
        return sum(_written(writer, notes) for notes in read_latest(reading, most))


def _written(writer: Writer, notes: pa.Table) -> int:
    writer.write({CareNote.__tablename__: notes})
    return len(notes)


def read_latest(connection: Connection, most: int) -> Iterator[pa.Table]:
    """The latest notes, by id from the highest of a first part to the lowest of the last."""
    columns = [CareNote.__table__.c[name] for name in CareNote.__table__.columns.keys()]  # noqa: SIM118
    for part in pages(connection, select(*columns), most):
        values = list(zip(*reversed(part), strict=True))
        names = [one.name for one in columns]
        for one, held in zip(columns, values, strict=True):
            if not one.nullable and None in held:
                raise null_in(one.name)
        yield pa.Table.from_arrays([_array(*one) for one in zip(names, values, strict=True)], names=names)


def _array(name: str, values: Sequence[Any]) -> pa.Array:
    if name in _INTEGERS:
        return column(np.array(values, np.int64), pa.int64())
    if name == "created_at":
        moments = [one.replace(tzinfo=None) for one in values]  # where somebody's have a zone, it is UTC
        return column(np.array(moments, "datetime64[us]").astype(np.int64), pa.timestamp("us"))
    return strings(values)
