"""Arrow tables handed to SQLite."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import adbc_driver_sqlite
import pyarrow as pa
from adbc_driver_manager import AdbcDatabase
from sqlalchemy import Engine
from typing_extensions import override

from carenotes.backends.bulk.adbc import AdbcWriter


class AdbcSqliteWriter(AdbcWriter):
    """Whoever writes waits for others that do for `patience` seconds."""

    BEGIN = "BEGIN IMMEDIATE"

    def __init__(self, engine: Engine, file: Path, patience: float, before: Sequence[str]) -> None:
        self._file = file
        super().__init__(engine, [f"PRAGMA busy_timeout = {round(patience * 1000)}", *before])

    @override
    def _opened(self) -> AdbcDatabase:
        return adbc_driver_sqlite.connect(f"file:{quote(str(self._file))}")

    @override
    def _as_kept(self, table: str, rows: pa.Table) -> pa.Table:
        """Times as SQLite keeps them; ADBC by itself would write a `T` between day and time."""
        for place, field in enumerate(rows.schema):
            if pa.types.is_timestamp(field.type):
                rows = rows.set_column(place, field.name, rows[field.name].cast(pa.string()))
        return rows
