"""What a way to keep answers costs: bytes, and what one note takes; and how many queries pay that back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from carenotes.lab.conditions import Condition
from carenotes.lab.runner.measured import Measured
from carenotes.rollup.tables import OWN as ROLLUP
from carenotes.studies.upkeep.counted import OWN as COUNTS
from carenotes.studies.upkeep.keeping import ONE
from carenotes.studies.upkeep.ways import COUNTED, INDEX, MARKED, POSTGRESQL, VIEWED, WAYS
from carenotes.studies.upkeep.writes import ONE_BY_ONE


@dataclass(frozen=True)
class Price:
    """Seconds that one note costs, and seconds that a query gains, by the days that it is about."""

    said: str
    cost: float
    gains: Mapping[int, float]

    def queries(self, days: int) -> float | None:
        """How many queries pay for one note; None where they gain nothing."""
        gain = self.gains[days]
        return self.cost / gain if gain > 0 else None


def prices(writes: Measured, refreshes: Measured, reads: Mapping[int, Measured]) -> dict[tuple[str, str], Price]:
    """The price of each way, by engine and way, where nothing that it follows from was wrong.

    Of a way with several refreshes it is that of the one that lets others read on.
    """
    inserts, after_one = _seconds(writes, act=ONE_BY_ONE), _seconds(refreshes, after=ONE)
    gains = {days: _gains(one) for days, one in reads.items()}
    found: dict[tuple[str, str], Price] = {}
    for engine, way in next(iter(gains.values())):
        key, base = (engine, way), (engine, INDEX)
        written = {base} if way == VIEWED else {key, base}  # a view costs a write nothing
        needed = [written <= inserts.keys()]
        needed += [not WAYS[way].refreshes or key in after_one, all(key in one for one in gains.values())]
        if all(needed):
            extra = inserts.get(key, inserts[base]) - inserts[base]
            cost = max(0.0, extra) + after_one.get(key, 0.0)
            found[key] = Price(way, cost, {days: one[key] for days, one in gains.items()})
    return found


def _seconds(one: Measured, **fields: str) -> dict[tuple[str, str], float]:
    """The median of each engine and way; where there are several, of the one that is named last."""
    each = one.medians
    return {_place(of): each[label].value for label, of in one.every(**fields).items() if label in each}


def _gains(one: Measured) -> dict[tuple[str, str], float]:
    """What a query takes less than by the covering index, of each way whose last day is not marked."""
    each = one.medians
    there = {
        _place(of): each[label].value for label, of in one.conditions.items() if label in each and not of.get("today")
    }
    return {
        (engine, way): there[engine, INDEX] - took
        for (engine, way), took in there.items()
        if way != INDEX and (engine, INDEX) in there
    }


def _place(of: Condition) -> tuple[str, str]:
    return str(of.engine), str(of.get("kept"))


NOTES = "care_notes"
_INDEX = "carenotes_covering"
_TABLES: Mapping[str, Iterable[str]] = {MARKED: ROLLUP.tables, COUNTED: COUNTS.tables, VIEWED: COUNTS.tables}


def bytes_of_way(engine: Engine, way: str) -> int:
    """The bytes of all that a way adds to the covering index: tables with their indexes; of `INDEX` itself, its own."""
    names = [_INDEX] if way == INDEX else _TABLES[way]
    with engine.connect() as connection:
        return sum(_bytes(connection, name) for name in names)


def bytes_of_notes(engine: Engine) -> int:
    """The bytes of the notes without any index."""
    with engine.connect() as connection:
        return _of_table(connection, NOTES)


def _bytes(connection: Connection, name: str) -> int:
    """A table with its indexes, or an index."""
    if connection.dialect.name == POSTGRESQL:
        return _sum(connection, "SELECT pg_total_relation_size(to_regclass(:name))", name)
    parts = "SELECT name FROM sqlite_schema WHERE tbl_name = :name OR name = :name"
    return _sum(connection, f"SELECT sum(pgsize) FROM dbstat WHERE name IN ({parts})", name)  # noqa: S608 - ours


def _of_table(connection: Connection, name: str) -> int:
    if connection.dialect.name == POSTGRESQL:
        return _sum(connection, "SELECT pg_table_size(to_regclass(:name))", name)
    return _sum(connection, "SELECT sum(pgsize) FROM dbstat WHERE name = :name", name)


def _sum(connection: Connection, asked: str, name: str) -> int:
    return int(connection.execute(text(asked), {"name": name}).scalar_one() or 0)
