"""On disk: the tables of the rollup, what keeps them true, and the index by which notes of some days are found."""

from sqlalchemy import Connection, func, inspect, select

from carenotes.design import COVERING, Design, Structure
from carenotes.models import CareNote
from carenotes.rollup.tables import MARKS, OF_TENANTS, OWN, built


def stands(connection: Connection) -> bool:
    """Whether all of it is there, whole, of this version, and true of the notes as far as that can be seen."""
    from carenotes.backends.upkeep import upkeep_of

    there = set(inspect(connection).get_table_names())
    if not {table.name for table in OWN.tables.values()} <= there:
        return False
    found, upkeep = built(connection), upkeep_of(connection)
    if found is None or not found.usable or not upkeep.hears(connection, MARKS):
        return False
    if not upkeep.protected(connection, OF_TENANTS):
        return False
    return found.notes is None or found.notes == connection.execute(_NOTES).scalar_one()


_NOTES = select(func.count()).select_from(CareNote)


def build(connection: Connection) -> None:
    """Make all of it from the notes that are there, in one transaction."""
    from carenotes.rollup.building import build_at_once

    build_at_once(connection)


def drop(connection: Connection) -> None:
    """Drop whatever is there of it."""
    from carenotes.backends.upkeep import upkeep_of

    upkeep_of(connection).silence(connection, MARKS)
    OWN.drop_all(connection)


DESIGN = Design(
    "rollup",
    "rollup",
    COVERING.indexes,
    (Structure("rollup", stands, build, drop),),
    backends=("sqlite", "duckdb", "postgresql"),
    kept_on=("sqlite", "postgresql"),
)
