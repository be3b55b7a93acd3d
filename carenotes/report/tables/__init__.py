"""Tables for people: one function makes one table from one set of measurements. A module a notebook."""

from carenotes.report.tables import caching, claims, concurrency, dataset_size, load, small_claims, trust
from carenotes.report.tables.one_question import ablation, ceilings, ladder, path, plans, query_plans, steps
from carenotes.report.tables.seed_data import loading
from carenotes.report.tables.table import Table, facts

__all__ = [
    "Table",
    "ablation",
    "caching",
    "ceilings",
    "claims",
    "concurrency",
    "dataset_size",
    "facts",
    "ladder",
    "load",
    "loading",
    "path",
    "plans",
    "query_plans",
    "small_claims",
    "steps",
    "trust",
]
