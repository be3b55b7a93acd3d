"""The worker's side of what an index costs whoever writes: notes inserted by the driver, and taken back."""

from itertools import count

from sqlalchemy import URL
from typing_extensions import override

from carenotes.backends import open_database
from carenotes.lab.runner.workers import TIMED, Configuration
from carenotes.models import CareNote
from carenotes.statements import placeholders

_COLUMNS = tuple(column.name for column in CareNote.__table__.columns)


class Inserts(Configuration):
    """So many notes inserted one by one in a transaction that is then taken back: the file stays as it is.

    They are like the latest notes that are there, with ids of their own. What is timed is the database's work on the
    table and its indexes; making it permanent is not.
    """

    def __init__(self, url: str | URL, notes: int) -> None:
        self._engine = open_database(url)
        self._connection = self._engine.connect()
        values = ", ".join(placeholders(self._connection, len(_COLUMNS)))
        self._insert = f"INSERT INTO care_notes ({', '.join(_COLUMNS)}) VALUES ({values})"  # noqa: S608
        like = f"SELECT {', '.join(_COLUMNS)} FROM care_notes ORDER BY id DESC LIMIT {int(notes)}"  # noqa: S608
        latest = self._connection.exec_driver_sql(like).all()
        self._connection.rollback()
        ids = count(latest[0][0] + 1)
        self._rows = [(next(ids), *row[1:]) for row in latest]
        self._last = latest[0][0]

    @override
    def warm_up(self, _round: int, part: int) -> None:
        """The transaction has begun, and the statement is compiled."""
        self.units = len(self._rows) if part == TIMED else max(1, len(self._rows) // 10)
        self._connection.begin()
        self._connection.exec_driver_sql(self._insert, self._rows[-1])
        self._connection.exec_driver_sql(f"DELETE FROM care_notes WHERE id = {self._rows[-1][0]}")  # noqa: S608

    @override
    def run(self) -> None:
        self._connection.exec_driver_sql(self._insert, self._rows[: self.units])

    @override
    def digests(self) -> list[str]:
        """How many notes there are more; then they are taken back."""
        counted = f"SELECT count(*) FROM care_notes WHERE id > {self._last}"  # noqa: S608
        more = self._connection.exec_driver_sql(counted).scalar_one()
        self._connection.rollback()
        return [str(more)]

    @override
    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()
