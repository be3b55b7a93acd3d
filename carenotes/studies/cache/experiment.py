"""Notebook 04: what a hit costs, what it is worth, how often there is one, and what a cache must survive."""

import asyncio
from collections.abc import Sequence
from functools import partial
from random import Random

from carenotes.aggregators import AGGREGATORS
from carenotes.cache import QueryCache
from carenotes.lab.comparison import entry
from carenotes.lab.conditions import Condition, condition
from carenotes.lab.configurations.client import PILOT_QUERIES, Client, a_round, parts_of
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.stored import Notes
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.loops import apart
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Plan, Study
from carenotes.lab.runner.workers import Maker
from carenotes.original import program
from carenotes.queries import CareStats, StatsQuery
from carenotes.studies.cache import faults as cache_faults
from carenotes.studies.cache import virtual_time
from carenotes.studies.cache.caches import CACHES, CHECKED_ONCE, ORIGINALS, OURS, WITHOUT_LOCK, Cached, Make
from carenotes.studies.cache.faults import Loader
from carenotes.studies.cache.hits import BOUND, EQUAL, FLOOR, FROM_REQUEST, SAME, TTL, Hits

NOTEBOOK = "04_cache"
LATENCY, SPEEDUP = "hit latency", "hit speedup"  # experiments
PAUSED, UNPAUSED = "with its pause", "without its pause"  # the original's first program
_HITS = 80_000  # in a sample, so that a dict look-up makes one; those that take far longer get fewer
_FEWER = {"cashews": 500, "aiocache": 100, "theine": 8, "async-lru": 8, "cachebox": 4, ORIGINALS: 4, OURS: 2}


@apart
def faults(study: Study) -> dict[str, dict[str, str]]:
    """What each fault does to each cache: nothing, or what went wrong."""
    return {name: study.fact(f"faults/{name}", partial(cache_faults.tried, make)) for name, make in CACHES.items()}


def measured(study: Study, notes: Notes, workload: Notes, rounds: int) -> dict[str, Measured]:
    """What a hit costs and what it is worth, in the same rounds; its worth on the original's workload alone."""
    plans: dict[str, Plan] = {LATENCY: partial(hit_latency, notes)}
    if isinstance(workload, SeededNotes):
        plans[SPEEDUP] = partial(hit_speedup, workload, study.rounds_of(SPEEDUP, rounds))
    return study.run(plans, rounds)


def hit_latency(notes: Notes) -> Experiment:
    """A hit of each cache through `await get(query)`, all in the same rounds, beside a bare dict look-up.

    Three keys for ours: the same object, an equal one made before the clock started, one built from a request's words.
    """
    tenant = max(notes.population.tenants, key=lambda one: notes.population.tenants[one])
    query = StatsQuery.on(tenant, notes.population.last_day)
    answer = _answer(notes, query)
    # About slow to fast.
    hits = {condition(cache=name): (name, SAME) for name in reversed([*CACHES]) if name != OURS}
    hits |= {condition(cache=OURS, key=key): (OURS, key) for key in (FROM_REQUEST, EQUAL, SAME)}
    hits[condition(cache=FLOOR)] = (FLOOR, SAME)
    makers: dict[Condition, Maker] = {of: partial(Hits, *one, query, answer, _hits(one[0])) for of, one in hits.items()}
    # Further: against ours, beside the floor.
    return Experiment(makers, lambda *_: [answer.digest()], further=len(makers) - 1)


def _hits(cache: str) -> int:
    return _HITS // _FEWER.get(cache, 1)


def _answer(notes: Notes, query: StatsQuery) -> CareStats:
    with notes.engine(notes.best_design).connect() as connection:
        return AGGREGATORS["naive"](connection, query)


def hit_speedup(notes: SeededNotes, rounds: int) -> Experiment:
    """The claimed speedup taken apart: a hit over the original's program with and without the pause, and over ours."""
    query = StatsQuery.on(program.TENANT, notes.spec.last_day)
    answer = _answer(notes, query)
    stream = [query] * (PILOT_QUERIES + rounds * a_round(1))
    first = partial(entry, notes, "original", "original_first")
    without = [
        first(program.Original(program.PAUSE), pause=PAUSED),
        first(program.Original(0.0), pause=UNPAUSED, repeats=4),
        *(entry(notes, "covering", name, repeats=48) for name in ("naive", "pushdown")),
    ]
    makers: dict[Condition, Maker] = {
        one.condition: partial(Client, one.execute, notes.url(one.design), stream, 1, repeats=one.repeats)
        for one in without
    }
    for name in (OURS, ORIGINALS):
        hit = condition(engine=notes.backend, notes=notes.population.notes, cache=name)
        makers[hit] = partial(Hits, name, SAME, query, answer, _hits(name))
    repeats = {one.condition: one.repeats for one in without}

    def right(of: Condition, round_number: int, part: int) -> list[str]:
        answers = repeats[of] * len(parts_of(stream, round_number, part, 1)) if of in repeats else 1
        return [answer.digest()] * answers

    # Both hits against each way to answer without a cache, of which one is the baseline.
    return Experiment(makers, right, baseline=without[1].condition, further=2 * (len(without) - 1))


ONE_CHECK, DOUBLE_CHECKED = "a lock, checked once", f"{ORIGINALS}: double-checked locking"  # schemes
STAMPEDES: dict[str, Make] = {
    "no cache": lambda load, _ttl, _bound: Cached(load),
    "a dictionary, no lock": WITHOUT_LOCK,
    ONE_CHECK: CHECKED_ONCE,
    DOUBLE_CHECKED: CACHES[ORIGINALS],
    OURS: CACHES[OURS],
}


@apart
def stampede(study: Study, callers: Sequence[int]) -> dict[str, dict[str, list[float]]]:
    """Loads, and virtual seconds until all have their answer, when so many ask one cold key; a load takes 1 s."""
    return {name: study.fact(f"stampede/{name}", partial(_stampede, make, callers)) for name, make in STAMPEDES.items()}


def _stampede(make: Make, callers: Sequence[int]) -> dict[str, list[float]]:
    return {str(number): virtual_time.run(_one_stampede(make, number)) for number in callers}


async def _one_stampede(make: Make, callers: int) -> list[float]:
    loader = Loader(1.0)
    cached = make(loader, TTL, BOUND)
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*[cached.get(cache_faults.QUERY) for _ in range(callers)])
    return [loader.loads, round(asyncio.get_running_loop().time() - began, 3)]


@apart
def hit_ratios(
    study: Study, ttls: Sequence[int], interarrivals: Sequence[int], writes_an_hour: int, requests: int
) -> list[dict[str, float]]:
    """Hit ratio and share of stale answers for each time to live and mean interarrival time, both in seconds.

    The cache is the real one, on a clock of its own; arrivals and writes are Poisson. `expected` is what renewal theory
    says of a time to live that counts from the load: T / (T + mean interarrival time).
    """
    return [
        study.fact(
            f"hit ratio/{ttl}/{interarrival}",
            partial(_hit_ratio, ttl, interarrival, writes_an_hour, requests, study.random_seed),
        )
        for ttl in ttls
        for interarrival in interarrivals
    ]


def _hit_ratio(ttl: int, interarrival: int, writes_an_hour: int, requests: int, random_seed: int) -> dict[str, float]:
    random = Random(f"{random_seed}/{ttl}/{interarrival}")  # noqa: S311 - a repeatable draw, no secret
    return virtual_time.run(_one_hit_ratio(ttl, interarrival, writes_an_hour, requests, random))


async def _one_hit_ratio(
    ttl: int, interarrival: int, writes_an_hour: int, requests: int, random: Random
) -> dict[str, float]:
    now, written, writes, stale = 0.0, 0, 0.0, 0

    async def load(_query: StatsQuery) -> int:
        return written

    cache: QueryCache[StatsQuery, int] = QueryCache(load, ttl, clock=lambda: now)
    for _ in range(requests):
        now += random.expovariate(1 / interarrival)
        while writes < now:  # the writes to what is queried, up to now
            writes += random.expovariate(writes_an_hour / 3_600)
            written += 1
        stale += await cache.get(cache_faults.QUERY) != written
    found = cache.statistics().hit_ratio
    return {
        "ttl": ttl,
        "interarrival": interarrival,
        "hit_ratio": round(found, 4),
        "expected": round(ttl / (ttl + interarrival), 4),
        "stale": round(stale / requests, 4),
    }


EXPIRY = (0, 29, 30, 31)  # virtual seconds after an answer of 30 s was loaded


@apart
def expiry(study: Study) -> dict[str, int]:
    """Loads that there have been at so many seconds after the first, with a time to live of 30."""
    found: dict[str, int] = study.fact("expiry", lambda: virtual_time.run(_expiry()))
    return found


async def _expiry() -> dict[str, int]:
    loader, clock = Loader(0.0), asyncio.get_running_loop().time
    cache: QueryCache[StatsQuery, int] = QueryCache(loader, 30, clock=clock)
    began, seen = clock(), {}
    for moment in EXPIRY:
        await asyncio.sleep(began + moment - clock())
        await cache.get(cache_faults.QUERY)
        seen[f"after {moment} s"] = loader.loads
    return seen
