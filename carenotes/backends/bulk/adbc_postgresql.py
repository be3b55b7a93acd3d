"""Arrow tables handed to PostgreSQL: by binary COPY, which the driver makes of them."""

from collections.abc import Mapping
from functools import cache

import adbc_driver_postgresql
import pyarrow as pa
from adbc_driver_manager import AdbcDatabase
from psycopg.conninfo import make_conninfo
from sqlalchemy import BigInteger, Engine, Integer, SmallInteger, inspect
from typing_extensions import override

from carenotes.backends.bulk.adbc import AdbcWriter
from carenotes.errors import Failed


class AdbcPostgresWriter(AdbcWriter):
    """The row of the ledger is locked from when it is read: a second load waits, and then finds it moved."""

    LOCKING = " FOR UPDATE"

    def __init__(self, engine: Engine, begun: Mapping[str, str]) -> None:
        """`begun`: what a connection begins with."""
        self._begun = dict(begun)
        self._types = cache(lambda table: _integers(engine, table))
        super().__init__(engine, [])

    @override
    def _opened(self) -> AdbcDatabase:
        """As the engine connects. Not by a URL: libpq reads neither a space nor a `+` as SQLAlchemy writes them."""
        given = dict(self._engine.dialect.create_connect_args(self._engine.url)[1])
        given.pop("context", None)  # of psycopg itself
        database: AdbcDatabase = adbc_driver_postgresql.connect(make_conninfo(**given | self._begun))
        return database

    @override
    def _as_kept(self, table: str, rows: pa.Table) -> pa.Table:
        """Integers as wide as their columns: a wider one is an error of the protocol."""
        for place, field in enumerate(rows.schema):
            wanted = self._types(table).get(field.name, field.type)
            if wanted != field.type:
                try:
                    rows = rows.set_column(place, field.name, rows[field.name].cast(wanted))
                except pa.ArrowInvalid:
                    raise Failed(f"a number is too large for {table}.{field.name}, which is {wanted}") from None
        return rows


def _integers(engine: Engine, table: str) -> dict[str, pa.DataType]:
    widths = {SmallInteger: pa.int16(), BigInteger: pa.int64(), Integer: pa.int32()}
    found = {}
    for one in inspect(engine).get_columns(table):
        width = next((width for kind, width in widths.items() if isinstance(one["type"], kind)), None)
        if width is not None:
            found[one["name"]] = width
    return found
