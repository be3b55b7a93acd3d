"""A cache of answers that can be trusted with many tenants: one load at a time, fenced fills, errors never kept."""

from carenotes.cache.query_cache import Lookup, QueryCache
from carenotes.cache.statistics import Statistics
from carenotes.cache.versions import Versioned

__all__ = ["Lookup", "QueryCache", "Statistics", "Versioned"]
