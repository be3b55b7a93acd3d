"""SQLite: row triggers append to the log, each mark once; readers and one writer at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote

import adbc_driver_sqlite
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcStatement
from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, literal_column
from sqlalchemy.dialects import sqlite

from carenotes.backends import files
from carenotes.backends.expressions import DayNumber
from carenotes.backends.upkeep import Reader
from carenotes.backends.upkeep.columns import as_columns, as_row, statement
from carenotes.compiled import rows_of
from carenotes.statements import Statement

HEARS = True
_MARK = "tenant_id, day, facility_id"
_COUNTED = "tenant_id, facility_id, patient_id, category, priority, created_at"  # a change of these is one of an answer


def _mark(log: Table, row: str) -> str:
    """Append the mark of a row, unless it is there.

    A mark that a transaction finds serves it as one of its own would. It looks as a writer: what it sees is then the
    latest commit, for one that had read before somebody else's commit may not write any more. So nobody can take the
    mark until it has ended, and who takes it then sees its notes. Where writers overlap, as on a server, this would
    lose marks. Not by `OR IGNORE`: the words of whoever writes a note (`INSERT OR FAIL`) would go before ours.
    """
    mark = f"{row}.tenant_id, {_day(f'{row}.created_at')}, {row}.facility_id"
    there = f"SELECT 1 FROM {log.name} WHERE (tenant_id, day, facility_id) = ({mark})"  # noqa: S608 - names
    return f"INSERT INTO {log.name} ({_MARK}) SELECT {mark} WHERE NOT EXISTS ({there});"


def _day(moment: str) -> str:
    of: ColumnElement[datetime] = literal_column(moment)
    return str(DayNumber(of).compile(dialect=sqlite.dialect()))


def _triggers(log: Table) -> dict[str, str]:
    """The text of each trigger by its name.

    REPLACE deletes what has the same id without a word to any trigger, unless whoever writes has set a pragma: what
    is about to be replaced is marked before.
    """
    there = "FROM care_notes WHERE id = new.id"
    replaced = f"INSERT INTO {log.name} ({_MARK}) SELECT tenant_id, {_day('created_at')}, facility_id {there};"
    known = f"EXISTS (SELECT 1 {there})"
    does = {
        "inserted": f"AFTER INSERT ON care_notes BEGIN {_mark(log, 'new')} END",
        "deleted": f"AFTER DELETE ON care_notes BEGIN {_mark(log, 'old')} END",
        "updated": f"AFTER UPDATE OF {_COUNTED} ON care_notes BEGIN {_mark(log, 'old')} {_mark(log, 'new')} END",
        "replaced": f"BEFORE INSERT ON care_notes WHEN {known} BEGIN {replaced} END",
        "renumbered": f"BEFORE UPDATE OF id ON care_notes WHEN new.id <> old.id AND {known} BEGIN {replaced} END",
    }
    return {f"{log.name}_{name}": f"CREATE TRIGGER {log.name}_{name} {text}" for name, text in does.items()}


def hear(connection: Connection, log: Table, made: Sequence[Table]) -> None:  # noqa: ARG001
    """Make the triggers. Nothing is truncated here: a DELETE of all rows is one of each where there are triggers."""
    for text in _triggers(log).values():
        connection.exec_driver_sql(text)


def hears(connection: Connection, log: Table) -> bool:
    """Whether each is there, as it is written here."""
    there = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE type = 'trigger'").scalars()
    return set(_triggers(log).values()) <= set(there)


def silence(connection: Connection, log: Table) -> None:
    """Drop them."""
    for name in _triggers(log):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")


def protect(connection: Connection, made: Sequence[Table]) -> None:
    """Whoever may open the file may see all of it."""


def protected(connection: Connection, made: Sequence[Table]) -> bool:  # noqa: ARG001
    """There is nothing to be hidden from anybody."""
    return True


def check_sees_all(connection: Connection) -> None:
    """Nothing is hidden."""


def fresh(engine: Engine) -> Engine:
    """A transaction that reads first and then writes would be refused when somebody else has written between."""
    return engine.execution_options(carenotes_begin="BEGIN IMMEDIATE")


def columns(connection: Connection, asked: Select[Any], values: dict[str, Any]) -> pa.Table:
    """Row by row: of one transaction there is no other way."""
    return as_columns(asked, rows_of(connection, asked, values))


@contextmanager
def apart(engine: Engine) -> Iterator[Reader]:
    """Through ADBC, twice as fast and more. It is an SQLite of its own: see `carenotes.backends.sqlite.writer`."""
    with engine.connect() as connection:
        if connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal":
            yield lambda asked, values: columns(connection, asked, values)
            return

        def text(asked: Select[Any], values: dict[str, Any]) -> Statement:
            said = statement(connection, asked, values)
            connection.rollback()  # nothing was sent; and nothing is held while the other SQLite reads
            return said

        file = f"file:{quote(str(files.file(engine.url)))}"
        with adbc_driver_sqlite.connect(file) as database, AdbcConnection(database) as own:
            yield lambda asked, values: _by_adbc(own, *text(asked, values))


def _by_adbc(own: AdbcConnection, sql: str, values: Sequence[Any]) -> pa.Table:
    with AdbcStatement(own) as asked:
        asked.set_sql_query(sql)
        asked.prepare()
        asked.bind(*as_row(values).__arrow_c_array__()[::-1])
        stream, _ = asked.execute_query()
        return pa.RecordBatchReader.from_stream(stream).read_all()


def insert(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """By executemany."""
    _many("INSERT", connection, table, rows)


def put(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """By executemany. No unique index but the key may be on the table: that would be replaced by, too."""
    _many("REPLACE", connection, table, rows)


def _many(how: str, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    own: Any = connection.connection.driver_connection
    names = ", ".join(table.columns.keys())
    places = ", ".join("?" for _ in table.columns)
    own.executemany(f"{how} INTO {table.name} ({names}) VALUES ({places})", rows)  # our names
