"""The worker's side of what a write costs: notes inserted, corrected or deleted, checked, and taken back."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Any

from sqlalchemy import URL, Connection, Engine, func, select
from typing_extensions import override

from carenotes.aggregators import Aggregator, naive
from carenotes.backends import backend_of, parsed
from carenotes.lab.runner.workers import TIMED, Configuration
from carenotes.models import CareNote
from carenotes.queries import StatsQuery
from carenotes.statements import placeholders

ONE_BY_ONE, BATCH, CORRECTED, DELETED = "inserted one by one", "inserted as a batch", "corrected", "deleted"  # `act`
RIGHT, WRONG = "as the oracle says", "not as the oracle says"  # a digest
_COLUMNS = tuple(column.name for column in CareNote.__table__.columns)
_CHANGE = {ONE_BY_ONE: 1, BATCH: 1, CORRECTED: 0, DELETED: -1}  # of the number of notes, for each that is written
_DAYS, _LATEST = 3, 200  # days that are asked about afterwards; notes by which whoever is asked about is chosen


@cache
def writing(url: str | URL) -> Engine:
    """The engine of a worker for a database that it writes to; whether that is there and ours is known."""
    return backend_of(url).engine(parsed(url), read_only=False, create=False)


def affected(connection: Connection) -> list[StatsQuery]:
    """Queries about the last days, on which the latest notes are, of their largest tenant: all facilities, and one."""
    last = connection.execute(select(func.max(CareNote.created_at))).scalar_one().date()
    newest = CareNote.id > select(func.max(CareNote.id) - _LATEST).scalar_subquery()
    of_newest = select(CareNote.tenant_id, CareNote.facility_id).where(newest)
    group = of_newest.group_by(CareNote.tenant_id, CareNote.facility_id).order_by(func.count().desc())
    tenant, facility = connection.execute(group.limit(1)).one()
    first = last - timedelta(days=_DAYS - 1)
    return [StatsQuery(tenant, first, last), StatsQuery(tenant, first, last, [facility])]


def as_the_oracle(connection: Connection, aggregator: Aggregator, queries: Sequence[StatsQuery]) -> str:
    """Whether an aggregator answers as `naive` does, both in the transaction of the connection."""
    return RIGHT if all(aggregator(connection, one) == naive(connection, one) for one in queries) else WRONG


class Written(Configuration):
    """So many notes written in a transaction that is then taken back: the notes stay as they are.

    They are the latest ones that are there, or new ones that are like them. What is timed is the database's work on the
    table, its indexes and all that is kept beside it; making it permanent is not. Before it is taken back, the
    aggregator is asked about what was written, in the same transaction.
    """

    def __init__(self, url: str | URL, act: str, notes: int, aggregator: Aggregator) -> None:
        self._connection = writing(url).connect()
        self._act, self._aggregator = act, aggregator
        latest = f"SELECT {', '.join(_COLUMNS)} FROM care_notes ORDER BY id DESC LIMIT {int(notes)}"  # noqa: S608
        rows = self._connection.exec_driver_sql(latest).all()  # times as the driver has them
        self._queries, self._there = affected(self._connection), self._count()
        self._connection.rollback()
        self._rows = self._given([tuple(row) for row in rows])
        self._statement = ""
        self._values: Any = ()

    def _given(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The values of a statement for each note."""
        if self._act in (ONE_BY_ONE, BATCH):
            ids = count(rows[0][0] + 1)
            return [(next(ids), *row[1:]) for row in rows]
        if self._act == DELETED:
            return [row[:1] for row in rows]
        patient, priority = _COLUMNS.index("patient_id"), _COLUMNS.index("priority")
        return [(f"{row[patient]} again", 6 - row[priority], row[0]) for row in rows]

    def _sql(self, notes: int) -> str:
        if self._act == DELETED:
            return f"DELETE FROM care_notes WHERE id = {self._places(1)[0]}"  # noqa: S608 - a place, no value
        if self._act == CORRECTED:
            patient, priority, number = self._places(3)
            return f"UPDATE care_notes SET patient_id = {patient}, priority = {priority} WHERE id = {number}"  # noqa: S608
        row = f"({', '.join(self._places(len(_COLUMNS)))})"
        rows = ", ".join([row] * (notes if self._act == BATCH else 1))
        return f"INSERT INTO care_notes ({', '.join(_COLUMNS)}) VALUES {rows}"  # noqa: S608 - names and places

    def _places(self, number: int) -> list[str]:
        return placeholders(self._connection, number)

    def _count(self) -> int:
        found: int = self._connection.execute(select(func.count()).select_from(CareNote)).scalar_one()
        return found

    @override
    def warm_up(self, _round: int, part: int) -> None:
        """The transaction has begun."""
        self._part, self.units = part, written(len(self._rows), part)
        rows = self._rows[: self.units]
        self._statement = self._sql(self.units)
        self._values = tuple(one for row in rows for one in row) if self._act == BATCH else rows
        self._connection.begin()

    @override
    def run(self) -> None:
        self._connection.exec_driver_sql(self._statement, self._values)

    @override
    def digests(self) -> list[str]:
        """How many notes there are more and, but in warm-ups, whether answers are right; then all is taken back."""
        found = [str(self._count() - self._there)]
        if self._part == TIMED:
            found.append(as_the_oracle(self._connection, self._aggregator, self._queries))
        self._connection.rollback()
        return found

    @override
    def close(self) -> None:
        self._connection.close()


def written(notes: int, part: int) -> int:
    """How many of the notes are written in a part of a round."""
    return notes if part == TIMED else max(1, notes // 10)


def right(act: str, notes: int, part: int) -> list[str]:
    """What `Written.digests` must tell."""
    return [str(_CHANGE[act] * written(notes, part)), *([RIGHT] if part == TIMED else [])]
