"""Sentences that hold measured numbers: computed here, never typed into a notebook. A module a notebook."""

from carenotes.report.readings import caching, concurrency, dataset_size, load, small_claims, trust
from carenotes.report.readings.one_question import ablation, fastest, ladder, limits, plans, seed_tables, steps
from carenotes.report.readings.reading import NO_COMPARISON, NOT_MEASURED, Reading, gate
from carenotes.report.readings.seed_data import loading

__all__ = [
    "NOT_MEASURED",
    "NO_COMPARISON",
    "Reading",
    "ablation",
    "caching",
    "concurrency",
    "dataset_size",
    "fastest",
    "gate",
    "ladder",
    "limits",
    "load",
    "loading",
    "plans",
    "seed_tables",
    "small_claims",
    "steps",
    "trust",
]
