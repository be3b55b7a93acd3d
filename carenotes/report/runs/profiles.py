"""The sizes of a whole run. `smoke` is what the notebooks have as defaults; a test keeps the two in step.

Those that decide are there for other data as well: `standard-2` is `standard` on notes, queries and orders of rounds
that are drawn from the seed 2.

Rounds were chosen once, from the spread of a run of the standard profile (`benchmarks/rounds.py`): 12, which suffice
for most tables, and more where one is judged by a tenth and needs them to tell a truth of 1 from that in four of five
runs. Where only large ratios stand (`growth`, the longer comparison) they were not raised: that would take over 40.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from carenotes.errors import Refused

Parameters = Mapping[str, Any]

# Where a notebook keeps its results, and its copies of the notes; empty: nowhere, and a folder that goes with it.
_PLACES = {"results": "", "scratch": ""}

REPORT = "09_performance_report"
REPORT_DEFAULTS: Parameters = {"results": "../reports/reference/results.sqlite"}
_SIZED = ("smoke", "standard", "full")


def _rooms() -> Iterator[dict[str, Any]]:
    """The sizes of each notebook, a file in its room; by notebook, in order."""
    there = [one.joinpath("sizes.toml") for one in files("carenotes.studies").iterdir() if one.is_dir()]
    yield from sorted(
        (tomllib.loads(file.read_text()) for file in there if file.is_file()), key=lambda one: str(one["notebook"])
    )


_SIZES: Mapping[str, Mapping[str, Parameters]] = {
    name: {room["notebook"]: room[name] for room in _rooms()} for name in _SIZED
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
