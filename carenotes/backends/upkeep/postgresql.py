"""PostgreSQL: statement triggers append to the log what a statement has changed; writers do not wait for each other."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, DateTime, Engine, Select, Table, inspect

from carenotes.backends.upkeep import Reader
from carenotes.backends.upkeep.columns import as_columns
from carenotes.backends.upkeep.policies import check_sees_all as check_sees_all
from carenotes.backends.upkeep.policies import protect as protect
from carenotes.backends.upkeep.policies import protected as protected
from carenotes.compiled import rows_of
from carenotes.errors import Refused

HEARS = True
_COUNTED = "tenant_id, facility_id, patient_id, category, priority, created_at"  # a change of these is one of an answer
_VERSION = "carenotes 1"  # the comment on what is made: another one is made anew


def hear(connection: Connection, log: Table, made: Sequence[Table]) -> None:
    """Make the function and the triggers.

    The function writes as its owner does, to the log alone: whoever may write notes needs no right on it, and by no
    search path of theirs can it be led elsewhere. TRUNCATE goes past every snapshot, and so must what follows it. A
    partitioned table has row triggers, which its partitions take over: what is inserted straight into a partition fires
    no statement trigger of the whole.
    """
    kind = connection.exec_driver_sql(_KIND).scalar()
    if kind not in ("r", "p"):
        raise Refused("care_notes is no table: nobody would hear of a change, and a rollup would not stay true")
    connection.exec_driver_sql(_function(connection, log, made))
    for name, text in _triggers(log, each_row=kind == "p").items():
        connection.exec_driver_sql(text)
        connection.exec_driver_sql(f"COMMENT ON TRIGGER {name} ON care_notes IS '{_VERSION}'")


_KIND = "SELECT relkind::text FROM pg_class WHERE oid = to_regclass('care_notes')"


def _function(connection: Connection, log: Table, made: Sequence[Table]) -> str:
    of = "(CAST({} AS DATE) - DATE '0001-01-01') + 1"
    day = of.format(f"created_at{_in_utc(connection)}")
    columns = f"SELECT {_COUNTED} FROM"
    changed = f"(({columns} {{}}) EXCEPT ALL ({columns} {{}}))"
    both = f"{changed.format('gone', 'come')} UNION ALL {changed.format('come', 'gone')}"
    quote = connection.dialect.identifier_preparer.quote_identifier
    schema = quote(str(connection.exec_driver_sql("SELECT current_schema()").scalar_one()))

    def mark(rows: str) -> str:
        found = f"SELECT DISTINCT tenant_id, {day}, facility_id FROM {rows}"  # noqa: S608 - names
        return f"INSERT INTO {schema}.{log.name} (tenant_id, day, facility_id) {found};"

    emptied = f"TRUNCATE {', '.join(f'{schema}.{one.name}' for one in made)};"
    truncated = emptied if made else f"INSERT INTO {schema}.{log.name} (tenant_id) VALUES (NULL);"  # noqa: S608 - names
    return f"""
CREATE FUNCTION {log.name}_mark() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    {truncated}
  ELSIF TG_LEVEL = 'ROW' THEN
    IF TG_OP <> 'INSERT' THEN {mark("(SELECT OLD.*) AS gone")} END IF;
    IF TG_OP <> 'DELETE' THEN {mark("(SELECT NEW.*) AS come")} END IF;
  ELSIF TG_OP = 'INSERT' THEN
    {mark("come")}
  ELSIF TG_OP = 'DELETE' THEN
    {mark("gone")}
  ELSE
    {mark(f"({both}) AS changed")}
  END IF;
  RETURN NULL;
END $$"""


def _in_utc(connection: Connection) -> str:
    [kind] = [one["type"] for one in inspect(connection).get_columns("care_notes") if one["name"] == "created_at"]
    return " AT TIME ZONE 'UTC'" if isinstance(kind, DateTime) and kind.timezone else ""


def _triggers(log: Table, *, each_row: bool) -> dict[str, str]:
    does = {"truncated": "BEFORE TRUNCATE ON care_notes FOR EACH STATEMENT"}
    if each_row:
        does["written"] = "AFTER INSERT OR UPDATE OR DELETE ON care_notes FOR EACH ROW"
    else:
        come, gone = "NEW TABLE AS come", "OLD TABLE AS gone"
        for name, referring in (("insert", come), ("delete", gone), ("update", f"{come} {gone}")):
            does[name] = f"AFTER {name} ON care_notes REFERENCING {referring} FOR EACH STATEMENT"
    return {
        f"{log.name}_{name}": f"CREATE TRIGGER {log.name}_{name} {text} EXECUTE FUNCTION {log.name}_mark()"
        for name, text in does.items()
    }


def hears(connection: Connection, log: Table) -> bool:
    """Whether each trigger is there, fires, and was made by this version."""
    each_row = connection.exec_driver_sql(_KIND).scalar() == "p"
    found = connection.exec_driver_sql(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass('care_notes') AND tgenabled IN ('O', 'A') "  # noqa: S608 - names
        f"AND obj_description(oid, 'pg_trigger') = '{_VERSION}'"
    ).scalars()
    return set(_triggers(log, each_row=each_row)) <= set(found)


def silence(connection: Connection, log: Table) -> None:
    """Drop the function, and with it its triggers."""
    connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {log.name}_mark() CASCADE")


def fresh(engine: Engine) -> Engine:
    """A repeatable read would go on to see what was there before it waited for a lock."""
    return engine.execution_options(isolation_level="READ COMMITTED")


def columns(connection: Connection, asked: Select[Any], values: dict[str, Any]) -> pa.Table:
    """Row by row: of one transaction there is no other way."""
    return as_columns(asked, rows_of(connection, asked, values))


@contextmanager
def apart(engine: Engine) -> Iterator[Reader]:
    """Through a connection of its own."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        yield lambda asked, values: columns(connection, asked, values)


def insert(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """By COPY."""
    own: Any = connection.connection.driver_connection
    names = ", ".join(table.columns.keys())
    with own.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([one.type.compile(connection.dialect).lower() for one in table.columns])
        for row in rows:
            copy.write_row(row)


def put(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """By one statement, to which each column goes as an array: COPY replaces nothing."""
    if not rows:
        return
    own: Any = connection.connection.driver_connection
    names, key = table.columns.keys(), ", ".join(column.name for column in table.primary_key)
    arrays = ", ".join(f"%b::{one.type.compile(connection.dialect)}[]" for one in table.columns)
    others = ", ".join(f"{name} = excluded.{name}" for name in names if name not in table.primary_key.columns)
    sql = f"INSERT INTO {table.name} ({', '.join(names)}) SELECT * FROM unnest({arrays}) "  # noqa: S608 - our names
    own.execute(f"{sql} ON CONFLICT ({key}) DO UPDATE SET {others}", [[*one] for one in zip(*rows, strict=True)])
