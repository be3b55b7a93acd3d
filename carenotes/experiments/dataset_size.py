"""Notebook 03: how the price of one question grows with the data, and with the width of a row."""

from collections.abc import Sequence
from functools import partial

from carenotes.aggregators import AGGREGATORS
from carenotes.experiments.one_question import ON_DUCKDB
from carenotes.lab.datasets import Copies, bytes_of
from carenotes.lab.ladder import Condition, compare, distinct_questions
from carenotes.lab.study import Measured, Study

NOTEBOOK = "03_dataset_size"
RUNGS: dict[str, tuple[str, str]] = {  # an aggregator and an index plan
    "naive, no index": ("naive", "none"),
    "naive, covering index": ("naive", "covering"),
    "single_pass, covering index": ("single_pass", "covering"),
    "pushdown, covering index": ("pushdown", "covering"),
}
WIDTH_RUNGS: dict[str, tuple[str, str]] = {
    "naive, no index": ("naive", "none"),
    "naive, covering index": ("naive", "covering"),
    "pushdown, no index": ("pushdown", "none"),
    "pushdown, covering index": ("pushdown", "covering"),
}


def sizes_there(study: Study, notes: Copies, sizes: Sequence[int]) -> list[int]:
    """Those of the sizes that the notes reach; all of them when the notes are made from a seed."""
    there: int = study.finding("notes there", lambda: min(max(sizes), notes.most()))
    return [size for size in sorted(sizes) if size <= there] or [there]


def data_facts(study: Study, notes: Copies, sizes: Sequence[int]) -> dict[str, dict[str, int]]:
    """What grows and what does not: notes, tenants, facilities, days, and bytes of the file, for each size."""
    return {f"{size:,} notes": study.finding(f"size/{size}", partial(_facts, notes, size)) for size in sizes}


def _facts(notes: Copies, size: int) -> dict[str, int]:
    some = notes.resized(size)
    who = some.population
    return {
        "tenants": len(who.tenants),
        "facilities": len(who.sizes),
        "days": (who.last_day - who.first_day).days + 1,
        "bytes without an index": bytes_of(some, "none"),
        "bytes with the covering index": bytes_of(some, "covering"),
    }


def growth(study: Study, notes: Copies, sizes: Sequence[int], days: int, rounds: int) -> Measured:
    """Each rung at each size, all in the same rounds, on the same questions; conditions are named `rung/size`."""
    conditions = [one for size in sizes for one in _at(notes.resized(size), size)]
    stream = distinct_questions(
        notes.resized(min(sizes)), study.random_seed, days
    )  # whoever is in the fewest is in all
    return compare(study, "growth", conditions, stream, rounds=rounds)


def _at(notes: Copies, size: int) -> list[Condition]:
    rungs = [Condition(f"{rung}/{size}", AGGREGATORS[name], notes, plan) for rung, (name, plan) in RUNGS.items()]
    return [*rungs, Condition(f"{ON_DUCKDB}/{size}", AGGREGATORS["pushdown"], notes.in_duckdb(), "none", truth=notes)]


def widths(study: Study, notes: Copies, lengths: Sequence[int], days: int, rounds: int) -> Measured:
    """Rungs that read rows and rungs that read an index, over lengths of the text; conditions are `rung/length`."""
    wider = {length: notes.wider(length) for length in lengths}
    conditions = [
        Condition(f"{rung}/{length}", AGGREGATORS[name], some, plan)
        for length, some in wider.items()
        for rung, (name, plan) in WIDTH_RUNGS.items()
    ]
    stream = distinct_questions(notes, study.random_seed, days)
    return compare(study, "row width", conditions, stream, rounds=rounds)
