"""What a table made from notes needs of an engine: to read notes and write rows in bulk, and to hear of changes.

Each engine has a module of its own here, by the name of the dialect that it speaks.
"""

import importlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, cast

from sqlalchemy import Connection, Engine, Select, Table

from carenotes.errors import Refused

if TYPE_CHECKING:
    import pyarrow as pa

    from carenotes.backends.upkeep import duckdb, postgresql, sqlite

    _ALL: tuple["Upkeep", ...] = (sqlite, duckdb, postgresql)  # all are held to the Protocol


class Upkeep(Protocol):
    """An engine: satisfied by a module of this folder.

    A log is a table with columns `tenant_id`, `day` (see `DayNumber`) and `facility_id`.
    """

    HEARS: bool  # whether the engine can log what is written to the notes, whoever writes it

    def hear(self, connection: Connection, log: Table, made: Sequence[Table]) -> None:
        """Have each change of a note append the day and facility to `log`, in the transaction of whoever writes.

        `made`: the tables that are made from notes, which are emptied when those are truncated; where there are none,
        the log gets a row of NULLs then. Raises Refused where `care_notes` is nothing that can be listened to.
        """

    def hears(self, connection: Connection, log: Table) -> bool:
        """Whether everything that `hear` makes is there, as it would be made now."""

    def silence(self, connection: Connection, log: Table) -> None:
        """Remove whatever of it is there."""

    def protect(self, connection: Connection, made: Sequence[Table]) -> None:
        """Have whoever may see only some tenants' notes see only these tenants in tables that are made from them.

        Nothing is done where that stands already. Raises Refused where a policy of the notes is about more than the
        tenant, and where the connection itself does not see all notes.
        """

    def protected(self, connection: Connection, made: Sequence[Table]) -> bool:
        """Whether that stands."""

    def check_sees_all(self, connection: Connection) -> None:
        """Raise Refused where a policy hides notes from the connection: what it made from them would be wrong."""

    def fresh(self, engine: Engine) -> Engine:
        """The same database by transactions of which each statement sees what was committed before it.

        Where writers exclude each other, such a transaction waits for its turn at its begin.
        """

    def columns(self, connection: Connection, asked: Select[Any], values: dict[str, Any]) -> "pa.Table":
        """Rows of integers and texts as Arrow columns, in the transaction of the connection."""

    def apart(self, engine: Engine) -> AbstractContextManager["Reader"]:
        """What reads the same of what is committed, as fast as the engine can; this process writes nothing then."""

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows, each with a value for every column of the table, in the transaction of the connection."""

    def put(self, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """The same, in the place of the rows that have the same key."""


class Reader(Protocol):
    """Reads columns."""

    def __call__(self, asked: Select[Any], values: dict[str, Any]) -> "pa.Table":
        """As `Upkeep.columns`."""


def fresh(engine: Engine) -> Engine:
    """See `Upkeep.fresh`; the engine itself where nothing is known of it."""
    try:
        return upkeep_of(engine).fresh(engine)
    except Refused:
        return engine


def upkeep_of(what: Engine | Connection) -> Upkeep:
    """What there is of an engine. Raises Refused where it has not said how."""
    name = what.dialect.name
    try:
        return cast(Upkeep, importlib.import_module(f"{__name__}.{name}"))
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise Refused(f"{name}: does not say how it keeps tables that are made from notes") from None
