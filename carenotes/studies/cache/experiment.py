"""Notebook 04: what a hit costs, what it is worth, how often there is one, and what a cache must survive."""

import asyncio
from collections.abc import Sequence
from functools import partial
from random import Random

from carenotes.aggregators import AGGREGATORS
from carenotes.cache import QueryCache
from carenotes.lab.caches import CACHES, ORIGINALS, OURS, WITHOUT_DOUBLE_CHECK, WITHOUT_LOCK, Cached, Make
from carenotes.lab.configurations.client import PILOT_QUERIES, Ask, Client, a_round, parts_of
from carenotes.lab.notes.datasets import Notes, SeededNotes
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.loops import apart
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Plan, Study
from carenotes.lab.runner.workers import Maker
from carenotes.original import program as program
from carenotes.queries import CareStats, StatsQuery
from carenotes.studies.cache import faults as cache_faults
from carenotes.studies.cache import virtual_time
from carenotes.studies.cache.faults import Loader
from carenotes.studies.cache.hits import BOUND, BUILT, EQUAL, FLOOR, SAME, TTL, Hits
from carenotes.studies.one_query.experiment import ORIGINAL_TENANT

NOTEBOOK = "04_cache"
PRICE, WORTH = "hit price", "hit worth"  # experiments
PRICED = ("cashews", "aiocache", "theine", "async-lru", ORIGINALS, "cachebox", BUILT, EQUAL, SAME)  # about slow to fast
HIT, ORIGINALS_HIT = f"{OURS} hit", f"{ORIGINALS} hit"
_HITS = 100_000  # in a sample, so that a dict look-up makes one; those that take far longer get fewer
_FEWER = {"cashews": 500, "aiocache": 100, "theine": 4, "async-lru": 4, ORIGINALS: 2, OURS: 2}


@apart
def faults(study: Study) -> dict[str, dict[str, str]]:
    """What each fault does to each cache: nothing, or what went wrong."""
    return {name: study.fact(f"faults/{name}", partial(cache_faults.tried, make)) for name, make in CACHES.items()}


def measured(study: Study, asked: Notes, workload: Notes, rounds: int) -> dict[str, Measured]:
    """What a hit costs and what it is worth, in the same rounds; its worth on the original's workload alone."""
    plans: dict[str, Plan] = {PRICE: partial(hit_price, asked)}
    if isinstance(workload, SeededNotes):
        plans[WORTH] = partial(hit_worth, workload, study.rounds_of(WORTH, rounds))
    return study.races(plans, rounds)


def hit_price(notes: Notes) -> Experiment:
    """A hit of each cache through `await get(query)`, all in the same rounds, beside a bare dict look-up.

    Three keys for ours: the same object, an equal one made before the clock started, one built from a request's words.
    """
    asked, answer = _some_answer(notes)
    hits = {FLOOR: (FLOOR, SAME), SAME: (OURS, SAME), EQUAL: (OURS, EQUAL), BUILT: (OURS, BUILT)}
    hits |= {name: (name, SAME) for name in CACHES if name != OURS}
    makers: dict[str, Maker] = {
        name: partial(Hits, cached, key, asked, answer, _hits(cached)) for name, (cached, key) in hits.items()
    }
    return Experiment(
        makers, lambda *_: [answer.digest()], further=len(makers) - 1
    )  # against the floor, and against ours


def _hits(cached: str) -> int:
    return _HITS // _FEWER.get(cached, 1)


def _some_answer(notes: Notes) -> tuple[StatsQuery, CareStats]:
    tenant = max(notes.population.tenants, key=lambda one: notes.population.tenants[one])
    asked = StatsQuery.on(tenant, notes.population.last_day)
    return asked, _answer(notes, asked)


def _answer(notes: Notes, asked: StatsQuery) -> CareStats:
    with notes.engine(notes.best_design).connect() as connection:
        return AGGREGATORS["naive"](connection, asked)


def hit_worth(notes: SeededNotes, rounds: int) -> Experiment:
    """The original's 2,813 times taken apart: a hit against its original with and without the pause, and the best configuration."""
    asked = StatsQuery.on(ORIGINAL_TENANT, notes.spec.last_day)
    answer = _answer(notes, asked)
    ways: dict[str, tuple[Ask, str, int]] = {
        "original, with its pause": (program.Original(program.PAUSE), "original", 1),
        "original, without": (program.Original(0.0), "original", 4),
        "naive, covering index": (AGGREGATORS["naive"], "covering", 48),
        "pushdown, covering index": (AGGREGATORS["pushdown"], "covering", 48),
    }
    streams = {name: [asked] * (PILOT_QUERIES + rounds * a_round(1)) for name in ways}
    makers: dict[str, Maker] = {
        name: partial(Client, ask, notes.url(plan), streams[name], 1, repeats=calls)
        for name, (ask, plan, calls) in ways.items()
    }
    for name, cached in ((HIT, OURS), (ORIGINALS_HIT, ORIGINALS)):
        makers[name] = partial(Hits, cached, SAME, asked, answer, _hits(cached))

    def right(name: str, round_number: int, part: int) -> list[str]:
        calls = ways[name][2] * len(parts_of(streams[name], round_number, part, 1)) if name in ways else 1
        return [answer.digest()] * calls

    # Both hits against each way to answer, of which one is the baseline.
    return Experiment(makers, right, baseline="original, without", further=2 * (len(ways) - 1))


STAMPEDES: dict[str, Make] = {
    "no cache": lambda load, _ttl, _bound: Cached(load),
    "a dictionary, no lock": WITHOUT_LOCK,
    "a lock, no double check": WITHOUT_DOUBLE_CHECK,
    "the original's: lock and double check": CACHES[ORIGINALS],
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
    study: Study, ttls: Sequence[int], every: Sequence[int], writes_an_hour: int, requests: int
) -> list[dict[str, float]]:
    """Hit ratio and share of stale answers for each time to live and mean time between two askings, both in seconds.

    The cache is the real one, on a clock of its own; arrivals and writes are Poisson. `expected` is what renewal theory
    says of a time to live that counts from the load: T / (T + mean time between askings).
    """
    return [
        study.fact(f"hit ratio/{ttl}/{gap}", partial(_hit_ratio, ttl, gap, writes_an_hour, requests, study.random_seed))
        for ttl in ttls
        for gap in every
    ]


def _hit_ratio(ttl: int, gap: int, writes_an_hour: int, requests: int, random_seed: int) -> dict[str, float]:
    random = Random(f"{random_seed}/{ttl}/{gap}")  # noqa: S311 - a repeatable draw, no secret
    return virtual_time.run(_one_hit_ratio(ttl, gap, writes_an_hour, requests, random))


async def _one_hit_ratio(ttl: int, gap: int, writes_an_hour: int, requests: int, random: Random) -> dict[str, float]:
    now, written, writes, stale = 0.0, 0, 0.0, 0

    async def load(_query: StatsQuery) -> int:
        return written

    cache: QueryCache[StatsQuery, int] = QueryCache(load, ttl, clock=lambda: now)
    for _ in range(requests):
        now += random.expovariate(1 / gap)
        while writes < now:  # the writes to what is asked for, up to now
            writes += random.expovariate(writes_an_hour / 3_600)
            written += 1
        stale += await cache.get(cache_faults.QUERY) != written
    found = cache.statistics().hit_ratio
    return {
        "ttl": ttl,
        "gap": gap,
        "hit_ratio": round(found, 4),
        "expected": round(ttl / (ttl + gap), 4),
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
