"""The worker's side of what is done beside the writes: what is kept is made, or brought up to date after a write."""

from collections.abc import Callable

from sqlalchemy import URL, DateTime, Engine, case, delete, func, insert, literal, select
from typing_extensions import override

from carenotes.lab.runner.workers import TIMED, Configuration
from carenotes.models import CareNote
from carenotes.studies.upkeep.ways import WAYS
from carenotes.studies.upkeep.writes import affected, as_the_oracle, writing

TODAY, LATE, ONE = "notes of today", "notes of all days", "one note"  # `after`: what was written before


_NEW = 4  # one of so many notes is about a patient who was not there before


def write(engine: Engine, notes: int, *, late: bool) -> int:
    """Add so many notes that are like some that are there, of the last day, or of any; the highest id before them."""
    of = CareNote.__table__.c
    with engine.begin() as connection:
        last, moment = connection.execute(select(func.max(of.id), func.max(of.created_at))).one()
        step = max(1, last // notes) if late else 1
        wanted = of.id % step == 0 if late else of.id > last - notes
        times = of.created_at if late else literal(moment, DateTime)
        patients = case((of.id % _NEW == 0, of.patient_id + " new"), else_=of.patient_id)
        other = {"id": of.id + last, "created_at": times, "patient_id": patients}
        columns = [other.get(column.name, column) for column in of]
        like = select(*columns).where(wanted, of.id <= last).order_by(of.id).limit(notes)
        connection.execute(insert(CareNote).from_select([column.name for column in of], like))
    return int(last)


def take_back(engine: Engine, last: int) -> None:
    """Delete all notes above an id."""
    with engine.begin() as connection:
        connection.execute(delete(CareNote).where(CareNote.id > last))


class _Kept(Configuration):
    """Something done to what is kept of a way. Warm-ups only ask from it: what is timed is done once an hour, or once.

    Answers are compared with the oracle's in one transaction.
    """

    def __init__(self, url: str | URL, way: str) -> None:
        self._engine, self._way, self._part = writing(url), WAYS[way], TIMED
        self._seen = ""
        with self._engine.connect() as connection:
            self._queries = affected(connection)

    @override
    def warm_up(self, _round: int, part: int) -> None:
        self._part = part

    @override
    def run(self) -> None:
        if self._part == TIMED:
            self.do()
        else:
            self._seen = self._checked()

    def do(self) -> None:
        """What is timed."""
        raise NotImplementedError

    def _checked(self) -> str:
        with self._engine.connect() as connection:
            return as_the_oracle(connection, self._way.aggregator, self._queries)


class Made(_Kept):
    """A way made from the notes that are there; it was there before, and is forgotten first."""

    @override
    def warm_up(self, _round: int, part: int) -> None:
        self._part = part
        if part == TIMED:
            self._way.forget(self._engine)

    @override
    def do(self) -> None:
        self._way.make(self._engine)

    @override
    def digests(self) -> list[str]:
        return [self._checked() if self._part == TIMED else self._seen]


class Refreshed(_Kept):
    """A way brought up to date after so many notes were written; then they are deleted, and it is so once more."""

    def __init__(self, url: str | URL, way: str, refresh: str, notes: int, *, late: bool) -> None:
        super().__init__(url, way)
        self._refresh: Callable[[Engine], object] = self._way.refreshes[refresh]
        self._notes, self._late, self._last = notes, late, 0

    @override
    def warm_up(self, _round: int, part: int) -> None:
        """The notes have been written."""
        self._part = part
        if part == TIMED:
            self._last = write(self._engine, self._notes, late=self._late)

    @override
    def do(self) -> None:
        self._refresh(self._engine)

    @override
    def digests(self) -> list[str]:
        """Whether answers are right with what was written, and when it is gone again."""
        if self._part != TIMED:
            return [self._seen] * 2
        written = self._checked()
        take_back(self._engine, self._last)
        self._way.refresh_somehow(self._engine)
        return [written, self._checked()]
