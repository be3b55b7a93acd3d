"""What is drawn as one line, or named in one row: conditions of an experiment that differ in one number."""

from collections.abc import Mapping
from dataclasses import dataclass

from carenotes.lab.conditions import Condition, labels
from carenotes.lab.runner.measured import Measured


@dataclass(frozen=True)
class Line:
    """A service with all of its numbers of clients, or of connections: the label of each condition by its number."""

    name: str
    condition: Condition  # without the number
    labels: Mapping[int, str]


def lines(measured: Measured, along: str) -> list[Line]:
    """The lines of an experiment whose conditions have a number in the field `along`."""
    found = measured.along(along)
    names = labels(one.without("design") for one in found)
    return [Line(name, one, there) for name, (one, there) in zip(names, found.items(), strict=True)]


def names_without_design(measured: Measured) -> dict[str, str]:
    """A short name of each condition, by its label: without the design, where it goes without saying."""
    short = labels(one.without("design") for one in measured.conditions.values())
    return dict(zip(measured.conditions, short, strict=True))
