"""What an aggregator says to the database: its statements counted, and the plan that the database makes of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, DateTime, event

from carenotes.backends import backend_of

Statement = tuple[str, Any]  # SQL text with placeholders, and the values beside it


@contextmanager
def statements_of(connection: Connection) -> Iterator[list[Statement]]:
    """Collect each statement sent over `connection` while the block runs."""
    sent: list[Statement] = []

    def note(_connection: Any, _cursor: Any, sql: str, values: Any, _context: Any, _many: bool) -> None:
        sent.append((sql, values))

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(connection, "before_cursor_execute", note)


_PLACES = {"qmark": "?", "format": "%s", "pyformat": "%s", "numeric": ":{}", "numeric_dollar": "${}"}


def placeholders(connection: Connection, count: int) -> list[str]:
    """What stands in SQL text for the values of a tuple, as the driver has it."""
    place = _PLACES[connection.dialect.paramstyle]
    return [place.format(number + 1) for number in range(count)]


def driver_time(connection: Connection, moment: datetime) -> Any:
    """A time as it is handed to the driver to be compared with `created_at`."""
    convert = DateTime().dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return convert(moment) if convert else moment


class _Enough(Exception):  # noqa: N818 - no error: it ends what was asked only to see what it would send
    pass


def statements_only(connection: Connection, ask: Callable[[Connection], object]) -> list[Statement]:
    """The first statement that `ask` would send; it is not sent."""
    sent: list[Statement] = []

    def note(_connection: Any, _cursor: Any, sql: str, values: Any, _context: Any, _many: bool) -> None:
        sent.append((sql, values))
        raise _Enough

    event.listen(connection, "before_cursor_execute", note)
    try:
        ask(connection)
    except _Enough:
        pass
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return sent


def query_plan(connection: Connection, ask: Callable[[Connection], object]) -> list[str]:
    """How the database would run what `ask` sends: one line a step, indented by depth."""
    with statements_of(connection) as sent:
        ask(connection)
    return [line for statement in sent for line in backend_of(connection).explained(connection, *statement)]
