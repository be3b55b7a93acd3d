"""Measures one on the other: added in turn, each alone, and each taken from all; and the client behind a cache."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from typing_extensions import override

from carenotes.cache import QueryCache
from carenotes.lab.comparison import Comparison, entry
from carenotes.lab.conditions import Condition, Value, condition
from carenotes.lab.configurations.client import Client, in_transaction
from carenotes.lab.runner.loops import loop_of_worker
from carenotes.lab.runner.measured import Measured
from carenotes.queries import StatsQuery
from carenotes.studies.upkeep.place import Place, until_today
from carenotes.studies.upkeep.ways import SQLITE

REPEATS = 4  # of each query: three of four are hits, where there is a cache
DAYS = 30  # until today, that a query is about
NO_INDEX = "without the covering index"  # `without`
_TTL = 3_600.0  # seconds: nothing goes out of date while a sample lasts


class CachingClient(Client):
    """It asks a QueryCache; what that does not have is loaded over the connection that is held."""

    named = "QueryCache"

    @override
    def take(self, queries: Sequence[StatsQuery]) -> None:
        super().take(queries)
        self._cache: QueryCache[StatsQuery, Any] = QueryCache(self._load, _TTL)

    async def _load(self, query: StatsQuery) -> Any:
        return in_transaction(self._execute, self._connection, query)

    @override
    def run(self) -> None:
        self._answers = loop_of_worker().run(self._all())

    async def _all(self) -> list[Any]:
        return [await self._cache.get(query) for query in self._queries]


Stack = tuple[str, str, bool]  # an aggregator, where it asks, and whether it is behind a cache
_NOTES, _INDEX, _ROLLUP, _ROLLUP_ALONE = "notes", "index", "rollup", "rollup alone"
NONE_OF_THEM: Stack = ("naive", _NOTES, False)
ADDED: Mapping[str, Stack] = {  # each to those before it
    "covering index": ("naive", _INDEX, False),
    "pushdown": ("pushdown", _INDEX, False),
    "rollup of days": ("rollup", _ROLLUP, False),
    "tree over time": ("pyramid", _ROLLUP, False),
    "cache": ("pyramid", _ROLLUP, True),
}
FULL_STACK = ADDED["cache"]
ALONE: Mapping[str, Stack] = {
    "covering index": ADDED["covering index"],
    "pushdown": ("pushdown", _NOTES, False),
    "rollup of days": ("rollup", _ROLLUP_ALONE, False),
    "tree over time": ("pyramid", _ROLLUP_ALONE, False),  # with the leaves that it stands on
    "cache": ("naive", _NOTES, True),
}
# What is left without each. Without the pushdown nothing changes: nodes are read, and not notes.
TAKEN_AWAY: Mapping[str, Stack] = {
    "covering index": ("pyramid", _ROLLUP_ALONE, True),
    "rollup of days": ("pushdown", _INDEX, True),  # and with it the tree that stands on it
    "tree over time": ("rollup", _ROLLUP, True),
    "cache": ADDED["tree over time"],
}
MEASURES = tuple(ADDED)
_DESIGNS: Mapping[str, str] = {_NOTES: "none", _INDEX: "covering"}


def label(measured: Measured, of: Stack) -> str:
    """The label of a stack in the ablation."""
    return next(name for name, one in measured.conditions.items() if _fields(of).items() == _known(one).items())


def _fields(of: Stack) -> dict[str, Value | None]:
    aggregator, at, cached = of
    without = NO_INDEX if at == _ROLLUP_ALONE else None
    client = CachingClient.named if cached else None
    return {"aggregator": aggregator, "design": _DESIGNS.get(at, "rollup"), "without": without, "client": client}


def _known(one: Condition) -> dict[str, Value | None]:
    return {name: one.get(name) for name in ("aggregator", "design", "without", "client")}


def ablation(where: Place, seed: int, queries: int) -> Comparison:
    """All measures added one after the other, each alone, and each taken away from all: the last 30 days, asked often.

    The last day of the rollup is marked, as it is while people write.
    """
    notes = where.notes
    marked, alone = where.with_today_marked(SQLITE), where.without_index(SQLITE)
    places = {_NOTES: (notes, "none"), _INDEX: (notes, "covering")}
    places |= {_ROLLUP: (marked, "covering"), _ROLLUP_ALONE: (alone, "covering")}
    entries = []
    for of in dict.fromkeys([NONE_OF_THEM, *ADDED.values(), *ALONE.values(), *TAKEN_AWAY.values()]):
        aggregator, at, cached = of
        there, design = places[at]
        client: type[Client] = CachingClient if cached else Client
        one = entry(there, design, aggregator, repeats=REPEATS, oracle=notes, client=client)
        fields = {**_fields(of), "engine": notes.backend, "notes": notes.spec.notes}
        entries.append(replace(one, condition=condition(**fields)))
    stream = until_today(notes.population, seed, DAYS)
    return Comparison(entries, stream, queries, baseline=entries[1].condition, further=2 * len(MEASURES))
