"""Partitions of `care_notes` by month on PostgreSQL, and the way back to the plain table.

The names that are made begin with `carenotes_`. A month is a partition; notes of a month that has none go into the
default one, so that a new month refuses nobody, and `make_months` moves them when it makes their month. Unique is
(id, created_at), for PostgreSQL wants the partition key in every unique key: an id by itself is kept apart by what
gives ids out, the sequence and the ledger, and by nothing else. Everything here is in the transaction of the caller.
"""

from collections.abc import Iterable
from datetime import MAXYEAR, date, datetime
from typing import NamedTuple, Self

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from carenotes.errors import Refused, null_in

KEY = "carenotes_months_key"  # of the partitioned table; by it the table is known to be ours
REST = "carenotes_notes_rest"  # the default partition
_MONTH = "carenotes_notes_{:04d}_{:02d}"
_PLAIN, _PLAIN_KEY = "carenotes_plain", "care_notes_pkey"
MOST_MONTHS = 240  # that partitions are made for; of more, the latest: each costs every plan something


class _Place(NamedTuple):
    """Where `care_notes` is, and what it is."""

    schema: str
    kind: str  # of pg_class: r for a table, p for a partitioned one
    ours: bool


def alone(connection: Connection) -> None:
    """Let nobody write notes until the transaction ends; to be called before anything is read in it.

    What a transaction sees is settled by its first look. Who took the lock after that would copy the notes as they
    were then, and lose those that came between.
    """
    connection.execute(text("LOCK TABLE care_notes IN SHARE ROW EXCLUSIVE MODE"))


def stand(connection: Connection) -> bool:
    """Whether the table is partitioned by us, and a note of any month finds a place."""
    place = _place(connection)
    return place is not None and place.ours and REST in partitions(connection)


def partitions(connection: Connection) -> list[str]:
    """The partitions of `care_notes` by name; none when it is a plain table."""
    found = text(
        "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid "
        "WHERE inhparent = to_regclass('care_notes') ORDER BY relname"
    )
    return list(connection.execute(found).scalars())


def build(connection: Connection) -> None:
    """Put a partitioned table in the place of the plain one, with its notes and indexes.

    Raises Refused for a table to which somebody has tied what would be lost.
    """
    place = _place(connection)
    if place is None or place.kind != "r":
        raise Refused("partitions: care_notes is no plain table of its own; only such a one can be partitioned")
    _refuse_ties(connection)
    with _Renewed(connection, place.schema) as new:
        new.made("PARTITION BY RANGE (created_at)", f"CONSTRAINT {KEY} PRIMARY KEY (id, created_at)")
        new.run(f"CREATE TABLE {new.name(REST)} PARTITION OF {new.name('care_notes')} DEFAULT")
        _make(connection, place.schema, _months(connection, new.name(_PLAIN)))
        new.fill()


def drop(connection: Connection) -> None:
    """Go back to the plain table with every note; of a table that is not ours, nothing.

    Raises Refused when two months hold the same id, which the plain table cannot.
    """
    place = _place(connection)
    if place is None or not place.ours:
        return
    _refuse_ties(connection)
    try:
        with _Renewed(connection, place.schema) as new:
            new.made("", f"CONSTRAINT {_PLAIN_KEY} PRIMARY KEY (id)")
            new.fill()
    except IntegrityError:
        raise Refused("partitions: two months hold the same id; a plain table cannot, so nothing was changed") from None


def make_months(connection: Connection, ahead: int) -> list[str]:
    """Make the months that notes of the default partition are of, and so many after the latest note; their names.

    Those notes are moved. `ahead` counts from the latest note, and not by the clock. The transaction must have read
    nothing before. Raises Refused where `care_notes` is not partitioned by us.
    """
    alone(connection)
    place = _place(connection)
    if place is None or not place.ours:
        raise Refused("care_notes is not partitioned by month; 'carenotes index --plan partitions' does that")
    wanted = _months(connection, _quoted(connection, place.schema, REST))
    latest: datetime | None = connection.execute(text("SELECT max(created_at) FROM care_notes")).scalar()
    if latest is not None:
        wanted |= {after for number in range(ahead + 1) if (after := _after(latest, number)) is not None}
    return _make(connection, place.schema, wanted)


def name_of(day: date) -> str:
    """What the partition of a day's month is called."""
    return _MONTH.format(day.year, day.month)


def _after(moment: datetime, months: int) -> datetime | None:
    """The first moment of the month so many months later; None beyond the calendar."""
    year, month = divmod(12 * moment.year + moment.month - 1 + months, 12)
    return datetime(year, month + 1, 1) if year <= MAXYEAR else None  # noqa: DTZ001 - a UTC time without a zone


def _months(connection: Connection, table: str) -> set[datetime]:
    """The months that notes of a table are of, the latest if there are too many. Raises Refused for one of no month."""
    found = f"SELECT DISTINCT date_trunc('month', created_at) FROM {table} ORDER BY 1 DESC LIMIT {MOST_MONTHS}"  # noqa: S608
    months = set(connection.execute(text(found)).scalars())
    if None in months:  # it comes first
        raise null_in("created_at")
    return {one.replace(tzinfo=None) for one in months}


def _make(connection: Connection, schema: str, months: Iterable[datetime]) -> list[str]:
    """The partitions that lack; what of them lies in the default one is moved.

    A month is made as a table of its own, filled and then attached: while the default partition holds notes of it, the
    month could not be made.
    """
    there, made = set(partitions(connection)), []
    for month in sorted(months):
        name, end = name_of(month), _after(month, 1)
        if name in there or end is None:  # the last month of the calendar stays in the default partition
            continue
        if connection.execute(text("SELECT to_regclass(:name)"), {"name": _quoted(connection, schema, name)}).scalar():
            raise Refused(f"partitions: {name} is there and no part of care_notes (a month that was detached?)")
        new, parent, rest = (_quoted(connection, schema, one) for one in (name, "care_notes", REST))
        connection.execute(text(f"CREATE TABLE {new} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
        ends = {"first": month, "end": end}
        moved = f"DELETE FROM {rest} WHERE created_at >= :first AND created_at < :end RETURNING *"  # noqa: S608
        connection.execute(text(f"WITH moved AS ({moved}) INSERT INTO {new} SELECT * FROM moved"), ends)  # noqa: S608
        # Bounds are no values of a query: DDL takes no parameters, and these are dates that we have made.
        bounds = f"FROM ('{month.date().isoformat()}') TO ('{end.date().isoformat()}')"
        connection.execute(text(f"ALTER TABLE {parent} ATTACH PARTITION {new} FOR VALUES {bounds}"))
        made.append(name)
    return made


class _Renewed:
    """A new `care_notes` in the place of the one that is there, which is called `carenotes_plain` meanwhile.

    When it is left without an error, the indexes are made anew on it, and the former table is gone.
    """

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection, self._schema = connection, schema
        found = text(
            "SELECT pg_get_indexdef(indexrelid), indexrelid::regclass::text FROM pg_index "
            "WHERE indrelid = to_regclass('care_notes') AND NOT indisprimary ORDER BY indexrelid"
        )
        self._indexes = connection.execute(found).all()
        keyed = "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass('care_notes') AND contype = 'p'"
        key: str | None = connection.execute(text(keyed)).scalar()
        if key is None:
            raise Refused("partitions: care_notes has no primary key; allowed: one on id")
        self._key = key
        owned = text("SELECT pg_get_serial_sequence(:table, 'id')")
        self._sequence: str | None = connection.execute(owned, {"table": self.name("care_notes")}).scalar()

    def name(self, table: str) -> str:
        """The quoted name of a table beside it."""
        return _quoted(self._connection, self._schema, table)

    def run(self, sql: str) -> None:
        """Execute DDL."""
        self._connection.execute(text(sql))

    def __enter__(self) -> Self:
        for _, index in self._indexes:
            self.run(f"DROP INDEX {index}")
        key = self._connection.dialect.identifier_preparer.quote_identifier(self._key)
        self.run(f"ALTER TABLE {self.name('care_notes')} DROP CONSTRAINT {key}")
        self.run(f"ALTER TABLE {self.name('care_notes')} RENAME TO {_PLAIN}")
        return self

    def made(self, how: str, key: str) -> None:
        """Make the new table, partitioned or not, with its key."""
        like = f"LIKE {self.name(_PLAIN)} INCLUDING ALL EXCLUDING INDEXES"
        self.run(f"CREATE TABLE {self.name('care_notes')} ({like}, {key}) {how}")
        if self._sequence:  # or it would go with the former table
            self.run(f"ALTER SEQUENCE {self._sequence} OWNED BY {self.name('care_notes')}.id")

    def fill(self) -> None:
        """Bring the notes over, by their ids: so they came."""
        self.run(f"INSERT INTO {self.name('care_notes')} SELECT * FROM {self.name(_PLAIN)} ORDER BY id")  # noqa: S608

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.run(f"DROP TABLE {self.name(_PLAIN)}")
            for made_by, _ in self._indexes:
                self._connection.exec_driver_sql(made_by)


def _place(connection: Connection) -> _Place | None:
    found = text(
        "SELECT nspname, relkind::text, EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND conname = :key) "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = to_regclass('care_notes')"
    )
    row = connection.execute(found, {"key": KEY}).first()
    return _Place(*row) if row else None


def _quoted(connection: Connection, schema: str, name: str) -> str:
    quote = connection.dialect.identifier_preparer.quote_identifier
    return f"{quote(schema)}.{quote(name)}"


# What somebody may have tied to the table or to a partition, and a new table would not have.
_NOTES = (
    "ANY (ARRAY(SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass('care_notes') "
    "UNION ALL SELECT to_regclass('care_notes')::oid))"
)
_TIES = {
    "another owner": f"pg_class WHERE oid = {_NOTES} AND pg_get_userbyid(relowner) <> current_user",
    "grants": f"pg_class WHERE oid = {_NOTES} AND relacl IS NOT NULL",
    "policies": f"pg_policy WHERE polrelid = {_NOTES}",
    "triggers": f"pg_trigger WHERE tgrelid = {_NOTES} AND NOT tgisinternal",
    "foreign keys": f"pg_constraint WHERE contype = 'f' AND (conrelid = {_NOTES} OR confrelid = {_NOTES})",
    "views": f"pg_depend WHERE refobjid = {_NOTES} AND classid = 'pg_rewrite'::regclass",
    "an identity column": f"pg_attribute WHERE attrelid = {_NOTES} AND attidentity <> ''",
    "a parent": "pg_inherits WHERE inhrelid = to_regclass('care_notes')",
    "a publication": f"pg_publication_rel WHERE prrelid = {_NOTES}",
    "indexes of others": (
        f"pg_index JOIN pg_class i ON i.oid = indexrelid WHERE indrelid = {_NOTES} AND NOT indisprimary "
        "AND NOT starts_with(relname, 'carenotes_') AND relname <> ALL (ARRAY['idx_tenant_facility', 'idx_patient'])"
    ),
}


def _refuse_ties(connection: Connection) -> None:
    """Raise Refused where something would be lost that is not ours."""
    for what, where in _TIES.items():
        if connection.execute(text(f"SELECT EXISTS (SELECT FROM {where})")).scalar():  # noqa: S608
            raise Refused(f"partitions: care_notes has {what}, which a new table would not have; nothing was changed")
