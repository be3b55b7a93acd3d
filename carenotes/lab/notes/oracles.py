"""What is right: the naive aggregator by definition, and pandas over the raw columns, held equal to it.

The second oracle shares nothing with what is measured but the file: no model, no expression of ours, no GROUP BY. It
stands in where the first would take minutes: for the many answers that are timed.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import URL, BigInteger, Connection, DateTime, Engine, bindparam, text

from carenotes.aggregators import naive
from carenotes.backends import open_database
from carenotes.errors import Failed
from carenotes.lab.notes.stored import Notes
from carenotes.queries import CareStats, StatsQuery

_COLUMNS = ("created_at", "facility_id", "patient_id", "category", "priority")
_RAW = f"SELECT id, {', '.join(_COLUMNS)} FROM care_notes WHERE tenant_id = :tenant"  # noqa: S608 - names of ours
_TENANT = bindparam("tenant", type_=BigInteger)
_PAGE = 50_000  # notes that are read in one transaction: whoever writes meanwhile waits no longer


class Column(NamedTuple):
    """Values that are kept once, and for each note which of them it has: counted faster than sorted."""

    codes: NDArray[np.intp]
    values: list[Any]


class Columns(NamedTuple):
    """Notes, sorted by time."""

    moments: NDArray[np.datetime64]
    of: dict[str, Column]


class PandasOracle:
    """Answers from a tenant's raw columns, read once and sorted by time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tenants: dict[int, Columns] = {}
        self.held_equal: set[StatsQuery] = set()  # over which it has been compared with the first oracle

    def __call__(self, query: StatsQuery) -> CareStats:
        """The answer to a query."""
        return _counted(self._of(query.tenant_id), query)

    def at(self, connection: Connection, query: StatsQuery) -> CareStats:
        """The answer from what a transaction sees: of the tenant's notes only those of the days are read."""
        days = [bindparam(name, type_=DateTime) for name in ("first", "last")]
        asked = text(f"{_RAW} AND created_at BETWEEN :first AND :last").bindparams(_TENANT, *days)
        values = {"tenant": query.tenant_id, "first": query.first_moment, "last": query.last_moment}
        rows = connection.execute(asked, values).fetchall()
        return _counted(_columns([tuple(row)[1:] for row in rows]), query)

    def _of(self, tenant: int) -> Columns:
        if tenant not in self._tenants:
            with self._engine.connect() as connection:
                self._tenants[tenant] = _columns([row for page in _pages(connection, tenant) for row in page])
        return self._tenants[tenant]


def _counted(notes: Columns, query: StatsQuery) -> CareStats:
    """The answer from a tenant's columns."""
    begin = np.searchsorted(notes.moments, np.datetime64(query.first_moment))
    end = np.searchsorted(notes.moments, np.datetime64(query.last_moment), side="right")
    met = {name: column.codes[begin:end] for name, column in notes.of.items()}
    if query.facility_ids is not None:
        wanted = np.isin(notes.of["facility_id"].values, query.facility_ids)[met["facility_id"]]
        met = {name: codes[wanted] for name, codes in met.items()}
    counts = [_counts(met[name], notes.of[name].values) for name in ("category", "priority", "facility_id")]
    patients = int(np.count_nonzero(np.bincount(met["patient_id"])))
    return CareStats(len(met["patient_id"]), patients, *counts)


def _columns(rows: list[tuple[Any, ...]]) -> Columns:
    """The columns of rows."""
    notes = pd.DataFrame.from_records(rows, columns=_COLUMNS)
    # With a zone or without, as the database keeps them: they are UTC.
    notes["created_at"] = pd.to_datetime(notes["created_at"], format="ISO8601", utc=True).dt.tz_localize(None)
    notes = notes.sort_values("created_at", ignore_index=True)
    return Columns(
        notes["created_at"].to_numpy().astype("M8[us]"), {name: _column(notes[name]) for name in _COLUMNS[1:]}
    )


def _column(values: pd.Series) -> Column:
    """One that is missing is a value as well."""
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    return Column(codes, distinct.tolist())


def _pages(connection: Connection, tenant: int) -> Iterator[list[tuple[Any, ...]]]:
    """The columns of a tenant's notes, a page at a time, in order of their ids."""
    last: int | None = None
    while True:
        after = "" if last is None else f" AND id > {int(last)}"
        page = text(f"{_RAW}{after} ORDER BY id LIMIT {_PAGE}").bindparams(_TENANT)
        with connection.begin():
            rows = connection.execute(page, {"tenant": tenant}).fetchall()
        if rows:
            yield [tuple(row)[1:] for row in rows]
            last = rows[-1][0]
        if len(rows) < _PAGE:
            return


def _counts(codes: NDArray[np.intp], values: list[Any]) -> dict[Any, int]:
    counts = np.bincount(codes)
    return {values[code]: int(counts[code]) for code in np.flatnonzero(counts)}


@lru_cache(16)
def _oracle_of(url: URL) -> PandasOracle:
    """One for all experiments on the same notes, which are read once."""
    return PandasOracle(open_database(url, read_only=True))


class Truth:
    """The digests of the right answers about some notes, each found once."""

    def __init__(self, notes: Notes) -> None:
        self._engine = notes.engine(notes.best_design)
        self._oracle = _oracle_of(notes.url(notes.best_design))
        self._known: dict[StatsQuery, str] = {}

    def of(self, query: StatsQuery) -> str:
        """The digest of the right answer."""
        if query not in self._known:
            self._known[query] = self._oracle(query).digest()
        return self._known[query]

    def hold_oracles_equal(self, queries: Iterable[StatsQuery]) -> None:
        """Ask both oracles. Raises Failed when they differ: then nothing can be called right."""
        with self._engine.connect() as connection:
            for query in queries:
                if query in self._oracle.held_equal:  # several experiments begin with the same queries
                    continue
                with connection.begin():
                    first = naive(connection, query).digest()
                if first != self.of(query) and not self._equal_in_a_snapshot(connection, query):
                    raise Failed(f"the two oracles differ over {query}: nothing can be called right")
                self._oracle.held_equal.add(query)

    def _equal_in_a_snapshot(self, connection: Connection, query: StatsQuery) -> bool:
        """Whether the oracles are equal when both read the notes as they are at one moment: they may be changing."""
        with connection.begin():
            right = naive(connection, query).digest()
            equal = self._oracle.at(connection, query).digest() == right
        self._known[query] = right
        return equal

    def right_in_a_snapshot(self, ask: Callable[[Connection, StatsQuery], Any], query: StatsQuery) -> bool:
        """Whether `ask` answers as the oracle does when both read the notes as they are at one moment.

        What is right from then on is what was right at that moment.
        """
        with self._engine.connect() as connection, connection.begin():
            right = naive(connection, query)
            given = ask(connection, query)
        self._known[query] = right.digest()
        return bool(given == right)
