"""What is measured in one cell of an experiment, as a record; the one place where records get their labels.

The fields that many experiments share have names of their own; what is particular to one experiment stands beside
them by name. A label is the key of a condition in the results of its experiment. It is never read back: what is to be
found out about a condition stands in its record, and whoever looks for one names fields.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from carenotes.backends import engine_name
from carenotes.designs import title

Value = str | int

SELECT_1 = "SELECT 1"  # a `statement`: the floor of the stack
DRIVER_ALONE = "its statement, driver alone"  # a `client`: the limit that is nearest to an aggregator


@dataclass(frozen=True)
class Condition:
    """How a query was answered, or whatever else was measured; a field that has no meaning there is None.

    `aggregator`, `engine` (the name of a backend) and `design` are names, `notes` says how many notes the table holds
    and `clients` how many clients send queries at a time. `particular` are the further fields, by name.
    """

    aggregator: str | None = None
    engine: str | None = None
    design: str | None = None
    notes: int | None = None
    clients: int | None = None
    particular: tuple[tuple[str, Value], ...] = ()

    def fields(self) -> dict[str, Value]:
        """All fields that have a value, by name."""
        shared = {name: getattr(self, name) for name in SHARED}
        return {name: value for name, value in shared.items() if value is not None} | dict(self.particular)

    def get(self, name: str) -> Any:
        """A field by name, shared or particular; None where it has no value."""
        return self.fields().get(name)

    def has(self, wanted: Mapping[str, Value | None]) -> bool:
        """Whether it is one that these fields describe: they are equal, and it has no particular field beside them."""
        known = self.fields()
        beside = {name for name, _ in self.particular} - wanted.keys()
        return not beside and all(known.get(name) == value for name, value in wanted.items())

    def without(self, *names: str) -> "Condition":
        """The same without some fields."""
        left = tuple(one for one in self.particular if one[0] not in names)
        return replace(self, **{name: None for name in names if name in SHARED}, particular=left)


SHARED = tuple(one.name for one in fields(Condition) if one.name != "particular")


def condition(**given: Value | None) -> Condition:
    """A record from fields by name: those that are not shared are particular, in the order in which they stand here."""
    shared: dict[str, Any] = {name: given.pop(name) for name in SHARED if name in given}
    return Condition(**shared, particular=tuple((name, one) for name, one in given.items() if one is not None))


def labels(conditions: Iterable[Condition]) -> dict[str, Condition]:
    """The conditions of an experiment by their labels: what differs among them, in words.

    Raises ValueError when two of them are the same.
    """
    every = list(conditions)
    same = {name for name in SHARED if len({getattr(one, name) for one in every}) == 1}
    if not all(one.without(*same).fields() for one in every):  # one that differs in nothing has a label all the same
        same -= {"aggregator"} if all(one.aggregator for one in every) else same
    if len(every) == 1:
        same = set()
    labelled = {_label(one.without(*same)): one for one in every}
    if len(labelled) < len(every):
        raise ValueError(f"two conditions of an experiment have the same fields, or labels: {every}")
    return labelled


def _label(one: Condition) -> str:
    """The fields of a condition in words: the aggregator, what is particular, and where it was asked."""
    of = one.fields()
    order = ("aggregator", *(name for name, _ in one.particular), "design", "engine", "notes", "clients")
    return ", ".join(_words(name, of[name]) for name in order if name in of)


def _words(name: str, value: Value) -> str:
    if name == "design":
        return title(str(value))
    if name == "engine":
        return engine_name(str(value))
    if isinstance(value, int):
        many = name.replace("_", " ")
        return f"{value:,} {_one_of(many) if value == 1 else many}"
    return value


def _one_of(many: str) -> str:
    return f"{many.removesuffix('ies')}y" if many.endswith("ies") else many.removesuffix("s")


def found(conditions: Mapping[str, Condition], wanted: Mapping[str, Value | None]) -> str:
    """The label of the only condition that has these fields.

    Raises LookupError when there is none, or several: whoever asks for one names it wrongly.
    """
    there = [label for label, one in conditions.items() if one.has(wanted)]
    if len(there) != 1:
        known = "; ".join(str(one.fields()) for one in conditions.values())
        raise LookupError(f"{len(there)} conditions with {dict(wanted)} among: {known}")
    return there[0]
