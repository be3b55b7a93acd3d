"""carenotes finds out, with evidence, what makes a multi-tenant dashboard question fast, and at what price.

A `StatsQuery` is a query about one tenant's notes, a `CareStats` its exact answer, an aggregator a plain
function from a SQLAlchemy connection and a query to an answer. `AGGREGATORS` holds them from slow to fast;
the first, `naive`, is the oracle that every other one must equal. `carenotes.seeding` makes the notes,
`carenotes.lab` measures, `carenotes.report` turns notebooks and measurements into one page.
"""

from carenotes.aggregators import AGGREGATORS, Aggregator
from carenotes.backends import open_database
from carenotes.cache import QueryCache
from carenotes.errors import CarenotesError, Failed, Refused
from carenotes.queries import CareStats, StatsQuery

__version__ = "0.1.0"

__all__ = [
    "AGGREGATORS",
    "Aggregator",
    "CareStats",
    "CarenotesError",
    "Failed",
    "QueryCache",
    "Refused",
    "StatsQuery",
    "__version__",
    "open_database",
]
