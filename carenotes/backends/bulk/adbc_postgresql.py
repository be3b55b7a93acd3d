"""Arrow tables handed to PostgreSQL: by binary COPY, which the driver makes of them."""

from functools import cache

import adbc_driver_postgresql
import pyarrow as pa
from adbc_driver_manager import AdbcDatabase
from sqlalchemy import BigInteger, Engine, Integer, SmallInteger, inspect
from typing_extensions import override

from carenotes.backends.bulk.adbc import AdbcWriter
from carenotes.errors import Failed


class AdbcPostgresWriter(AdbcWriter):
    """The row of the ledger is locked from when it is read: a second load waits, and then finds it moved."""

    LOCKING = " FOR UPDATE"

    def __init__(self, engine: Engine) -> None:
        self._types = cache(lambda table: _integers(engine, table))
        super().__init__(engine, [])

    @override
    def _opened(self) -> AdbcDatabase:
        address = self._engine.url.set(drivername="postgresql").update_query_dict({"application_name": "carenotes"})
        database: AdbcDatabase = adbc_driver_postgresql.connect(address.render_as_string(hide_password=False))
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
