"""The first thing that a notebook does: refuse a parameter that it does not have, or of a wrong type.

Papermill only logs a warning for an unknown name, and its command line guesses types.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from carenotes.errors import Refused
from carenotes.report.runs.profiles import defaults

_OF_THE_SHELL = {"In", "Out", "exit", "quit", "open", "get_ipython"}


def check_parameters(notebook: str, names: Mapping[str, object]) -> None:
    """Check the parameters of `notebook` among `names` (its `globals()`). Raises Refused, naming what is allowed."""
    given = {
        name: value
        for name, value in names.items()
        if not name.startswith("_")
        and name not in _OF_THE_SHELL
        and not callable(value)
        and not isinstance(value, ModuleType)
    }
    check_values(notebook, given)


def check_values(notebook: str, given: Mapping[str, object]) -> None:
    """Check parameters by name and type against the notebook's defaults."""
    allowed = defaults(notebook)
    for name, value in given.items():
        if name not in allowed:
            raise Refused(f"{notebook}: no parameter {name!r}; allowed: {', '.join(allowed)}")
        wanted = allowed[name]
        if type(value) is not type(wanted):
            raise Refused(f"{notebook}: {name} is {value!r} ({type(value).__name__}); allowed: {_kind(wanted)}")
        if not _in_range(value):
            raise Refused(f"{notebook}: {name} is {value!r}; allowed: {_kind(wanted)}")


def _in_range(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(type(one) is int and one >= 1 for one in value)
    if isinstance(value, dict):
        return all(type(name) is str and type(one) is int and one >= 1 for name, one in value.items())
    return not isinstance(value, int) or value >= 1


def _kind(value: object) -> str:
    kinds: dict[type, str] = {dict: "texts, each with a whole number, 1 or more"}
    kinds |= {int: "a whole number, 1 or more", str: "text", list: "a list of whole numbers, 1 or more"}
    return kinds[type(value)]
