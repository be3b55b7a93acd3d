"""Load from a process of its own: latency counts from due, and what is lost or wrong is reported."""

from functools import partial

import pytest

from carenotes import CareStats, StatsQuery
from carenotes.aggregators import pushdown
from carenotes.errors import Failed
from carenotes.lab.comparison import distinct_queries
from carenotes.lab.configurations.services import LATENCY, InTheLoop, MakeService
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.open_loop.generator import TWICE, UNANSWERED
from carenotes.lab.open_loop.generator_client import generator_of_worker
from carenotes.lab.open_loop.queueing import dropped
from carenotes.lab.open_loop.server import (
    GENERATOR_LATENESS,
    SERVICE_TIME,
    WAITING_TIME,
    WAITING_TIME_IDLE,
    OfferedLoad,
    OpenLoop,
)
from carenotes.lab.runner.loops import loop_of_worker
from carenotes.lab.runner.workers import PARTS, PILOT, TIMED
from carenotes.seeding import SeedSpec
from tests.lab.planted import NONE, Broken, Silent, Slow, Stalls


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> SeededNotes:
    return SeededNotes(SeedSpec(2_000, tenants=3, facilities=3, patients=5, days=10), tmp_path_factory.mktemp("n"))


@pytest.fixture
def stream(notes: SeededNotes) -> list[StatsQuery]:
    return list(distinct_queries(notes, 1, 1)(40))


def played(service: MakeService, stream: list[StatsQuery], load: OfferedLoad) -> OpenLoop:
    one = OpenLoop(service, stream, load)
    one.warm_up(0, TIMED)
    one.run()
    return one


@pytest.mark.parametrize("rate", [None, 200.0])
def test_every_answer_is_that_of_the_oracle_in_every_part(
    notes: SeededNotes, stream: list[StatsQuery], rate: float | None
) -> None:
    load, truth = OfferedLoad(rate, 60, "1"), Truth(notes)
    one = OpenLoop(partial(InTheLoop, notes.url("covering"), pushdown), stream, load)
    for part in PARTS:
        one.warm_up(0, part)
        one.run()
        assert one.digests() == [truth.of(query) for query in load.queries(stream, 0, part)]
        assert len(one.digests()) == one.units == (60 if part == TIMED else 50)
    one.close()


def test_the_pilot_and_the_warm_ups_are_short_and_rounds_have_other_queries(stream: list[StatsQuery]) -> None:
    load = OfferedLoad(10.0, 200, "1")
    assert [load.order(PILOT, TIMED).requests, load.order(0, -1).requests, load.order(0, TIMED).requests] == [
        50,
        50,
        200,
    ]
    assert [load.order(0, part).rate for part in PARTS] == [None, None, 10.0]  # a warm-up waits for nobody
    assert load.queries(stream, 0, TIMED) != load.queries(stream, 1, TIMED)
    assert load.queries(stream, 0, TIMED) == OfferedLoad(20.0, 200, "1").queries(stream, 0, TIMED)


def test_a_stall_is_felt_by_all_who_were_due_meanwhile(stream: list[StatsQuery]) -> None:
    """A server that blocks once for 200 ms, 500 requests a second: about a hundred wait, not one.

    A generator that waited for answers, or a clock that began when the server did, would see one slow request.
    """
    one = played(partial(Stalls, 60, 0.2), stream, OfferedLoad(500.0, 300, "1"))
    details = one.details()
    waited = details[LATENCY]
    assert len(waited) == 300 - dropped(300)
    assert sum(each > 0.1e9 for each in waited) > 30
    assert sum(each > 0.1e9 for each in details[SERVICE_TIME]) < 5
    assert sum(details[SERVICE_TIME]) < sum(waited) / 3


def test_latency_is_waiting_and_service_and_the_way_back(stream: list[StatsQuery]) -> None:
    one = played(partial(Slow, 0.002), stream, OfferedLoad(200.0, 60, "1"))
    details = one.details()
    assert all(each >= 0.002e9 for each in details[SERVICE_TIME])
    for latency, wait in zip(details[LATENCY], details[WAITING_TIME], strict=True):
        assert latency >= wait + 0.002e9  # not all of the service: an answer is there before its writer is done
    assert all(each >= 0 for each in details[GENERATOR_LATENESS])
    assert 0 < len(details[WAITING_TIME_IDLE]) < len(details[WAITING_TIME])
    assert sum(details[WAITING_TIME_IDLE]) < sum(details[WAITING_TIME])


def test_a_closed_loop_is_never_late_and_keeps_the_server_busy(stream: list[StatsQuery]) -> None:
    details = played(partial(Slow, 0.002), stream, OfferedLoad(None, 60, "1")).details()
    assert WAITING_TIME_IDLE not in details
    assert min(details[WAITING_TIME]) >= 0.008e9  # seven others are before each


def test_a_wrong_answer_has_another_digest(notes: SeededNotes, stream: list[StatsQuery]) -> None:
    one, truth = played(Slow, stream, OfferedLoad(500.0, 30, "1")), Truth(notes)
    wanted = [truth.of(query) for query in OfferedLoad(500.0, 30, "1").queries(stream, 0, TIMED)]
    assert one.digests() == [NONE.digest()] * 30
    assert one.digests() != wanted


def test_a_request_that_is_lost_is_wrong_and_does_not_come_to_the_next(stream: list[StatsQuery]) -> None:
    one = played(Silent, stream, OfferedLoad(500.0, 10, "1", patience=0.2))
    assert one.digests() == [NONE.digest()] * 2 + [UNANSWERED] * 8
    assert one.details() == {}
    after = played(Slow, stream, OfferedLoad(100.0, 10, "1"))
    assert after.digests() == [NONE.digest()] * 10
    assert min(after.details()[LATENCY]) > 0  # an answer to a request of another one would be there before it is due


def test_a_request_that_is_answered_twice_is_wrong(stream: list[StatsQuery], monkeypatch: pytest.MonkeyPatch) -> None:
    from carenotes.lab.open_loop import server as open_loop

    answer = open_loop._answer
    monkeypatch.setattr(open_loop, "_answer", lambda number, stats: answer(number - number % 2, stats))
    one = played(Slow, stream, OfferedLoad(500.0, 10, "1"))
    assert one.digests() == [TWICE, UNANSWERED] * 5


def test_a_service_that_raises_is_reported_and_the_next_one_is_loaded(stream: list[StatsQuery]) -> None:
    with pytest.raises(RuntimeError, match="out of order"):
        played(Broken, stream, OfferedLoad(500.0, 10, "1"))
    assert played(Slow, stream, OfferedLoad(500.0, 10, "1")).digests() == [NONE.digest()] * 10


def test_a_generator_that_dies_is_reported_and_the_next_one_is_new(stream: list[StatsQuery]) -> None:
    one = OpenLoop(Slow, stream, OfferedLoad(500.0, 10, "1"))
    one.warm_up(0, TIMED)
    loop_of_worker().run(generator_of_worker())._process.kill()
    with pytest.raises(Failed, match="generates the load"):
        one.run()
    assert played(Slow, stream, OfferedLoad(500.0, 10, "1")).digests() == [NONE.digest()] * 10


def test_more_than_a_socket_holds_is_sent_and_answered(stream: list[StatsQuery]) -> None:
    """A server that does nothing while three thousand requests come: the rest waits with the generator."""
    one = played(partial(Stalls, 1, 0.3), stream, OfferedLoad(20_000.0, 3_000, "1"))
    assert one.digests() == [NONE.digest()] * 3_000


def test_all_that_can_be_is_ready_before_the_word_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule of a long run takes milliseconds to draw: drawn after the word, it makes the first requests late."""
    from carenotes.lab.open_loop import generator as load_generator

    happened: list[str] = []

    class Control:
        def sendall(self, line: bytes) -> None:
            happened.append(line.decode().strip()[:7].strip('"'))

    def drawn(*_: object) -> list[int]:
        happened.append("drawn")
        return []

    monkeypatch.setattr(load_generator, "due_after", drawn)
    order = {"seed": "1", "requests": 0, "rate": 10.0, "outstanding": 8, "patience": 1.0, "stream": []}
    load_generator._obey(order, None, Control(), lambda: happened.append("go"))  # type: ignore[arg-type]
    assert happened[:4] == ["drawn", "ready", "go", "done"]


def test_what_comes_over_the_wire_has_the_digest_of_what_was_sent() -> None:
    import json

    from carenotes.lab.open_loop.generator import _digest

    stats = CareStats(7, 3, {"b": 2, "a": 5}, {2: 3, 9: 4}, {10: 3, 9: 4})
    assert _digest(json.loads(json.dumps(stats.as_json()))) == stats.digest()
