"""What keeps such counts: triggers that add and take away with each note, or views that a server computes anew.

SQLite and PostgreSQL alone are compared here, and each spells a trigger in its own way.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Engine, Table, literal_column

from carenotes.backends.expressions import DayNumber
from carenotes.studies.upkeep.counted import GROUPS, OWN, PATIENTS


def _keys(table: Table) -> list[str]:
    return [column.name for column in table.primary_key]


def _selected(table: Table, row: str, dialect: Dialect) -> str:
    """The keys of a table, from the columns of a note."""
    moment: ColumnElement[Any] = literal_column(f"{row}created_at")
    day = f"{DayNumber(moment).compile(dialect=dialect)} AS day"
    return ", ".join(day if key == "day" else f"{row}{key}" for key in _keys(table))


def _of_all_notes(table: Table, dialect: Dialect) -> str:
    places = ", ".join(str(place + 1) for place in range(len(_keys(table))))
    found = f"SELECT {_selected(table, '', dialect)}, count(*) AS notes FROM care_notes"  # noqa: S608 - names
    return f"{found} GROUP BY {places}"


def count(engine: Engine) -> None:
    """Make tables of counts from the notes that are there, and triggers that keep them true."""
    with engine.begin() as connection:
        OWN.create_all(connection)
        for table in OWN.sorted_tables:
            into = f"INSERT INTO {table.name} ({', '.join([*_keys(table), 'notes'])})"
            connection.exec_driver_sql(f"{into} {_of_all_notes(table, engine.dialect)}")
        _TRIGGERS[engine.dialect.name](connection)


def forget_counts(engine: Engine) -> None:
    """Drop all of it."""
    with engine.begin() as connection:
        for name in _ROW_TRIGGERS if engine.dialect.name == "sqlite" else ():
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        if engine.dialect.name != "sqlite":
            connection.exec_driver_sql("DROP FUNCTION IF EXISTS carenotes_counted() CASCADE")
        OWN.drop_all(connection)


_ROW_TRIGGERS: Mapping[str, tuple[str, tuple[tuple[str, int], ...]]] = MappingProxyType(
    {
        "carenotes_counted_inserted": ("INSERT", (("new.", 1),)),
        "carenotes_counted_deleted": ("DELETE", (("old.", -1),)),
        "carenotes_counted_updated": ("UPDATE", (("old.", -1), ("new.", 1))),
    }
)


def _by_row(connection: Connection) -> None:
    """A trigger for each note."""
    for name, (event, rows) in _ROW_TRIGGERS.items():
        steps = [
            f"{_added(table)} VALUES ({_selected(table, row, connection.dialect)}, {change}) {_to_what_is_there(table)}"
            for table in OWN.sorted_tables
            for row, change in rows
        ]
        body = "".join(f"{one}; " for one in steps).replace(" AS day", "")
        connection.exec_driver_sql(f"CREATE TRIGGER {name} AFTER {event} ON care_notes BEGIN {body} END")


def _by_statement(connection: Connection) -> None:
    """A trigger for each statement, which adds up what it has changed; rows in order, so that two do not cross."""
    pieces = {"come": "1", "gone": "-1"}
    does = {"INSERT": ("come",), "DELETE": ("gone",), "UPDATE": ("come", "gone")}
    cases = []
    for event, rows in does.items():
        steps = " ".join(_changes(table, {row: pieces[row] for row in rows}, connection.dialect) for table in _TABLES)
        cases.append(f"IF TG_OP = '{event}' THEN {steps} END IF;")
    body = f"BEGIN {' '.join(cases)} RETURN NULL; END"
    connection.exec_driver_sql(f"CREATE FUNCTION carenotes_counted() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
    named = {"come": "NEW TABLE AS come", "gone": "OLD TABLE AS gone"}
    for event, rows in does.items():
        referring = " ".join(named[row] for row in rows)
        connection.exec_driver_sql(
            f"CREATE TRIGGER carenotes_counted_{event.lower()} AFTER {event} ON care_notes "
            f"REFERENCING {referring} FOR EACH STATEMENT EXECUTE FUNCTION carenotes_counted()"
        )


_TABLES = (GROUPS, PATIENTS)


def _changes(table: Table, rows: Mapping[str, str], dialect: Dialect) -> str:
    keys = ", ".join(_keys(table))
    each = " UNION ALL ".join(
        f"SELECT {_selected(table, '', dialect)}, {change} AS change FROM {row}"  # noqa: S608 - names
        for row, change in rows.items()
    )
    summed = f"SELECT {keys}, sum(change) FROM ({each}) AS each GROUP BY {keys} HAVING sum(change) <> 0"  # noqa: S608
    return f"{_added(table)} {summed} ORDER BY {keys} {_to_what_is_there(table)};"


def _added(table: Table) -> str:
    return f"INSERT INTO {table.name} ({', '.join([*_keys(table), 'notes'])})"


def _to_what_is_there(table: Table) -> str:
    there = f"{table.name}.notes + excluded.notes"
    return f"ON CONFLICT ({', '.join(_keys(table))}) DO UPDATE SET notes = {there}"


_TRIGGERS: Mapping[str, Callable[[Connection], None]] = MappingProxyType(
    {"sqlite": _by_row, "postgresql": _by_statement}
)


def view(engine: Engine) -> None:
    """Have a server compute the same counts as materialized views, each with the key by which rows are told apart."""
    with engine.begin() as connection:
        for table in _TABLES:
            connection.exec_driver_sql(
                f"CREATE MATERIALIZED VIEW {table.name} AS {_of_all_notes(table, engine.dialect)}"
            )
            keys = ", ".join(_keys(table))
            connection.exec_driver_sql(f"CREATE UNIQUE INDEX {table.name}_key ON {table.name} ({keys})")


def settle_views(engine: Engine) -> None:
    """What a server does by itself, some time after it has made views."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in _TABLES:
            connection.exec_driver_sql(f"VACUUM (ANALYZE) {table.name}")


def forget_views(engine: Engine) -> None:
    """Drop them."""
    with engine.begin() as connection:
        for table in _TABLES:
            connection.exec_driver_sql(f"DROP MATERIALIZED VIEW IF EXISTS {table.name}")


def refresh_views(engine: Engine) -> None:
    """Compute them anew, of one snapshot; nobody reads them meanwhile."""
    _refresh(engine, "")


def refresh_views_concurrently(engine: Engine) -> None:
    """Compute them anew, of one snapshot, and change what differs; the former state is read meanwhile."""
    _refresh(engine, "CONCURRENTLY ")


def _refresh(engine: Engine, how: str) -> None:
    with engine.begin() as connection:
        for table in _TABLES:
            connection.exec_driver_sql(f"REFRESH MATERIALIZED VIEW {how}{table.name}")
