"""What one note costs a way to keep answers, and how many queries pay that back: from the times that were measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from carenotes.lab.conditions import Condition
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import medians
from carenotes.studies.upkeep.keeping import ONE
from carenotes.studies.upkeep.ways import INDEX
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
    """The price of each way, by engine and way; of a way with several refreshes the one that lets others read on."""
    inserts = _seconds(writes, act=ONE_BY_ONE)
    after_one = _seconds(refreshes, after=ONE)
    gains = {days: _gains(one) for days, one in reads.items()}
    found: dict[tuple[str, str], Price] = {}
    for engine, way in gains[next(iter(gains))]:
        extra = inserts.get((engine, way), inserts[engine, INDEX]) - inserts[engine, INDEX]
        cost = max(0.0, extra) + after_one.get((engine, way), 0.0)
        found[engine, way] = Price(way, cost, {days: each[engine, way] for days, each in gains.items()})
    return found


def _seconds(one: Measured, **fields: str) -> dict[tuple[str, str], float]:
    """The median of each engine and way; where there are several, of the one that is named last."""
    each = medians(one.samples)
    return {_place(of): each[label].value for label, of in one.every(**fields).items() if label in each}


def _gains(one: Measured) -> dict[tuple[str, str], float]:
    """What a query takes less than by the covering index, of each way whose last day is not marked."""
    each = medians(one.samples)
    there = {_place(of): each[label].value for label, of in one.conditions.items() if not of.get("today")}
    return {(engine, way): there[engine, INDEX] - took for (engine, way), took in there.items() if way != INDEX}


def _place(of: Condition) -> tuple[str, str]:
    return str(of.engine), str(of.get("kept"))
