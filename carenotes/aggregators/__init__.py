"""Ways to answer a query from a connection: plain functions, slow to fast on SQLite.

An aggregator knows no cache and no clock. The first one, `naive`, is the oracle: the definition of correct.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlalchemy import Connection

from carenotes.aggregators.naive import naive
from carenotes.aggregators.pushdown import pushdown
from carenotes.aggregators.single_pass import single_pass
from carenotes.errors import Refused
from carenotes.queries import CareStats, StatsQuery

Aggregator = Callable[[Connection, StatsQuery], CareStats]

AGGREGATORS: Mapping[str, Aggregator] = MappingProxyType(
    {"naive": naive, "single_pass": single_pass, "pushdown": pushdown}
)


def aggregator(name: str) -> Aggregator:
    """The aggregator `name`; Refused for a name that is none."""
    try:
        return AGGREGATORS[name]
    except KeyError:
        raise Refused(f"{name}: no such aggregator; allowed: {', '.join(AGGREGATORS)}") from None


__all__ = ["AGGREGATORS", "Aggregator", "aggregator", "naive", "pushdown", "single_pass"]
