"""Ways to answer a query from a connection: plain functions, slow to fast on SQLite.

An aggregator knows no cache and no clock. The first one, `naive`, is the oracle: the definition of correct.
Each has one entry here: the function, and what it needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import Connection

from carenotes.aggregators.naive import naive
from carenotes.aggregators.pushdown import pushdown
from carenotes.aggregators.single_pass import single_pass
from carenotes.design import NONE, Design
from carenotes.errors import Refused
from carenotes.queries import CareStats, StatsQuery
from carenotes.rollup.design import DESIGN as ROLLUP
from carenotes.rollup.reading import pyramid, rollup

Aggregator = Callable[[Connection, StatsQuery], CareStats]


@dataclass(frozen=True)
class Needs:
    """What an aggregator must find to be right at all, and the most statements that it sends for a query."""

    design: Design = NONE  # right on every design
    statements: int = 1


_ENTRIES: Mapping[str, tuple[Aggregator, Needs]] = {
    "naive": (naive, Needs()),
    "single_pass": (single_pass, Needs()),
    "pushdown": (pushdown, Needs()),
    "rollup": (rollup, Needs(ROLLUP, 2)),
    "pyramid": (pyramid, Needs(ROLLUP, 2)),
}
AGGREGATORS: Mapping[str, Aggregator] = MappingProxyType({name: answer for name, (answer, _) in _ENTRIES.items()})
NEEDS: Mapping[str, Needs] = MappingProxyType({name: needs for name, (_, needs) in _ENTRIES.items()})


def aggregator(name: str) -> Aggregator:
    """The aggregator `name`; Refused for a name that is none."""
    try:
        return AGGREGATORS[name]
    except KeyError:
        raise Refused(f"{name}: no such aggregator; allowed: {', '.join(AGGREGATORS)}") from None


__all__ = [
    "AGGREGATORS",
    "NEEDS",
    "Aggregator",
    "Needs",
    "aggregator",
    "naive",
    "pushdown",
    "pyramid",
    "rollup",
    "single_pass",
]
