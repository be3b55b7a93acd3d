"""The worker's side of removing a month: a partition that is dropped, against rows that are deleted and vacuumed.

Before it is removed the month is put back, which is not timed. Every statement is permanent.
"""

from datetime import datetime

from sqlalchemy import URL, Connection, DateTime, Engine, TextClause, bindparam, text
from typing_extensions import override

from carenotes.backends import backend_of, open_database
from carenotes.backends.postgresql import months
from carenotes.lab.runner.workers import TIMED, Configuration

KEPT = "carenotes_kept"  # the notes of the month, to be put back


def _of_month(sql: str, first: datetime, end: datetime) -> TextClause:
    """A statement about the notes from one moment until before another."""
    ends = {"first": first, "end": end}
    where = " WHERE created_at >= :first AND created_at < :end"
    return text(sql + where).bindparams(*(bindparam(name, one, DateTime) for name, one in ends.items()))


def keep(first: datetime, end: datetime, engine: Engine) -> None:
    """Keep the notes from one day until before another one, beside the table."""
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE {KEPT} (LIKE care_notes)"))
        connection.execute(_of_month(f"INSERT INTO {KEPT} SELECT * FROM care_notes", first, end))  # noqa: S608
    backend_of(engine).settle(engine)


class Removed(Configuration):
    """A month removed from care_notes; the work is one month. Warm-ups only count: it is removed once a month, or once.

    A month is there again before it is removed, and what is left of the former round is cleared away.
    """

    def __init__(self, url: str | URL, first: datetime, end: datetime) -> None:
        self._engine, self._first, self._end = open_database(url), first, end
        self._connection = self._engine.connect()
        self._own: Connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    @override
    def warm_up(self, _round: int, part: int) -> None:
        self._part = part
        if part == TIMED:
            self.settle()
        else:
            self.put_back()

    @override
    def run(self) -> None:
        if self._part == TIMED:
            self.remove()
        else:
            self._count()

    def remove(self) -> None:
        """What is timed."""
        raise NotImplementedError

    def put_back(self) -> None:
        """Insert the notes of the month."""
        with self._connection.begin():
            lacking = "WHERE NOT EXISTS (SELECT FROM care_notes there WHERE there.id = kept.id)"
            self._connection.execute(text(f"INSERT INTO care_notes SELECT * FROM {KEPT} kept {lacking}"))  # noqa: S608

    def settle(self) -> None:
        """Vacuum the table."""
        self._own.execute(text("VACUUM care_notes"))

    @override
    def digests(self) -> list[str]:
        """How many notes are there, or left."""
        return [str(self._count())]

    def _count(self) -> int:
        with self._connection.begin():
            return int(self._connection.execute(text("SELECT count(*) FROM care_notes")).scalar_one())

    @override
    def close(self) -> None:
        self._connection.close()
        self._own.close()
        self._engine.dispose()


class Deleted(Removed):
    """By DELETE; with `vacuum`, until the room can be used again."""

    def __init__(self, url: str | URL, first: datetime, end: datetime, *, vacuum: bool) -> None:
        super().__init__(url, first, end)
        self._vacuum = vacuum

    @override
    def remove(self) -> None:
        with self._connection.begin():
            self._connection.execute(_of_month("DELETE FROM care_notes", self._first, self._end))
        if self._vacuum:
            self._own.execute(text("VACUUM care_notes"))


class Dropped(Removed):
    """By dropping its partition, and with it its files."""

    @override
    def put_back(self) -> None:
        """Its partition is there again, too."""
        super().put_back()
        with self._connection.begin():
            months.make_months(self._connection, 0)

    @override
    def settle(self) -> None:
        """Nothing is left of a partition."""

    @override
    def remove(self) -> None:
        name = months.name_of(self._first)
        with self._connection.begin():
            self._connection.execute(text(f"ALTER TABLE care_notes DETACH PARTITION {name}"))
            self._connection.execute(text(f"DROP TABLE {name}"))
