"""Notebook 04: what a hit costs, what it is worth, how often there is one, and what a cache must survive."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from random import Random
from typing import Any

from carenotes.aggregators import AGGREGATORS
from carenotes.cache import QueryCache
from carenotes.experiments.one_question import SEED_TENANT
from carenotes.lab import cache_faults, seed_program, virtual_time
from carenotes.lab.cache_faults import Loader
from carenotes.lab.caches import CACHES, OURS, THE_SEEDS, WITHOUT_LOCK, WITHOUT_SECOND_LOOK, Cached, Make
from carenotes.lab.datasets import Notes, SeededNotes
from carenotes.lab.ladder import Condition, Truth
from carenotes.lab.loops import apart
from carenotes.lab.study import Contender, Measured, Study
from carenotes.questions import CareStats, StatsQuery

NOTEBOOK = "04_cache"
FLOOR = "dict and awaited no-op"
SAME, EQUAL, BUILT = f"{OURS}, same key", f"{OURS}, equal key", f"{OURS}, key from a request"
PRICED = ("cashews", "aiocache", "theine", "async-lru", THE_SEEDS, "cachebox", BUILT, EQUAL, SAME)  # about slow to fast
HIT, SEEDS_HIT = f"{OURS} hit", f"{THE_SEEDS} hit"
_HITS = 20_000  # in a sample; those that take far longer get fewer
_FEWER = {"cashews": 100, "aiocache": 20}
_TTL = 3_600.0
_BOUND = 10_000


@apart
def faults(study: Study) -> dict[str, dict[str, str]]:
    """What each fault does to each cache: nothing, or what went wrong."""
    return {name: study.finding(f"faults/{name}", partial(cache_faults.tried, make)) for name, make in CACHES.items()}


class Hits(Contender):
    """Hits in a row: each awaits the same answer, by a key that `key` gives; the last one of a run is compared."""

    compared = 1  # to look at each would cost as much as the hit

    def __init__(
        self,
        get: Callable[[StatsQuery], Coroutine[Any, Any, Any]],
        key: Callable[[], StatsQuery] | None,
        asked: StatsQuery,
        units: int,
        runner: asyncio.Runner,
    ) -> None:
        self.units = units
        self._get, self._key, self._asked, self._runner = get, key, asked, runner
        self._last: object = None
        runner.run(self._ask())
        self._right = self._last

    def prepare(self, _round: int) -> None:
        """See `Contender`."""
        self._runner.run(self._ask())

    def run(self) -> None:
        """See `Contender`."""
        self._runner.run(self._same() if self._key is None else self._each(self._key))

    async def _ask(self) -> None:
        self._last = await self._get(self._asked)

    async def _same(self) -> None:
        get, asked, answer = self._get, self._asked, None
        for _ in range(self.units):
            answer = await get(asked)
        self._last = answer

    async def _each(self, key: Callable[[], StatsQuery]) -> None:
        get, answer = self._get, None
        for _ in range(self.units):
            answer = await get(key())
        self._last = answer

    def check(self) -> int:
        """See `Contender`: the answer is the very one that was loaded."""
        return 0 if self._last == self._right and self._last is not None else self.units


@apart
def hit_price(study: Study, notes: Notes, rounds: int) -> Measured:
    """A hit of each cache through `await get(question)`, all in the same rounds, beside a bare dict look-up.

    Three keys for ours: the same object, an equal one made before the clock started, one built from a request's words.
    """
    experiment = "hit price"
    if not study.is_complete(experiment, rounds):
        with asyncio.Runner() as runner:
            study.blocks(experiment, _hits(notes, runner), rounds)
    return study.measured(experiment)


def _hits(notes: Notes, runner: asyncio.Runner) -> dict[str, Contender]:
    asked, answer = _some_answer(notes)
    kept = {asked: answer}

    async def load(_question: StatsQuery) -> CareStats:
        return answer

    async def look_up(question: StatsQuery) -> CareStats:
        return kept[question]

    tenant, first, last, some = str(asked.tenant_id), *map(str, (asked.first_day, asked.last_day)), asked.facility_ids
    equal = StatsQuery(asked.tenant_id, asked.first_day, asked.last_day, some)
    day = type(asked.first_day).fromisoformat
    keys: dict[str, Callable[[], StatsQuery] | None] = {
        FLOOR: None,
        SAME: None,
        EQUAL: lambda: equal,
        BUILT: lambda: StatsQuery(int(tenant), day(first), day(last), some),
    }
    gets = {name: make(load, _TTL, _BOUND).get for name, make in CACHES.items()}
    ours = gets.pop(OURS)
    hits: dict[str, Contender] = {}
    for name, key in keys.items():
        hits[name] = Hits(look_up if name == FLOOR else ours, key, asked, _HITS, runner)
    for name, get in gets.items():
        hits[name] = Hits(get, None, asked, _HITS // _FEWER.get(name, 1), runner)
    return hits


def _some_answer(notes: Notes) -> tuple[StatsQuery, CareStats]:
    tenant = max(notes.population.tenants, key=lambda one: notes.population.tenants[one])
    asked = StatsQuery.on(tenant, notes.population.last_day)
    with notes.engine(notes.best_plan).connect() as connection:
        return asked, AGGREGATORS["naive"](connection, asked)


class Asks(Contender):
    """An uncached way to answer the seed's one question, as a contender beside hits."""

    def __init__(self, condition: Condition, question: StatsQuery, truth: Truth, units: int) -> None:
        self.units = units
        self._ask, self._question, self._truth = condition.ask, question, truth
        self._connection = condition.notes.engine(condition.plan).connect()
        self._answers: list[CareStats] = []

    def prepare(self, _round: int) -> None:
        """See `Contender`."""

    def run(self) -> None:
        """See `Contender`."""
        self._answers = [self._ask(self._connection, self._question) for _ in range(self.units)]

    def check(self) -> int:
        """See `Contender`."""
        return self._truth.wrong([self._question] * self.units, self._answers)


@apart
def hit_worth(study: Study, notes: Notes, rounds: int) -> Measured | None:
    """The seed's 2,813 times taken apart: a hit against its original with and without the pause, and the best rung."""
    if not isinstance(notes, SeededNotes):
        return None
    experiment = "hit worth"
    if not study.is_complete(experiment, rounds):
        question, truth = StatsQuery.on(SEED_TENANT, notes.spec.last_day), Truth(notes)
        ways = {
            "original, with its pause": (Condition("", seed_program.original(seed_program.PAUSE), notes, "seed"), 1),
            "original, without": (Condition("", seed_program.original(0.0), notes, "seed"), 4),
            "naive, covering index": (Condition("", AGGREGATORS["naive"], notes, "covering"), 16),
            "pushdown, covering index": (Condition("", AGGREGATORS["pushdown"], notes, "covering"), 16),
        }
        with asyncio.Runner() as runner:
            contenders: dict[str, Contender] = {
                name: Asks(condition, question, truth, units) for name, (condition, units) in ways.items()
            }
            with notes.engine("covering").connect() as connection:
                answer = AGGREGATORS["naive"](connection, question)

            async def load(_question: StatsQuery) -> CareStats:
                return answer

            for name, make in ((HIT, CACHES[OURS]), (SEEDS_HIT, CACHES[THE_SEEDS])):
                contenders[name] = Hits(make(load, _TTL, _BOUND).get, None, question, _HITS, runner)
            study.blocks(experiment, contenders, rounds)
        truth.close()
    return study.measured(experiment)


STAMPEDES: dict[str, Make] = {
    "no cache": lambda load, _ttl, _bound: Cached(load),
    "a dictionary, no lock": WITHOUT_LOCK,
    "a lock, no second look": WITHOUT_SECOND_LOOK,
    "the seed's: lock and second look": CACHES[THE_SEEDS],
    OURS: CACHES[OURS],
}


@apart
def stampede(study: Study, callers: Sequence[int]) -> dict[str, dict[str, list[float]]]:
    """Loads, and virtual seconds until all have their answer, when so many ask one cold key; a load takes 1 s."""
    return {
        name: study.finding(f"stampede/{name}", partial(_stampede, make, callers)) for name, make in STAMPEDES.items()
    }


def _stampede(make: Make, callers: Sequence[int]) -> dict[str, list[float]]:
    return {str(number): virtual_time.run(_one_stampede(make, number)) for number in callers}


async def _one_stampede(make: Make, callers: int) -> list[float]:
    loader = Loader(1.0)
    cached = make(loader, _TTL, _BOUND)
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*[cached.get(cache_faults.QUESTION) for _ in range(callers)])
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
        study.finding(
            f"hit ratio/{ttl}/{gap}", partial(_hit_ratio, ttl, gap, writes_an_hour, requests, study.random_seed)
        )
        for ttl in ttls
        for gap in every
    ]


def _hit_ratio(ttl: int, gap: int, writes_an_hour: int, requests: int, random_seed: int) -> dict[str, float]:
    random = Random(f"{random_seed}/{ttl}/{gap}")  # noqa: S311 - a repeatable draw, no secret
    return virtual_time.run(_one_hit_ratio(ttl, gap, writes_an_hour, requests, random))


async def _one_hit_ratio(ttl: int, gap: int, writes_an_hour: int, requests: int, random: Random) -> dict[str, float]:
    now, written, writes, stale = 0.0, 0, 0.0, 0

    async def load(_question: StatsQuery) -> int:
        return written

    cache: QueryCache[StatsQuery, int] = QueryCache(load, ttl, clock=lambda: now)
    for _ in range(requests):
        now += random.expovariate(1 / gap)
        while writes < now:  # the writes to what is asked for, up to now
            writes += random.expovariate(writes_an_hour / 3_600)
            written += 1
        stale += await cache.get(cache_faults.QUESTION) != written
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
    found: dict[str, int] = study.finding("expiry", lambda: virtual_time.run(_expiry()))
    return found


async def _expiry() -> dict[str, int]:
    loader, clock = Loader(0.0), asyncio.get_running_loop().time
    cache: QueryCache[StatsQuery, int] = QueryCache(loader, 30, clock=clock)
    began, seen = clock(), {}
    for moment in EXPIRY:
        await asyncio.sleep(began + moment - clock())
        await cache.get(cache_faults.QUESTION)
        seen[f"after {moment} s"] = loader.loads
    return seen
