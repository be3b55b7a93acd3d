"""Statements that are sent often: compiled once for each driver, and sent as text with the values beside it.

SQLAlchemy keeps what it has compiled too, but looks it up by all parts of the statement, and makes rows of its own: a
tenth of the time that `SELECT 1` takes in a transaction. Events, transactions and the connection are the same.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult, Dialect, Executable


class _Text(NamedTuple):
    sql: str
    fixed: dict[str, Any]  # values that are part of the statement, by the names of their places
    convert: dict[str, Callable[[Any], Any]]  # to what the driver takes, for those that it does not take as they are
    names: Sequence[str]  # of its values, in the order of its places
    by_name: bool  # whether the driver takes a mapping


_TEXTS: dict[tuple[Executable, str, str], _Text] = {}
_MOST = 1_024  # texts that are kept: far more than there are, unless somebody makes statements anew each time


def send(connection: Connection, statement: Executable, values: Mapping[str, Any]) -> CursorResult[Any]:
    """Execute a statement that is made once and sent often; its rows come as the driver makes them.

    Raises KeyError where a value is missing.
    """
    dialect = connection.dialect
    key = statement, dialect.name, dialect.driver
    text = _TEXTS.get(key)
    if text is None:
        if len(_TEXTS) >= _MOST:
            _TEXTS.clear()
        text = _TEXTS[key] = _compiled(statement, dialect)
    if text.fixed or text.convert:
        values = {**text.fixed, **values}
        values |= {name: convert(values[name]) for name, convert in text.convert.items()}
    given = [values[name] for name in text.names]
    return connection.exec_driver_sql(
        text.sql, dict(zip(text.names, given, strict=True)) if text.by_name else tuple(given)
    )


def rows_of(connection: Connection, statement: Executable, values: Mapping[str, Any]) -> Sequence[Any]:
    """Its rows, as the driver makes them: integers, texts and bytes are the same with each."""
    rows: Sequence[Any] = send(connection, statement, values).cursor.fetchall()
    return rows


def _compiled(statement: Executable, dialect: Dialect) -> _Text:
    made: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    named = made.bind_names.items()
    fixed = {name: one.value for one, name in named if not one.required}
    converters = {name: one.type.dialect_impl(dialect).bind_processor(dialect) for one, name in named}
    convert = {name: one for name, one in converters.items() if one is not None}
    by_name = not made.positional
    return _Text(made.string, fixed, convert, [*made.bind_names.values()] if by_name else made.positiontup, by_name)
