"""What is kept beside the notes takes of the disk, table by table."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Engine, text

from carenotes.rollup.tables import OWN as ROLLUP
from carenotes.studies.upkeep.counted import OWN as COUNTS
from carenotes.studies.upkeep.ways import COUNTED, INDEX, MARKED, POSTGRESQL, VIEWED

NOTES = "care_notes"
_INDEX = "carenotes_covering"
_TABLES: Mapping[str, Iterable[str]] = {MARKED: ROLLUP.tables, COUNTED: COUNTS.tables, VIEWED: COUNTS.tables}


def bytes_of_way(engine: Engine, way: str) -> int:
    """The bytes of all that a way adds to the covering index: tables with their indexes; of `INDEX` itself, its own."""
    names = [_INDEX] if way == INDEX else _TABLES[way]
    with engine.connect() as connection:
        return sum(_bytes(connection, name) for name in names)


def bytes_of_notes(engine: Engine) -> int:
    """The bytes of the notes without any index."""
    with engine.connect() as connection:
        return _of_table(connection, NOTES)


def _bytes(connection: Connection, name: str) -> int:
    """A table with its indexes, or an index."""
    if connection.dialect.name == POSTGRESQL:
        return _sum(connection, "SELECT pg_total_relation_size(to_regclass(:name))", name)
    parts = "SELECT name FROM sqlite_schema WHERE tbl_name = :name OR name = :name"
    return _sum(connection, f"SELECT sum(pgsize) FROM dbstat WHERE name IN ({parts})", name)  # noqa: S608 - ours


def _of_table(connection: Connection, name: str) -> int:
    if connection.dialect.name == POSTGRESQL:
        return _sum(connection, "SELECT pg_table_size(to_regclass(:name))", name)
    return _sum(connection, "SELECT sum(pgsize) FROM dbstat WHERE name = :name", name)


def _sum(connection: Connection, asked: str, name: str) -> int:
    return int(connection.execute(text(asked), {"name": name}).scalar_one() or 0)
