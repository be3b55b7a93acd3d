"""A refresh works off the log, whoever writes meanwhile and wherever it is killed; answers are right at any time."""

import random
import sqlite3
import threading
from contextlib import closing
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Engine, delete, event, insert, select, update
from sqlalchemy.exc import DBAPIError

from carenotes import AGGREGATORS, StatsQuery
from carenotes.backends import create_database, files
from carenotes.backends.upkeep import upkeep_of
from carenotes.designs import prepare
from carenotes.models import CareNote
from carenotes.rollup import mark, refreshing
from carenotes.rollup.building import build
from carenotes.rollup.refreshing import refresh, refresh_some
from carenotes.rollup.tables import MARKS, NODES, PATIENTS, TENANTS
from carenotes.rollup.verifying import verify
from tests.rollup.kept import ALWAYS, DAY, KEPT, assert_right, before_statement, marks, note, write


class Killed(BaseException):
    """As if the process had ended."""


def test_nothing_is_left_marked_and_every_node_is_right(kept: Engine) -> None:
    write(kept, *[note(10 + n, DAY + timedelta(days=7 * n), patient_id=f"p{n}", facility_id=n % 4) for n in range(40)])
    assert refresh(kept, days=3) == 41 - 1
    assert marks(kept) == set()
    assert [*verify(kept)] == []
    with kept.begin() as connection:
        connection.execute(delete(CareNote))
    refresh(kept)
    assert [*verify(kept)] == []
    with kept.connect() as connection:
        assert connection.execute(select(PATIENTS)).all() == []


def test_a_mark_is_made_by_hand_where_nobody_hears(kept: Engine) -> None:
    """And one of which nothing is true is only work."""
    with kept.begin() as connection:
        for facility in (1, 1, 8):
            mark(connection, 3, facility, DAY)
        connection.execute(insert(MARKS), [{"tenant_id": 3, "facility_id": 1, "day": 0}])
    assert refresh(kept) == 2
    assert marks(kept) == set()
    assert [*verify(kept)] == []


def test_of_a_tenant_that_is_dropped_nothing_is_left_and_others_stay_as_they_are(kept: Engine) -> None:
    write(kept, note(5, tenant_id=4), note(6, tenant_id=4, patient_id="p9"))
    refresh(kept)
    with kept.begin() as connection:
        connection.execute(delete(CareNote).where(CareNote.tenant_id == 3))
    refresh(kept)
    with kept.connect() as connection:
        for table in (NODES, PATIENTS):
            assert {*connection.execute(select(table.c.tenant_id)).scalars()} == {4}
    assert marks(kept) == set()
    assert [*verify(kept)] == []
    assert_right(kept, ALWAYS, StatsQuery(4, DAY.min, DAY.max))


def test_a_patient_without_notes_is_forgotten_and_no_number_is_given_out_twice(kept: Engine) -> None:
    def numbers() -> dict[str, int]:
        with kept.connect() as connection:
            return dict(connection.execute(select(PATIENTS.c.patient_id, PATIENTS.c.number)).all())

    before = numbers()
    with kept.begin() as connection:
        connection.execute(update(CareNote).where(CareNote.id == 2).values(patient_id="p3"))
    refresh(kept)
    assert numbers() == {"p1": before["p1"], "p3": 3}
    write(kept, note(5, DAY + timedelta(days=9_000), patient_id="p2"), note(6, patient_id="p1"))
    refresh(kept)
    with kept.begin() as connection:
        connection.execute(delete(CareNote).where(CareNote.id == 6))  # p1 has another note left
    refresh(kept)
    assert numbers() == {"p1": before["p1"], "p3": 3, "p2": 4}
    with kept.connect() as connection:
        assert connection.execute(select(TENANTS.c.next_number)).scalar_one() == 5
    assert_right(kept)


@pytest.mark.parametrize("at", range(1, 14))
def test_killed_at_any_statement_it_has_done_all_of_a_slice_or_nothing(kept: Engine, at: int) -> None:
    write(kept, note(5, patient_id="new"), note(6, DAY + timedelta(days=400), tenant_id=8))
    with kept.begin() as connection:
        connection.execute(delete(CareNote).where(CareNote.id == 2))
    sent = []

    def stop(*_: Any) -> None:
        sent.append(1)
        if len(sent) == at:
            raise Killed

    event.listen(kept, "before_cursor_execute", stop)
    try:
        refresh(kept, days=1)
    except Killed:
        pass
    finally:
        event.remove(kept, "before_cursor_execute", stop)
    assert len(sent) >= at
    assert_right(kept, ALWAYS, StatsQuery.on(8, DAY + timedelta(days=400)))
    assert [*verify(kept)] == []
    refresh(kept)
    assert marks(kept) == set()
    assert [*verify(kept)] == []


# Anything, in any order


TENANTS_MET, FACILITIES, PATIENT_IDS = (1, 2), (1, 2, 3), ("a", "A", "b", "", "é")
OFFSETS = (0, 1, 2, 3, 4, 5, 17, 300, 5_000)
some_days = st.sampled_from([DAY + timedelta(days=one) for one in OFFSETS])
some_notes = st.fixed_dictionaries(
    {
        "tenant_id": st.sampled_from(TENANTS_MET),
        "facility_id": st.sampled_from(FACILITIES),
        "patient_id": st.sampled_from(PATIENT_IDS),
        "category": st.sampled_from(["medication", "other"]),
        "priority": st.integers(-1, 6),
        "created_at": st.builds(datetime.combine, some_days, st.sampled_from([time.min, time(12), time.max])),
    }
)
some_ids = st.integers(1, 30)


class AnyOrder(RuleBasedStateMachine):
    """Writes, corrections, deletes, refreshes and their deaths, on SQLite in memory of a file of its own."""

    engine: Engine

    @initialize(first=st.lists(some_notes, max_size=6))
    def begin(self, first: list[dict[str, Any]]) -> None:
        with self.engine.begin() as connection:
            connection.execute(delete(CareNote))
        prepare(self.engine, "none")
        for number, one in enumerate(first, 100):
            write(self.engine, note(number) | one)
        prepare(self.engine, "rollup")

    @rule(number=some_ids, one=some_notes)
    def replace(self, number: int, one: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(CareNote).prefix_with("OR REPLACE"), note(number) | one)

    @rule(
        numbers=st.sets(some_ids),
        one=some_notes,
        some=st.sets(st.sampled_from(["tenant_id", "facility_id", "patient_id", "created_at", "category"]), min_size=1),
    )
    def correct(self, numbers: set[int], one: dict[str, Any], some: set[str]) -> None:
        with self.engine.begin() as connection:
            changes = {name: one[name] for name in some}
            connection.execute(update(CareNote).where(CareNote.id.in_(numbers)).values(**changes))

    @rule(numbers=st.sets(some_ids))
    def remove(self, numbers: set[int]) -> None:
        with self.engine.begin() as connection:
            connection.execute(delete(CareNote).where(CareNote.id.in_(numbers)))

    @rule(days=st.integers(1, 4), few=st.sampled_from([0, refreshing.FEW]))
    def refresh(self, days: int, few: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(refreshing, "FEW", few)
            refresh(self.engine, days)
        assert marks(self.engine) == set()
        assert [*verify(self.engine)] == []

    @rule(days=st.integers(1, 3), at=st.integers(1, 40))
    def killed(self, days: int, at: int) -> None:
        sent = []

        def stop(*_: Any) -> None:
            sent.append(1)
            if len(sent) == at:
                raise Killed

        event.listen(self.engine, "before_cursor_execute", stop)
        try:
            refresh(self.engine, days)
        except Killed:
            pass
        finally:
            event.remove(self.engine, "before_cursor_execute", stop)

    @invariant()
    def answers_are_right(self) -> None:
        periods = [(DAY, DAY + timedelta(days=one)) for one in (0, 4, 400)] + [
            (DAY + timedelta(days=1), DAY + timedelta(days=16))
        ]
        assert_right(
            self.engine,
            *[StatsQuery(tenant, *days, some) for tenant in TENANTS_MET for days in periods for some in (None, [1, 3])],
            StatsQuery(1, DAY.min, DAY.max),
        )


@pytest.mark.slow
def test_after_anything_in_any_order_answers_are_right(url: str) -> None:
    AnyOrder.engine = create_database(url)
    case = type(
        "Case", (AnyOrder.TestCase,), {"settings": settings(max_examples=20, stateful_step_count=15, deadline=None)}
    )
    case().runTest()


# Two writers, a refresh and readers at once


def worker(engine: Engine, seed: int, steps: int, failed: list[BaseException]) -> None:
    drawn = random.Random(seed)
    try:
        for step in range(steps):
            with engine.begin() as connection:
                for _ in range(drawn.randint(1, 4)):
                    day = DAY + timedelta(days=drawn.choice(OFFSETS))
                    own = CareNote.id % 2 == seed  # each has notes of its own: neither waits for the other's row
                    if drawn.random() < 0.5:
                        number = 1_000 + 2 * (step * 10 + drawn.randint(0, 9)) + seed
                        there = connection.execute(select(CareNote.id).where(CareNote.id == number)).scalar()
                        if there is None:
                            connection.execute(
                                insert(CareNote),
                                note(
                                    number,
                                    day,
                                    facility_id=drawn.choice(FACILITIES),
                                    patient_id=drawn.choice(PATIENT_IDS),
                                ),
                            )
                    elif drawn.random() < 0.6:
                        some = CareNote.id % 11 == drawn.randint(0, 10)
                        connection.execute(
                            update(CareNote)
                            .where(own, some)
                            .values(created_at=note(0, day)["created_at"], patient_id=drawn.choice(PATIENT_IDS))
                        )
                    else:
                        connection.execute(delete(CareNote).where(own, CareNote.id % 13 == drawn.randint(0, 12)))
    except BaseException as error:
        failed.append(error)


def test_with_two_writers_and_a_refresh_at_once_every_answer_is_right(server: Engine) -> None:
    engine, failed = server, []
    write(
        engine, *[note(number, DAY + timedelta(days=number % 6), patient_id=f"p{number % 3}") for number in range(40)]
    )
    build(engine)
    writers = [threading.Thread(target=worker, args=(engine, seed, 60, failed)) for seed in (0, 1)]
    done = threading.Event()

    def fold() -> None:
        try:
            while not done.is_set():
                refresh(engine, days=2)
        except BaseException as error:
            failed.append(error)

    folding = threading.Thread(target=fold)
    for one in (*writers, folding):
        one.start()
    fresh = upkeep_of(engine).fresh(engine)
    while any(one.is_alive() for one in writers):
        assert_right(engine, ALWAYS, StatsQuery(3, DAY, DAY + timedelta(days=3), [1, 2]))
        with fresh.connect() as connection:  # each statement by itself: only that it comes to an end can be told
            for name in KEPT:
                AGGREGATORS[name](connection, ALWAYS)
    done.set()
    for one in (*writers, folding):
        one.join()
    assert failed == []
    refresh(engine)
    assert marks(engine) == set()
    assert [*verify(engine)] == []
    assert_right(engine)


def test_two_refreshes_of_a_tenant_come_one_after_the_other(server: Engine) -> None:
    """The second waits for the lock, and looks after that."""
    write(server, note(1))
    prepare(server, "rollup")
    write(server, note(2, patient_id="p2"))
    fresh = upkeep_of(server).fresh(server)
    with fresh.connect() as first:
        refresh_some(first, 3)
        write(server, note(3, DAY - timedelta(days=1), patient_id="p3"))  # another leaf, under the same nodes
        with fresh.connect() as second:
            second.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
            with before_statement(second, 0, None) as sent, pytest.raises(DBAPIError, match="lock timeout"):
                refresh_some(second, 3, days=1)
            assert len(sent) == 1  # it has not looked at anything yet
        first.commit()
    assert_right(server)
    assert refresh(server) == 1
    assert [*verify(server)] == []


def test_on_sqlite_a_refresh_may_write_from_its_first_look_on(url: str) -> None:
    """Else what it has seen can be old when it comes to write, and it is turned down."""
    engine = create_database(url)
    with (
        closing(sqlite3.connect(files.file(engine.url), timeout=0)) as other,
        upkeep_of(engine).fresh(engine).begin(),
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")
