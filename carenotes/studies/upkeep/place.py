"""Where the notes are, copies of them on which each way is kept, and what is asked about them.

A copy is made when it is first asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Engine, text
from typing_extensions import override

from carenotes.backends import BACKENDS, backend_of
from carenotes.lab.comparison import Stream
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.workload import Population, population, query_stream
from carenotes.rollup import mark
from carenotes.studies.server.copies import Change, Changed
from carenotes.studies.upkeep.ways import MARKED, WAYS, make

READ, WRITTEN, LOG = "read", "written", "log"  # purposes: to be read, written to, and read while somebody writes
_ENGINES = tuple(dict.fromkeys(engine for way in WAYS.values() for engine in way.engines))


@dataclass(frozen=True)
class Place:
    """The notes, and copies by the engine, the way, and what they are for."""

    notes: SeededNotes
    folder: Path
    copies: dict[tuple[str, str, str], "Copy"] = field(default_factory=dict)

    @property
    def engines(self) -> list[str]:
        """Those that are compared and are there: a server may be missing."""
        return [one for one in _ENGINES if one == self.notes.backend or self.notes.possible_on(one)]

    def ways(self) -> Iterator[tuple[str, str]]:
        """Each engine with each way that it can have."""
        yield from ((engine, name) for engine in self.engines for name, way in WAYS.items() if engine in way.engines)

    def kept(self, engine: str, way: str, purpose: str = READ) -> "Copy":
        """A copy on which a way is kept. Whoever writes to it leaves it as it was; nobody does to one for reading."""
        if purpose == LOG and len(BACKENDS[engine].JOURNALS) == 1:  # it has one whatever is asked for
            purpose = WRITTEN
        return self._copy(engine, way, purpose, partial(make_with_log if purpose == LOG else make, way))

    def url(self, engine: str, way: str, purpose: str = READ) -> URL:
        """Where that is."""
        return self.kept(engine, way, purpose).url(WAYS[way].design)

    def with_today_marked(self, engine: str) -> "Copy":
        """The rollup whose last day is marked for every facility: it is answered from notes, which are the same."""
        return self._copy(engine, MARKED, "today marked", mark_today)

    def without_index(self, engine: str) -> "Copy":
        """The same, without the covering index of the notes."""
        return self._copy(engine, MARKED, "no index", mark_today_and_drop_index)

    def _copy(self, engine: str, way: str, purpose: str, change: Change) -> "Copy":
        key = (engine, way, purpose)
        if key not in self.copies:
            name = f"{way}-{purpose}".replace(" ", "-")
            there = self.notes if engine == self.notes.backend else SeededNotes(self.notes.spec, self.folder, engine)
            self.copies[key] = Copy(there, self.folder, name, change, self.notes)
        return self.copies[key]


def until_today(who: Population, seed: int, days: int) -> Stream:
    """Queries about so many days until the last one."""
    last = Population(who.sizes, who.last_day - timedelta(days=days - 1), who.last_day)
    return lambda count: query_stream(last, seed, count, days)


class Copy(Changed):
    """A copy that has the same notes as the first one: whom one can ask about is looked up there alone."""

    def __init__(self, notes: SeededNotes, folder: Path, name: str, change: Change, first: SeededNotes) -> None:
        super().__init__(notes, folder, name, change)
        self._first = first

    @property
    @override
    def population(self) -> Population:
        return self._first.population


def make_with_log(way: str, engine: Engine) -> None:
    """Make a way, and have a write-ahead log from then on."""
    make(way, engine)
    with engine.connect() as connection:
        for statement in backend_of(connection).JOURNALS["write-ahead log"]:
            backend_of(connection).driver(connection).execute(statement)


def mark_today(engine: Engine) -> None:
    """Build the rollup, and mark each facility's last day."""
    make(MARKED, engine)
    with engine.connect() as connection:
        who = population(connection)
    with engine.begin() as connection:
        for tenant, facility in who.sizes:
            mark(connection, tenant, facility, who.last_day)
    backend_of(engine).settle(engine)


def mark_today_and_drop_index(engine: Engine) -> None:
    """The same, and drop the covering index."""
    mark_today(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX carenotes_covering"))
