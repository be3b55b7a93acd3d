"""The sizes of a whole run. `smoke` is what the notebooks have as defaults; a test keeps the two in step.

Those that decide are there for other data as well: `standard-2` is `standard` on notes, queries and orders of rounds
that are drawn from the seed 2.

Rounds were chosen once, from the spread of a run of the standard profile (`benchmarks/rounds.py`): 12, which suffice
for most tables, and more where one is judged by a tenth and needs them to tell a truth of 1 from that in four of five
runs. Where only large ratios stand (`growth`, the longer comparison) they were not raised: that would take over 40.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from carenotes.errors import Refused

Parameters = Mapping[str, Any]

# Where a notebook keeps its results, and its copies of the notes; empty: nowhere, and a folder that goes with it.
_PLACES = {"results": "", "scratch": ""}

REPORT = "09_performance_report"
REPORT_DEFAULTS: Parameters = {"results": "../reports/reference/results.sqlite"}

_SIZES: Mapping[str, Mapping[str, Parameters]] = {
    "smoke": {
        "01_seed_data": {
            "notes": 10_000,
            "load_notes": 10_000,
            "batches": [1_000, 5_000, 10_000],
            "rounds": 2,
            "own_rounds": {},
            "random_seed": 1,
        },
        "02_one_query": {
            "database": "",
            "notes": 10_000,
            "short_days": 1,
            "long_days": 30,
            "original_notes": 10_000,
            "original_rounds": 2,
            "rounds": 2,
            "own_rounds": {},
            "random_seed": 1,
        },
        "03_dataset_size": {
            "database": "",
            "sizes": [100, 1_000, 10_000],
            "width_notes": 3_000,
            "widths": [1, 1_000],
            "days": 1,
            "rounds": 2,
            "own_rounds": {},
            "random_seed": 1,
        },
        "04_cache": {
            "database": "",
            "notes": 10_000,
            "original_notes": 10_000,
            "callers": [20, 1_000],
            "ttls": [5, 30, 300],
            "gaps": [1, 10, 100, 1_000],
            "writes_an_hour": 60,
            "requests": 1_000,
            "rounds": 2,
            "own_rounds": {},
            "random_seed": 1,
        },
        "05_concurrency": {
            "database": "",
            "notes": 10_000,
            "original_notes": 10_000,
            "days": 7,
            "levels": [1, 8],
            "pools": [1, 4],
            "pool_clients": 8,
            "units": 16,
            "requests": [20, 100],
            "load_notes": 10_000,
            "loads": [30],
            "arrivals": 60,
            "load_rounds": 1,
            "rounds": 2,
            "own_rounds": {},
            "random_seed": 1,
        },
    },
    "standard": {
        "01_seed_data": {
            "notes": 200_000,
            "load_notes": 50_000,
            "batches": [500, 5_000, 50_000],
            "rounds": 12,
            "own_rounds": {},
            "random_seed": 1,
        },
        "02_one_query": {
            "database": "",
            "notes": 200_000,
            "short_days": 1,
            "long_days": 30,
            "original_notes": 100_000,
            "original_rounds": 12,
            "rounds": 12,
            "own_rounds": {"index-facility": 28, "equality": 18},
            "random_seed": 1,
        },
        "03_dataset_size": {
            "database": "",
            "sizes": [10_000, 25_000, 63_000, 160_000, 400_000, 1_000_000],
            "width_notes": 10_000,
            "widths": [1, 200, 2_000],
            "days": 1,
            "rounds": 12,
            "own_rounds": {},
            "random_seed": 1,
        },
        "04_cache": {
            "database": "",
            "notes": 200_000,
            "original_notes": 100_000,
            "callers": [20, 1_000],
            "ttls": [5, 30, 300],
            "gaps": [1, 10, 100, 1_000],
            "writes_an_hour": 60,
            "requests": 10_000,
            "rounds": 12,
            "own_rounds": {},
            "random_seed": 1,
        },
        "05_concurrency": {
            "database": "",
            "notes": 200_000,
            "original_notes": 100_000,
            "days": 1,
            "levels": [1, 2, 3, 4, 6, 8, 16, 32],
            "pools": [1, 2, 4, 8],
            "pool_clients": 16,
            "units": 32,
            "requests": [20, 1_000],
            "load_notes": 20_000,
            "loads": [10, 20, 35, 50, 65, 80],
            "arrivals": 300,
            "load_rounds": 6,
            "rounds": 12,
            "own_rounds": {"pools": 20},
            "random_seed": 1,
        },
    },
    "full": {
        "01_seed_data": {
            "notes": 10_000_000,
            "load_notes": 1_000_000,
            "batches": [500, 2_000, 5_000, 50_000, 100_000, 500_000],
            "rounds": 30,
            "own_rounds": {},
            "random_seed": 1,
        },
        "02_one_query": {
            "database": "",
            "notes": 10_000_000,
            "short_days": 1,
            "long_days": 30,
            "original_notes": 100_000,
            "original_rounds": 60,
            "rounds": 30,
            "own_rounds": {},
            "random_seed": 1,
        },
        "03_dataset_size": {
            "database": "",
            "sizes": [10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000],
            "width_notes": 200_000,
            "widths": [1, 200, 2_000],
            "days": 1,
            "rounds": 30,
            "own_rounds": {"growth": 12},
            "random_seed": 1,
        },
        "04_cache": {
            "database": "",
            "notes": 10_000_000,
            "original_notes": 100_000,
            "callers": [20, 1_000, 10_000],
            "ttls": [5, 30, 60, 300],
            "gaps": [1, 10, 100, 1_000],
            "writes_an_hour": 60,
            "requests": 100_000,
            "rounds": 30,
            "own_rounds": {},
            "random_seed": 1,
        },
        "05_concurrency": {
            "database": "",
            "notes": 10_000_000,
            "original_notes": 100_000,
            "days": 1,
            "levels": [1, 2, 4, 8, 16, 32, 64, 128],
            "pools": [1, 2, 4, 8, 16],
            "pool_clients": 32,
            "units": 256,
            "requests": [20, 1_000],
            "load_notes": 20_000,
            "loads": [10, 20, 35, 50, 65, 80, 90],
            "arrivals": 1_200,
            "load_rounds": 12,
            "rounds": 30,
            "own_rounds": {},
            "random_seed": 1,
        },
    },
}
DECIDING = ("standard", "full")
_FURTHER_SEEDS = (2, 3)


def _drawn_from(seed: int, sizes: Mapping[str, Parameters]) -> Mapping[str, Parameters]:
    return {notebook: {**parameters, "random_seed": seed} for notebook, parameters in sizes.items()}


PROFILES: Mapping[str, Mapping[str, Parameters]] = {
    **_SIZES,
    **{f"{name}-{seed}": _drawn_from(seed, _SIZES[name]) for name in DECIDING for seed in _FURTHER_SEEDS},
}
NOTEBOOKS = tuple(_SIZES["smoke"])


def profile(name: str) -> Mapping[str, Parameters]:
    """The parameters of each notebook; Refused for a profile that is none."""
    try:
        return PROFILES[name]
    except KeyError:
        raise Refused(f"{name}: no such profile; allowed: {', '.join(PROFILES)}") from None


def defaults(notebook: str) -> Parameters:
    """The parameters that a notebook has, with the values that stand in it."""
    return REPORT_DEFAULTS if notebook == REPORT else {**_PLACES, **PROFILES["smoke"][notebook]}


def chosen(only: list[str] | None, database: str | None) -> list[str]:
    """The notebooks to run, in order; on somebody's own notes only those that ask them.

    Those of `only` may be named by number. Raises Refused for a name that is none.
    """
    return among([name for name in NOTEBOOKS if not database or "database" in defaults(name)], only)


def among(possible: Sequence[str], only: list[str] | None) -> list[str]:
    """Those of the possible notebooks that are named, by name or number; all of them for None."""
    if only is None:
        return list(possible)
    found = {wanted: [name for name in possible if name == wanted or name[:2] == wanted] for wanted in only}
    for wanted, names in found.items():
        if not names:
            raise Refused(f"{wanted}: no such notebook; allowed: {', '.join(possible)}")
    return [name for name in possible if any(name in names for names in found.values())]
