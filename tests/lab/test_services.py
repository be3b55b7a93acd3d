"""Every way to serve gives the right answers, and what a request waits is counted from when it was due."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from carenotes import AGGREGATORS, CareStats, StatsQuery
from carenotes.experiments.concurrency import WAYS, Rig
from carenotes.lab.datasets import SeededNotes
from carenotes.lab.ladder import distinct_questions
from carenotes.lab.seed_cache import SeedCache
from carenotes.lab.services import Cached, Clients, Service
from carenotes.lab.study import Study
from carenotes.seeding import SeedSpec


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> SeededNotes:
    return SeededNotes(SeedSpec(2_000, tenants=3, facilities=3, patients=5, days=10), tmp_path_factory.mktemp("n"))


@pytest.fixture
def rig(notes: SeededNotes) -> Iterator[Rig]:
    with Rig(notes) as rig:
        yield rig


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", AGGREGATORS)
def test_every_way_answers_as_the_oracle_does(rig: Rig, way: str, name: str) -> None:
    stream = distinct_questions(rig.notes, 1, 2)(30)
    rig.add("one", rig.way(way, AGGREGATORS[name]), stream, clients=4, units=10)
    clients = rig.contenders["one"]
    for round_number in (-2, -1, 0):
        clients.prepare(round_number)
        clients.run()
        assert clients.check() == 0
        assert len(clients.waited_ns) == 10
        assert min(clients.waited_ns) > 0


class Slow(Service):
    """Blocks the loop for a while, and answers wrongly if told to."""

    def __init__(self, answer: CareStats, seconds: float = 0.0) -> None:
        self._answer, self._seconds = answer, seconds

    async def ask(self, _question: StatsQuery, /) -> CareStats:
        time.sleep(self._seconds)
        return self._answer


NONE = CareStats(0, 0, {}, {}, {})


def clients_of(rig: Rig, service: Service, number: int, units: int, heartbeat: bool = False) -> Clients:
    rig.add("one", service, distinct_questions(rig.notes, 1, 1)(units * 3), number, units, heartbeat=heartbeat)
    one = rig.contenders["one"]
    assert isinstance(one, Clients)
    one.prepare(0)
    one.run()
    return one


def test_a_wrong_answer_is_counted(rig: Rig) -> None:
    assert clients_of(rig, Slow(NONE), 2, 6).check() == 6


def test_who_is_asked_at_once_waits_for_those_before_him(rig: Rig) -> None:
    waited = clients_of(rig, Slow(NONE, 0.01), 5, 5).waited_ns
    assert [round(one / 1e7) for one in waited] == pytest.approx([1, 2, 3, 4, 5], abs=1)


def test_who_asks_in_turn_waits_from_his_last_answer_on(rig: Rig) -> None:
    """Two clients of a service that does one thing at a time: each waits for two answers but for the first."""
    waited = clients_of(rig, Slow(NONE, 0.01), 2, 6).waited_ns
    assert all(one > 0.018e9 for one in waited[1:])


def test_a_blocked_loop_is_felt_by_the_heartbeat(rig: Rig) -> None:
    late = clients_of(rig, Slow(NONE, 0.05), 2, 2, heartbeat=True).waited_ns
    assert max(late) > 0.09e9


def test_a_cache_is_new_and_warm_in_each_round(rig: Rig) -> None:
    stream = distinct_questions(rig.notes, 1, 1)(3)
    service = Cached(Slow(NONE), lambda load: SeedCache(load, 30), warm=stream[:1])
    rig.add("one", service, stream, 3, 3)
    for round_number in (0, 1):
        rig.contenders["one"].prepare(round_number)
        rig.contenders["one"].run()
        assert service.loads == 2


def test_the_latencies_of_each_round_are_kept(rig: Rig) -> None:
    stream = distinct_questions(rig.notes, 1, 1)(12)
    rig.add("loop", rig.way(WAYS[0]), stream, 2, 3)
    study = Study("t")
    study.blocks("x", rig.contenders, 2)
    found = study.measured("x").latencies
    assert list(found.groupby("round").size()) == [3, 3]  # warm-ups left out
    assert (found["seconds"] > 0).all()


def test_the_seeds_cache_expires_and_keeps_questions_apart() -> None:
    loads: list[StatsQuery] = []

    async def load(question: StatsQuery) -> int:
        loads.append(question)
        return question.tenant_id

    async def main() -> None:
        from datetime import date

        cache = SeedCache(load, ttl=0.05)
        one, other = StatsQuery.on(1, date(2026, 1, 1)), StatsQuery.on(2, date(2026, 1, 1), [3, 4])
        assert [await cache.get(one), await cache.get(other), await cache.get(one)] == [1, 2, 1]
        assert len(loads) == 2
        await asyncio.sleep(0.06)
        await cache.get(one)
        assert len(loads) == 3

    asyncio.run(main())
