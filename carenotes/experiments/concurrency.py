"""Notebook 05: many who ask at once; the seed's twenty requests, a blocked loop, throughput against clients, pools."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, Self

from carenotes.aggregators import AGGREGATORS, pushdown
from carenotes.databases import absolute_url, open_async_pool, open_pool
from carenotes.experiments.one_question import SEED_TENANT
from carenotes.lab import seed_program
from carenotes.lab.caches import CACHES, OURS, Cached, Make
from carenotes.lab.datasets import Copies, Notes, SeededNotes
from carenotes.lab.ladder import Truth, distinct_questions
from carenotes.lab.loops import apart
from carenotes.lab.seed_cache import TTL, SeedCache
from carenotes.lab.services import AsyncDriver, Clients, InTheLoop, InThreads, Service
from carenotes.lab.services import Cached as CachedService
from carenotes.lab.study import WARM_UPS, Contender, Measured, Study
from carenotes.questions import StatsQuery

NOTEBOOK = "05_concurrency"
REQUESTS = 20  # of the seed's third table, for tenants 1..5 in turn
_POOL = 4  # connections and threads, where no pool size is asked about
SEED_STEPS = (
    "original, with its pause",
    "original, its pause leaving the loop free",
    "original, without",
    "optimized, without its cache",
    "optimized, its cache cold",
    "optimized, one tenant in its cache",
    "ours, without a cache",
    "ours, one tenant in the cache",
)
IN_THE_LOOP, THREADS, ASYNC = "sync driver in the loop", "sync driver in threads", "async driver"
WAYS = (IN_THE_LOOP, THREADS, ASYNC)
DUCKDB = "DuckDB in threads"
SHOWN = (SEED_STEPS[0], SEED_STEPS[1], SEED_STEPS[5], SEED_STEPS[7])  # as whole distributions
SERVED = (*WAYS, DUCKDB)
POOLED = (THREADS, ASYNC)


class Rig:
    """What the contenders of one experiment share: a loop that stays, the truth, and what must be closed in the end."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self._stack = ExitStack()
        self.loop = self._stack.enter_context(asyncio.Runner())
        self.truth = Truth(notes)
        self._stack.callback(self.truth.close)
        self.contenders: dict[str, Contender] = {}

    def add(
        self,
        name: str,
        service: Service,
        stream: Sequence[StatsQuery],
        clients: int,
        units: int,
        *,
        heartbeat: bool = False,
    ) -> None:
        """One more contender: clients of a service, who ask `units` questions of the stream a round."""
        self._stack.callback(lambda: self.loop.run(service.close()))
        self.contenders[name] = Clients(
            service, self.truth, stream, clients, units, heartbeat=heartbeat, loop=self.loop
        )

    def way(self, name: str, answer: Any = pushdown, pool: int = _POOL) -> Service:
        """One of `WAYS` to ask the notes."""
        engine = self.notes.engine(self.notes.best_plan)
        if name == IN_THE_LOOP:
            return InTheLoop(engine, answer)
        url = absolute_url(str(engine.url))
        if name == THREADS:
            return InThreads(open_pool(url, pool), answer, pool)
        return AsyncDriver(open_async_pool(url, pool), answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


@apart
def seed_requests(study: Study, notes: Notes, rounds: int) -> Measured | None:
    """The seed's third table and what is in it: 20 requests at once, the cache warm with tenant 3 as in its program."""
    if not isinstance(notes, SeededNotes):
        return None
    experiment = "seed/concurrent"
    if not study.is_complete(experiment, rounds):
        with Rig(notes) as rig:
            questions = [StatsQuery.on(number % 5 + 1, notes.spec.last_day) for number in range(REQUESTS)]
            for name, service in zip(SEED_STEPS, _seed_services(rig, notes), strict=True):
                rig.add(name, service, questions, REQUESTS, REQUESTS)
            study.blocks(experiment, rig.contenders, rounds)
    return study.measured(experiment)


def _seed_services(rig: Rig, notes: SeededNotes) -> list[Service]:
    seeds, optimized = notes.engine("seed"), seed_program.optimized
    without = seed_program.original(0.0)
    warm = [StatsQuery.on(SEED_TENANT, notes.spec.last_day)]

    def theirs(load: Any) -> Any:
        return SeedCache(load, TTL)

    return [
        InTheLoop(seeds, seed_program.original(seed_program.PAUSE)),
        InTheLoop(seeds, without, pause=seed_program.PAUSE),
        InTheLoop(seeds, without),
        InTheLoop(seeds, optimized),
        CachedService(InTheLoop(seeds, optimized), theirs),
        CachedService(InTheLoop(seeds, optimized), theirs, warm),
        rig.way(IN_THE_LOOP),
        CachedService(rig.way(IN_THE_LOOP), lambda load: CACHES[OURS](load, TTL, 10_000), warm),
    ]


@apart
def lateness(study: Study, notes: Notes, days: int, rounds: int) -> Measured:
    """How late a timer of the event loop is while it answers 20 questions at once, by way and aggregator."""
    experiment = "lateness"
    if not study.is_complete(experiment, rounds):
        with Rig(notes) as rig:
            stream = distinct_questions(notes, study.random_seed, days)(REQUESTS * (rounds + WARM_UPS))
            for name in ("naive", "pushdown"):
                for way in WAYS:
                    service = rig.way(way, AGGREGATORS[name])
                    rig.add(f"{name}: {way}", service, stream, REQUESTS, REQUESTS, heartbeat=True)
            study.blocks(experiment, rig.contenders, rounds)
    return study.measured(experiment)


@apart
def clients(study: Study, notes: Notes, levels: Sequence[int], units: int, rounds: int) -> Measured:
    """Requests a second and what each waits, by way and number of clients; conditions are named `way/clients`."""
    experiment = "clients"
    if not study.is_complete(experiment, rounds):
        with Rig(notes) as rig:
            stream = distinct_questions(notes, study.random_seed, 1)(units * (rounds + WARM_UPS))
            for level in levels:
                for way in WAYS:
                    rig.add(f"{way}/{level}", rig.way(way), stream, level, units)
                if isinstance(notes, Copies):
                    url = absolute_url(str(notes.in_duckdb().engine("none").url))
                    rig.add(
                        f"{DUCKDB}/{level}", InThreads(open_pool(url, _POOL), pushdown, _POOL), stream, level, units
                    )
            study.blocks(experiment, rig.contenders, rounds)
    return study.measured(experiment)


@apart
def pools(study: Study, notes: Notes, sizes: Sequence[int], level: int, units: int, rounds: int) -> Measured:
    """Requests a second of `level` clients by the size of the pool; conditions are named `way/connections`."""
    experiment = "pools"
    if not study.is_complete(experiment, rounds):
        with Rig(notes) as rig:
            stream = distinct_questions(notes, study.random_seed, 1)(units * (rounds + WARM_UPS))
            for size in sizes:
                for way in POOLED:
                    rig.add(f"{way}/{size}", rig.way(way, pool=size), stream, level, units)
            study.blocks(experiment, rig.contenders, rounds)
    return study.measured(experiment)


IDENTICAL: Mapping[str, Make] = {
    "no cache": lambda load, _ttl, _bound: Cached(load),
    "the seed's": CACHES["the seed's"],
    OURS: CACHES[OURS],
}


@apart
def identical(study: Study, notes: Notes, requests: Sequence[int], rounds: int) -> dict[int, Measured]:
    """So many requests at once, all identical or all distinct, in threads with and without a cache, new each round.

    Loads are counted for each number of requests, time is taken for the smallest.
    """
    for number in requests:
        _identical(study, notes, number, rounds if number == min(requests) else 0)
    return {min(requests): study.measured(f"identical/{min(requests)}")}


def _identical(study: Study, notes: Notes, number: int, rounds: int) -> None:
    experiment, counted = f"identical/{number}", study.known(f"loads/{number}/distinct: {OURS}") is not None
    if counted and (not rounds or study.is_complete(experiment, rounds)):
        return
    with Rig(notes) as rig:
        distinct = list(distinct_questions(notes, study.random_seed, 1)(number))
        for kind, stream in (("identical", distinct[:1] * number), ("distinct", distinct)):
            for name, make in IDENTICAL.items():
                service = CachedService(rig.way(THREADS), partial(_made, make))
                rig.add(f"{kind}: {name}", service, stream, number, number)
                study.finding(f"loads/{number}/{kind}: {name}", partial(_loads, rig, service, stream))
        if rounds:
            study.blocks(experiment, rig.contenders, rounds)


def _made(make: Make, load: Callable[..., Any]) -> Cached:
    return make(load, TTL, 10_000)


def _loads(rig: Rig, service: CachedService, stream: Sequence[StatsQuery]) -> int:
    """How many loads there are when all of the stream is asked at once."""
    rig.loop.run(service.begin())
    rig.loop.run(_all(service, stream))
    return service.loads


async def _all(service: Service, stream: Sequence[StatsQuery]) -> None:
    await asyncio.gather(*[service.ask(question) for question in stream])


def loads(study: Study, requests: Sequence[int]) -> dict[str, dict[str, int]]:
    """How many loads identical and distinct requests led to; a finding of `identical`."""
    kinds = [f"{kind}: {name}" for kind in ("identical", "distinct") for name in IDENTICAL]
    return {kind: {f"{n:,} requests": study.known(f"loads/{n}/{kind}") for n in requests} for kind in kinds}
