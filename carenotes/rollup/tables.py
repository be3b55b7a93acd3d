"""The tables of the rollup. They are in metadata of their own: no database gets them that did not ask for them."""

import json
from dataclasses import asdict, dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    insert,
    inspect,
    select,
    text,
)

from carenotes.models import BigKey
from carenotes.rollup.tree import FANOUT, FIRST_DAY, LAST_DAY, TOP

VERSION = 1  # of what stands in these tables: another one is built anew
OWN = MetaData()

# One row for each node that holds notes. `node` is below 0 where the node is of all facilities, and facility_id 0 then.
NODES = Table(
    "carenotes_rollup_nodes",
    OWN,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("facility_id", BigInteger, primary_key=True, autoincrement=False),
    Column("node", BigInteger, primary_key=True, autoincrement=False),
    Column("labels", String, nullable=False),  # what is counted: see `carenotes.rollup.node`
    Column("counts", LargeBinary, nullable=False),  # how many notes of each
    Column("patients", LargeBinary, nullable=False),  # a serialized roaring bitmap of their numbers
    sqlite_with_rowid=False,
)
# The numbers of a tenant's patients; who a patient is, is the exact text.
PATIENTS = Table(
    "carenotes_rollup_patients",
    OWN,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("patient_id", String, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Index("carenotes_rollup_patients_number", "tenant_id", "number", unique=True),
    sqlite_with_rowid=False,
)
# The tenants that are built, or claimed. Whoever changes anything of a tenant locks its row first.
TENANTS = Table(
    "carenotes_rollup_tenants",
    OWN,
    Column("tenant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("next_number", BigInteger, nullable=False),  # of a patient: none is given out twice
    sqlite_with_rowid=False,
)
NEW_TENANT = text(
    f"INSERT INTO {TENANTS.name} (tenant_id, next_number) VALUES (:tenant_id, :next_number) "  # noqa: S608 - names
    "ON CONFLICT DO NOTHING"
)
CLAIMED = 0  # the next number of a tenant that somebody is about to build
# The log: days of facilities whose leaves are no longer true. Triggers write it; a refresh takes from it. Nothing here
# is unique: of two writers at once, one would leave no mark of its own, and the other's can be taken before it commits.
MARKS = Table(
    "carenotes_rollup_marks",
    OWN,
    Column("tenant_id", BigInteger, nullable=False),
    Column("day", BigInteger, nullable=False),
    Column("facility_id", BigInteger, nullable=False),
    Index("carenotes_rollup_marks_days", "tenant_id", "day", "facility_id"),
)
OF_TENANTS = (NODES, PATIENTS, TENANTS, MARKS)  # what tells of a tenant, and is hidden from others as its notes are
META = Table(
    "carenotes_rollup_meta",
    OWN,
    Column("id", BigKey, primary_key=True),
    Column("built", String, nullable=False),  # JSON of `Built`
)


@dataclass(frozen=True)
class Built:
    """What stands in the tables: all notes of these days. Days before and after them are answered from the notes."""

    first_day: int = FIRST_DAY
    last_day: int = LAST_DAY
    whole: bool = True  # else some tenants are not built yet
    version: int = VERSION
    fanout: int = FANOUT
    top: int = TOP
    notes: int | None = None  # how many there were, where nothing tells of those that are written later

    def as_json(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self))

    @property
    def usable(self) -> bool:
        """Whether this version can answer from it."""
        return self.whole and (self.version, self.fanout, self.top) == (VERSION, FANOUT, TOP)


def built(connection: Connection) -> Built | None:
    """What is said to stand in the tables; None where there are none, or nothing that can be read."""
    if not inspect(connection).has_table(META.name):
        return None
    said = connection.execute(select(META.c.built)).scalar()
    return None if said is None else from_json(said)


def from_json(said: str) -> Built | None:
    """The same from what is kept; None for what this version does not understand."""
    try:
        return Built(**json.loads(said))
    except (ValueError, TypeError):
        return None


def say_built(connection: Connection, what: Built) -> None:
    """Keep what stands in the tables."""
    connection.execute(delete(META))
    connection.execute(insert(META).values(id=1, built=what.as_json()))
