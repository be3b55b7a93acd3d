"""An experiment: conditions, how each is made, and what is right."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from carenotes.lab.conditions import Condition
from carenotes.lab.runner.workers import Maker

# The digests that a condition must give in a part of a round, None where there is nothing to check.
Right = Callable[[Condition, int, int], Sequence[str] | None]
# Whether a condition answers a query, by its place in a part of a round, as the oracle does when both are asked in one
# snapshot: then the notes have changed. Only for notes that others may write.
Recheck = Callable[[Condition, int, int, int], bool]


@dataclass(frozen=True)
class Experiment:
    """The conditions of an experiment and how each is made; what is right.

    The baseline runs twice, for the A/A noise; it is the slowest if none is named. `further` is how many ratios the
    page gives besides those of `difference.family`.
    """

    makers: Mapping[Condition, Maker]
    right: Right
    baseline: Condition | None = None
    further: int = 0
    recheck: Recheck | None = None
