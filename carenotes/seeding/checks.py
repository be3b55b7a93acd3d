"""What a row must be to become a note: each column is converted as a whole, what cannot be is None there."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from carenotes.seeding.generate import CATEGORIES
from carenotes.seeding.tabular import Part, Reject, Values

T = TypeVar("T")
_WHOLE = re.compile("0|-?[1-9][0-9]{0,9}")
_INT32 = range(-(2**31), 2**31)


@dataclass(frozen=True)
class Rule:
    """What a column takes, in words, and how a column of texts is converted."""

    allowed: str
    convert: Callable[[Values], Sequence[Any]]


Rules = Mapping[str, Rule]


@dataclass(frozen=True)
class Checked:
    """The good rows as converted columns, and the bad ones in order of their lines."""

    columns: Mapping[str, Sequence[Any]]
    rejects: Sequence[Reject]


def whole(text: str | None) -> int | None:
    """The number that is written in the one plain way and fits 32 bits, else None: `-7`, but not `07`, `+7` or ` 7`."""
    if text is None or not _WHOLE.fullmatch(text):
        return None
    return int(text) if int(text) in _INT32 else None


def rules(any_category: bool, any_priority: bool) -> Rules:
    """The rules of the needed columns."""
    there = Rule("text or a number, not empty", _there)
    allowed = dict.fromkeys(CATEGORIES, True)
    category = Rule(", ".join(CATEGORIES), lambda values: _each(lambda one: one if one in allowed else None, values))
    levels = Rule("a whole number from 1 to 5", lambda values: _each(_priority, values))
    return {
        "tenant_id": there,
        "facility_id": there,
        "patient_id": there,
        "category": Rule("text, not empty", _there) if any_category else category,
        "priority": Rule("a whole number of 32 bits", lambda values: _each(whole, values)) if any_priority else levels,
        "created_at": Rule("a time in ISO 8601, years 1 to 9999", _times),
    }


def check(part: Part, rules: Rules) -> Checked:
    """Tell the good rows of a part from the bad ones."""
    columns = {name: rule.convert(part.column(name)) for name, rule in rules.items()}
    faults: dict[int, list[str]] = {}
    for name, values in columns.items():
        if None in values:
            reason = f"{name} must be {rules[name].allowed}"
            for place, value in enumerate(values):
                if value is None:
                    faults.setdefault(place, []).append(reason)
    columns |= {name: part.column(name) for name in part.places.keys() - columns.keys()}
    if faults:
        good = [place for place in range(len(part.lines)) if place not in faults]
        columns = {name: [values[place] for place in good] for name, values in columns.items()}
    rejects = [*part.broken, *(part.reject(place, "; ".join(why)) for place, why in faults.items())]
    return Checked(columns, sorted(rejects, key=lambda one: one.line))


def _there(values: Values) -> Values:
    return values if all(values) else [one or None for one in values]


def _priority(text: str | None) -> int | None:
    return int(text) if text in ("1", "2", "3", "4", "5") else None


def _each(convert: Callable[[str | None], T | None], values: Values) -> Sequence[T | None]:
    """Convert each of the distinct values once."""
    known = {one: convert(one) for one in set(values)}
    return [known[one] for one in values]


def _times(values: Values) -> Sequence[datetime | None]:
    try:
        times = list(map(datetime.fromisoformat, values))  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return [_time(one) for one in values]
    if all(one.tzinfo is None for one in times):
        return times
    return [_time(one) for one in values]


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
        return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):  # beyond the calendar, once brought to UTC
        return None
