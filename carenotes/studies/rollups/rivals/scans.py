"""Raw scans that a user would run: the notes in memory, sorted by tenant and time, no answer worked out beforehand."""

from pathlib import Path
from typing import Any

from carenotes.aggregators.pushdown import from_groups
from carenotes.queries import CareStats, StatsQuery
from carenotes.studies.rollups.rivals.columns import read


def in_memory(file: Path, *statements: str) -> Any:
    """A database of DuckDB's in memory, made by statements that select from `columns`."""
    import duckdb

    connection = duckdb.connect(":memory:")
    connection.execute("PRAGMA disable_progress_bar")  # it is drawn where no script runs, as in a worker
    connection.register("columns", read(file))
    for statement in statements:
        connection.execute(statement)
    connection.unregister("columns")
    return connection


def held_by(connection: Any) -> int:
    """The bytes of its data, as DuckDB counts them."""
    return int(connection.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall()[0][0])


class DuckTable:
    """A table of DuckDB's; one statement, which groups and counts. Of its blocks it knows their ends."""

    def __init__(self, file: Path) -> None:
        self._connection = in_memory(file, "CREATE TABLE notes AS SELECT * FROM columns")

    def answer(self, query: StatsQuery) -> CareStats:
        """The answer, over one connection."""
        some = query.facility_ids is not None
        values = [query.tenant_id, query.first_moment, query.last_moment, *([list(query.facility_ids or ())] * some)]
        return from_groups(self._connection.execute(_SOME if some else _ALL, values * 2).fetchall())

    def size(self) -> int:
        """The bytes of its data, as the library counts them."""
        return held_by(self._connection)


_WANTED = "WHERE tenant_id = ? AND created_at BETWEEN ? AND ? {0}"
_GROUPED = (
    "SELECT facility_id, category, priority, count(*), "  # noqa: S608 - no value
    f"(SELECT count(DISTINCT patient_id) FROM notes {_WANTED}) "
    f"FROM notes {_WANTED} GROUP BY facility_id, category, priority"
)
_ALL, _SOME = (_GROUPED.format(one) for one in ("", "AND list_contains(?, facility_id)"))


class PolarsFrame:
    """A frame of Polars', filtered."""

    def __init__(self, file: Path) -> None:
        import polars

        self._library: Any = polars
        self._notes: Any = polars.from_arrow(read(file))

    def answer(self, query: StatsQuery) -> CareStats:
        """The answer from what the filter leaves."""
        column = self._library.col
        days = column("created_at").is_between(query.first_moment, query.last_moment)
        met = self._notes.filter((column("tenant_id") == query.tenant_id) & days)
        return self.grouped(met, query)

    def grouped(self, met: Any, query: StatsQuery) -> CareStats:
        """The answer from the notes of a tenant and its days."""
        if query.facility_ids is not None:
            met = met.filter(self._library.col("facility_id").is_in(query.facility_ids))
        groups = met.group_by("facility_id", "category", "priority").agg(self._library.len())
        patients = met["patient_id"].n_unique()
        return from_groups((*row, patients) for row in groups.iter_rows())

    def size(self) -> int:
        """The bytes of its data, as the library counts them."""
        return int(self._notes.estimated_size())


class PandasFrame:
    """A frame of pandas', filtered; its texts are categoricals."""

    def __init__(self, file: Path) -> None:
        self._notes: Any = read(file).to_pandas()

    def answer(self, query: StatsQuery) -> CareStats:
        """The answer from what the filter leaves."""
        notes = self._notes
        wanted = (notes["tenant_id"] == query.tenant_id) & notes["created_at"].between(
            query.first_moment, query.last_moment
        )
        if query.facility_ids is not None:
            wanted &= notes["facility_id"].isin(query.facility_ids)
        met = notes[wanted]
        groups = met.groupby(["facility_id", "category", "priority"], observed=True).size()
        patients = met["patient_id"].cat.codes.nunique()
        return from_groups((*key, int(count), patients) for key, count in groups.items())

    def size(self) -> int:
        """The bytes of its data, as the library counts them."""
        return int(self._notes.memory_usage(deep=True).sum())
