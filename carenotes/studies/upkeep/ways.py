"""The ways to keep answers that are compared: what lies on disk, what answers from it, what brings it up to date."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from sqlalchemy import Engine

from carenotes.aggregators import Aggregator, pushdown, pyramid
from carenotes.backends import backend_of
from carenotes.designs import prepare
from carenotes.rollup import building
from carenotes.rollup.refreshing import refresh
from carenotes.studies.upkeep import keepers
from carenotes.studies.upkeep.counted import counted

SQLITE, POSTGRESQL = "sqlite", "postgresql"
# `kept`: what is kept beside the notes.
NOTHING, INDEX, MARKED, COUNTED, VIEWED = (
    "nothing",
    "covering index",
    "pyramid",
    "reference counts",
    "materialized views",
)


def nothing(_engine: Engine) -> None:
    """Where every write does it all, or where there is nothing to do."""


def build(engine: Engine) -> None:
    """Build the rollup."""
    building.build(engine)


@dataclass(frozen=True)
class Way:
    """A way: the design of its copy of the notes, what answers from it, how it is made and how brought up to date.

    `refreshes` are by name; where there is none, a write does it all.
    """

    design: str
    aggregator: Aggregator
    make: Callable[[Engine], None] = nothing
    forget: Callable[[Engine], None] = nothing
    settle: Callable[[Engine], None] = nothing
    refreshes: Mapping[str, Callable[[Engine], object]] = field(default_factory=dict)
    engines: tuple[str, ...] = (SQLITE, POSTGRESQL)

    @property
    def is_made(self) -> bool:
        """Whether there is anything beside the notes and their index."""
        return self.make is not nothing

    def refresh_somehow(self, engine: Engine) -> None:
        """Bring it up to date by the first of its refreshes, if it needs any."""
        for first in [*self.refreshes.values()][:1]:
            first(engine)


REFRESHED, WHOLE, CONCURRENTLY = "refresh of what is marked", "REFRESH", "REFRESH CONCURRENTLY"  # `refresh`
WAYS: Mapping[str, Way] = MappingProxyType(
    {
        NOTHING: Way("none", pushdown),
        INDEX: Way("covering", pushdown),
        MARKED: Way("covering", pyramid, build, partial(prepare, wanted="covering"), refreshes={REFRESHED: refresh}),
        COUNTED: Way("covering", counted, keepers.count, keepers.forget_counts),
        VIEWED: Way(
            "covering",
            counted,
            keepers.view,
            keepers.forget_views,
            keepers.settle_views,
            {WHOLE: keepers.refresh_views, CONCURRENTLY: keepers.refresh_views_concurrently},
            (POSTGRESQL,),
        ),
    }
)


def make(name: str, engine: Engine) -> None:
    """Make a way, and leave nothing to be done in the background; of notes and index alone nothing is."""
    way = WAYS[name]
    if not way.is_made:
        return
    way.make(engine)
    backend_of(engine).settle(engine)
    way.settle(engine)
