"""Rows of a driver as columns of Arrow, and values of a statement as a row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Integer, Select

from carenotes.backends.bulk.arrow import column, strings
from carenotes.errors import null_in
from carenotes.statements import Statement, statements_only


def statement(connection: Connection, asked: Select[Any], values: dict[str, Any]) -> Statement:
    """The text of a statement and its values, as the driver takes them."""
    [sent] = statements_only(connection, lambda one: one.execute(asked, values))
    return sent


def as_columns(asked: Select[Any], rows: Sequence[Any]) -> pa.Table:
    """Rows of a statement, whose columns are integers or texts. Raises Refused for an integer that is NULL."""
    names = [one.name for one in asked.selected_columns]
    values: Any = zip(*rows, strict=True) if rows else [[] for _ in names]
    made = [_column(*one) for one in zip(asked.selected_columns, values, strict=True)]
    return pa.Table.from_arrays(made, names=names)


def _column(of: Any, values: Sequence[Any]) -> pa.Array:
    try:
        return array(values, whole=isinstance(of.type, Integer))
    except TypeError:
        if None in values:
            raise null_in(of.name) from None
        raise


def array(values: Sequence[Any], *, whole: bool) -> pa.Array:
    """Whole numbers, or texts."""
    return column(np.array(values, np.int64), pa.int64()) if whole else strings(values)


def binaries(values: Sequence[bytes]) -> pa.Array:
    """Bytes."""
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, values), np.int32, len(values)), out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(pa.binary(), len(values), buffers)


def as_row(values: Sequence[Any]) -> pa.RecordBatch:
    """The values of a statement, numbers and texts, as the one row of a batch."""
    row = [array([one], whole=not isinstance(one, str)) for one in values]
    return pa.RecordBatch.from_arrays(row, names=[str(place) for place in range(len(row))])
