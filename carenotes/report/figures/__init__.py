"""Figures: one function draws one figure from one set of measurements. A module a notebook."""

from carenotes.report.figures.caching import hit_ratios
from carenotes.report.figures.concurrency import clients, lateness, pools, requests
from carenotes.report.figures.dataset_size import growth, widths
from carenotes.report.figures.load import open_loop
from carenotes.report.figures.one_question import index_plans, ladder, seed_tables, steps
from carenotes.report.figures.seed_data import batch_sizes, shares

__all__ = [
    "batch_sizes",
    "clients",
    "growth",
    "hit_ratios",
    "index_plans",
    "ladder",
    "lateness",
    "open_loop",
    "pools",
    "requests",
    "seed_tables",
    "shares",
    "steps",
    "widths",
]
