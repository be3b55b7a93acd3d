"""DuckDB: columns are handed over where they lie. It has no triggers: nothing tells of a change."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, Select, Table

from carenotes.backends.upkeep import Reader
from carenotes.backends.upkeep.columns import array, binaries, statement

HEARS = False


def hear(connection: Connection, log: Table, made: Sequence[Table]) -> None:
    """Nothing can be done."""


def hears(connection: Connection, log: Table) -> bool:  # noqa: ARG001
    """There is nothing to be heard, and all of that is there."""
    return True


def silence(connection: Connection, log: Table) -> None:
    """There is nothing."""


def protect(connection: Connection, made: Sequence[Table]) -> None:
    """Whoever may open the file may see all of it."""


def protected(connection: Connection, made: Sequence[Table]) -> bool:  # noqa: ARG001
    """There is nothing to be hidden from anybody."""
    return True


def check_sees_all(connection: Connection) -> None:
    """Nothing is hidden."""


def fresh(engine: Engine) -> Engine:
    """Nobody else writes: one process has the database."""
    return engine


def columns(connection: Connection, asked: Select[Any], values: dict[str, Any]) -> pa.Table:
    """As the engine keeps them."""
    own: Any = connection.connection.driver_connection
    found: pa.Table = own.execute(*statement(connection, asked, values)).to_arrow_table()
    return found


@contextmanager
def apart(engine: Engine) -> Iterator[Reader]:
    """Through a connection of its own."""
    with engine.connect() as connection:
        yield lambda asked, values: columns(connection, asked, values)


def insert(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """By a table of Arrow, which is read where it lies."""
    _many("INSERT", connection, table, rows)


def put(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """The same way."""
    _many("INSERT OR REPLACE", connection, table, rows)


def _many(how: str, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    own: Any = connection.connection.driver_connection
    names = table.columns.keys()
    made = [_array(one) for one in zip(*rows, strict=True)]
    own.register("carenotes_rows", pa.Table.from_arrays(made, names=names))
    listed = ", ".join(names)
    own.execute(f"{how} INTO {table.name} ({listed}) SELECT {listed} FROM carenotes_rows")  # noqa: S608 - our names
    own.unregister("carenotes_rows")


def _array(values: Sequence[Any]) -> pa.Array:
    return binaries(values) if isinstance(values[0], bytes) else array(values, whole=not isinstance(values[0], str))
