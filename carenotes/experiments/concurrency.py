"""Notebook 05: many who ask at once; the seed's twenty requests, a blocked loop, throughput against clients, pools."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from carenotes.aggregators import AGGREGATORS, Aggregator, pushdown
from carenotes.experiments.one_question import SEED_TENANT
from carenotes.lab import seed_program
from carenotes.lab.caches import CACHES, OURS, Cached, Load, Make
from carenotes.lab.contenders.askers import GATE_QUESTIONS, a_round
from carenotes.lab.contenders.services import AsyncDriver, Clients, InTheLoop, InThreads, MakeService, asked_in
from carenotes.lab.contenders.services import Cached as CachedService
from carenotes.lab.datasets import Copies, Notes, SeededNotes
from carenotes.lab.ladder import distinct_questions
from carenotes.lab.loops import apart
from carenotes.lab.oracles import Truth
from carenotes.lab.seed_cache import TTL
from carenotes.lab.study import Measured, Race, Study
from carenotes.lab.workers import Maker
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


def _way(name: str, notes: Notes, answer: Aggregator = pushdown, pool: int = _POOL) -> MakeService:
    """One of `SERVED` to ask the notes on their best indexes."""
    if name == DUCKDB:
        assert isinstance(notes, Copies)
        return partial(InThreads, notes.in_duckdb().url("none"), answer, pool)
    url = notes.url(notes.best_plan)
    if name == IN_THE_LOOP:
        return partial(InTheLoop, url, answer)
    return partial(InThreads if name == THREADS else AsyncDriver, url, answer, pool)


def _race(
    notes: Notes,
    makers: Mapping[str, Maker],
    streams: Mapping[str, Sequence[StatsQuery]],
    units: int,
    baseline: str | None = None,
) -> Race:
    truth = Truth(notes)

    def right(name: str, round_number: int, part: int) -> list[str]:
        return [truth.of(asked) for asked in asked_in(streams[name], round_number, part, units)]

    for stream in {id(one): one for one in streams.values()}.values():
        truth.hold_oracles_equal(stream[:GATE_QUESTIONS])
    return Race(makers, right, baseline=baseline)


def _stream(study: Study, notes: Notes, days: int, units: int, rounds: int) -> Sequence[StatsQuery]:
    return distinct_questions(notes, study.random_seed, days)(GATE_QUESTIONS + rounds * a_round(units))


def seed_requests(study: Study, notes: Notes, rounds: int) -> Measured | None:
    """The seed's third table and what is in it: 20 requests at once, the cache warm with tenant 3 as in its program."""
    experiment = "seed/concurrent"
    if not isinstance(notes, SeededNotes):
        return None
    if not study.is_complete(experiment, rounds):
        questions = [StatsQuery.on(number % 5 + 1, notes.spec.last_day) for number in range(REQUESTS)]
        makers: dict[str, Maker] = {
            name: partial(Clients, service, questions, REQUESTS, REQUESTS)
            for name, service in zip(SEED_STEPS, _seed_services(notes), strict=True)
        }
        race = _race(notes, makers, dict.fromkeys(makers, questions), REQUESTS, "original, without")
        study.race(experiment, race, rounds)
    return study.measured(experiment)


def _seed_services(notes: SeededNotes) -> list[MakeService]:
    url, without = notes.url("seed"), seed_program.Original(0.0)
    warm = [StatsQuery.on(SEED_TENANT, notes.spec.last_day)]
    optimized, ours = partial(InTheLoop, url, seed_program.optimized), _way(IN_THE_LOOP, notes)
    return [
        partial(InTheLoop, url, seed_program.Original(seed_program.PAUSE)),
        partial(InTheLoop, url, without, pause=seed_program.PAUSE),
        partial(InTheLoop, url, without),
        optimized,
        partial(CachedService, optimized, partial(_kept_in, "the seed's")),
        partial(CachedService, optimized, partial(_kept_in, "the seed's"), warm),
        ours,
        partial(CachedService, ours, partial(_kept_in, OURS), warm),
    ]


def _kept_in(name: str, load: Load) -> Cached:
    """A cache of `IDENTICAL` with the seed's time to live."""
    return IDENTICAL[name](load, TTL, 10_000)


def lateness(study: Study, notes: Notes, days: int, rounds: int) -> Measured:
    """How late a timer of the event loop is while it answers 20 questions at once, by way and aggregator."""
    experiment = "lateness"
    if not study.is_complete(experiment, rounds):
        stream = _stream(study, notes, days, REQUESTS, rounds)
        makers: dict[str, Maker] = {
            f"{name}: {way}": partial(
                Clients, _way(way, notes, AGGREGATORS[name]), stream, REQUESTS, REQUESTS, heartbeat=True
            )
            for name in ("naive", "pushdown")
            for way in WAYS
        }
        study.race(experiment, _race(notes, makers, dict.fromkeys(makers, stream), REQUESTS), rounds)
    return study.measured(experiment)


def clients(study: Study, notes: Notes, levels: Sequence[int], units: int, rounds: int) -> Measured:
    """Requests a second and what each waits, by way and number of clients; conditions are named `way/clients`."""
    experiment = "clients"
    if not study.is_complete(experiment, rounds):
        stream = _stream(study, notes, 1, units, rounds)
        ways = SERVED if isinstance(notes, Copies) else WAYS
        makers: dict[str, Maker] = {
            f"{way}/{level}": partial(Clients, _way(way, notes), stream, level, units)
            for level in levels
            for way in ways
        }
        study.race(experiment, _race(notes, makers, dict.fromkeys(makers, stream), units), rounds)
    return study.measured(experiment)


def pools(study: Study, notes: Notes, sizes: Sequence[int], level: int, units: int, rounds: int) -> Measured:
    """Requests a second of `level` clients by the size of the pool; conditions are named `way/connections`."""
    experiment = "pools"
    if not study.is_complete(experiment, rounds):
        stream = _stream(study, notes, 1, units, rounds)
        makers: dict[str, Maker] = {
            f"{way}/{size}": partial(Clients, _way(way, notes, pool=size), stream, level, units)
            for size in sizes
            for way in POOLED
        }
        study.race(experiment, _race(notes, makers, dict.fromkeys(makers, stream), units), rounds)
    return study.measured(experiment)


def _not_kept(load: Load, _ttl: float, _bound: int) -> Cached:
    return Cached(load)


IDENTICAL: Mapping[str, Make] = {
    "no cache": _not_kept,
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
    distinct = list(distinct_questions(notes, study.random_seed, 1)(number))
    streams, makers = {}, {}
    for kind, stream in (("identical", distinct[:1] * number), ("distinct", distinct)):
        for name in IDENTICAL:
            service = partial(CachedService, _way(THREADS, notes), partial(_kept_in, name))
            makers[f"{kind}: {name}"] = partial(Clients, service, stream, number, number)
            streams[f"{kind}: {name}"] = stream
            study.finding(f"loads/{number}/{kind}: {name}", partial(_loads, service, stream))
    if rounds:
        study.race(experiment, _race(notes, makers, streams, number), rounds)


def _loads(service: Callable[[], CachedService], stream: Sequence[StatsQuery]) -> int:
    """How many loads there are when all of the stream is asked at once."""
    return asyncio.run(_loaded(service, stream))


async def _loaded(make: Callable[[], CachedService], stream: Sequence[StatsQuery]) -> int:
    service = make()
    await service.begin()
    await asyncio.gather(*[service.ask(question) for question in stream])
    await service.close()
    return service.loads


def loads(study: Study, requests: Sequence[int]) -> dict[str, dict[str, int]]:
    """How many loads identical and distinct requests led to; a finding of `identical`."""
    kinds = [f"{kind}: {name}" for kind in ("identical", "distinct") for name in IDENTICAL]
    return {kind: {f"{n:,} requests": study.known(f"loads/{n}/{kind}") for n in requests} for kind in kinds}
