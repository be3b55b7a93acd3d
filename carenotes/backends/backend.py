"""What carenotes has to know of an engine; whatever else there is to know of one stands in its own module."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import URL, Connection, Engine

from carenotes.design import Design
from carenotes.errors import Failed, Refused

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from carenotes.backends.bulk.writing import Writer

Says = Mapping[str, tuple[type[Refused | Failed], str]]


class Backend(Protocol):
    """An engine: satisfied by a module (or package) of this folder that is named as the engine is in a URL.

    A URL may be of any form that names a database of this engine, the `url` of the engines made here included.
    No method shows or stores what a URL holds beside the names of host, file and database.
    """

    IS_ENGINE: bool  # what tells an engine from the other modules of this folder
    NAME: str  # what to call it
    EXAMPLE: str  # what a URL looks like
    BEST_DESIGN: str  # what serves our queries best there
    OWN_DESIGNS: tuple[Design, ...]  # those that no other engine can have
    HAS_ASYNC: bool  # whether `async_pool` gives one
    HAS_OTHERS: bool  # whether tables of ours may be made beside those of others
    LOADS_LATE: tuple[str, ...]  # modules that its driver imports at its first statement
    BEFORE_WRITING: tuple[str, ...]  # what whoever writes notes says first, over whichever driver
    JOURNALS: Mapping[str, tuple[str, ...]]  # how it may be written while others read: what switches a database to each
    BUSY: tuple[str, ...]  # words in its errors, in lower case, when a transaction gives way to others
    SAYS: Says  # words in its own errors, in lower case, and what to say instead

    def check(self, url: URL) -> None:
        """Raise Refused when the URL cannot name a database."""

    def absolute(self, url: URL) -> URL:
        """The same database by a URL that holds in any folder and any process."""

    def shown(self, url: URL) -> str:
        """What to call the database in a message: its file, or host and name. No user, no password, no option."""

    def place(self, folder: Path, name: str) -> URL | None:
        """Where a database of ours called `name` can be: in `folder`, or on a server of ours. None where there is none.

        `name` holds letters, digits, `-`, `_` and `.`; of two folders there are two databases.
        """

    def exists(self, url: URL) -> bool:
        """Whether the database is there. Raises Refused or a driver's error when that cannot be told."""

    def file(self, url: URL) -> Path | None:
        """The one file that the database is, if it is one."""

    def engine(self, url: URL, *, read_only: bool, create: bool) -> Engine:
        """An engine whose transactions see one state; with `create` the database is made when it is not there.

        Raises Refused when it is plain that it cannot be written to although it has to.
        """

    def pool(self, url: URL, size: int) -> Engine:
        """An engine for reading with a pool of exactly `size` connections."""

    def async_pool(self, url: URL, size: int) -> "AsyncEngine":
        """The same for an event loop, where `HAS_ASYNC`."""

    def create_tables(self, connection: Connection) -> None:
        """Make those of our tables that are not there."""

    def mismatch(self, connection: Connection) -> str | None:
        """What is wrong with a column of `care_notes`, if its values cannot be compared with those of a query."""

    def alone(self, engine: Engine) -> AbstractContextManager[object]:
        """Hold off everybody else who begins a load in the same database, from before until after a transaction."""

    def writer(self, engine: Engine) -> "Writer":
        """What writes Arrow tables in bulk, with the ledger in the same transaction."""

    def driver(self, connection: Connection) -> Any:
        """The driver's own connection: `execute(sql, values)`, `BEGIN` and `COMMIT` being statements like others."""

    def copy(self, source: URL, target: URL) -> None:
        """Make `target`, which is not there, a copy of `source`, which nobody has open."""

    def move(self, source: URL, target: URL) -> None:
        """Call a database by another name; nobody has it open, and there is none of that name."""

    def drop(self, url: URL) -> None:
        """Remove a database, if it is there, with all that lies beside it."""

    def clear(self, folder: Path) -> None:
        """Remove every database of ours that belongs to `folder` and does not lie in it."""

    def settle(self, engine: Engine) -> None:
        """Have what was written ready to be read, over and over, by whoever measures that."""

    def size(self, connection: Connection) -> int:
        """The bytes that the whole database takes."""

    def index_names(self, connection: Connection) -> set[str]:
        """The indexes of `care_notes`, without that of its key."""

    def settings(self, connection: Connection) -> dict[str, str]:
        """What this connection has of what matters for speed, whoever set it."""

    def version(self) -> str:
        """The version of the engine, or of its driver where the engine is elsewhere."""

    def process(self, connection: Connection) -> int | None:
        """The process that works for a connection, if it is another one than ours and on this machine."""

    def explained(self, connection: Connection, sql: str, values: Any) -> list[str]:
        """The plan of a statement: one line a step, indented by depth."""
