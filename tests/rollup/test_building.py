"""Built is what the notes say: in any chunks, after any interruption, and while others write."""

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, insert, select, update

from carenotes import AGGREGATORS, Refused, StatsQuery
from carenotes.backends import files, open_database
from carenotes.backends.upkeep import upkeep_of
from carenotes.designs import prepare, stands
from carenotes.models import CareNote
from carenotes.rollup import building, nodes
from carenotes.rollup.building import build
from carenotes.rollup.tables import NODES, TENANTS
from carenotes.rollup.verifying import verify
from carenotes.seeding import SeedSpec, load
from tests.rollup.kept import ALWAYS, DAY, KEPT, assert_right, note, write

SPEC = SeedSpec(3_000, tenants=4, facilities=3, patients=5, days=60)


class Killed(BaseException):
    """As if the process had ended."""


def kept_nodes(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        keys = select(NODES.c.tenant_id, NODES.c.facility_id, NODES.c.node, NODES.c.labels, NODES.c.counts)
        return sorted(map(tuple, connection.execute(keys).all()))


@pytest.fixture
def loaded(empty: Engine) -> Engine:
    load(empty, SPEC)
    return empty


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_in_whatever_chunks_it_is_read_it_is_the_same(
    loaded: Engine, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    prepare(loaded, "rollup")
    at_once = kept_nodes(loaded)
    prepare(loaded, "none")
    monkeypatch.setattr(building, "CHUNK", chunk)
    read: list[int] = []
    assert build(loaded, progress=read.append) == SPEC.notes
    with loaded.connect() as connection:
        of_days = (
            select(func.count()).select_from(CareNote).group_by(CareNote.tenant_id, func.date(CareNote.created_at))
        )
        assert max(read) <= max(chunk, *connection.execute(of_days).scalars())  # a day of a tenant is read at once
    assert {row[:3] for row in kept_nodes(loaded)} == {row[:3] for row in at_once}
    assert [*verify(loaded)] == []
    assert_right(loaded)
    assert build(loaded) == 0  # it is there
    with loaded.connect() as connection:
        assert stands(connection, "rollup")


def test_days_without_notes_are_not_asked_for_one_after_the_other(
    empty: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(empty, note(1), note(2, day=date.max))
    asked: list[tuple[int, int]] = []
    at_once = building.Tenant._at_once

    def watched(self: building.Tenant, level: int, days: tuple[int, int]) -> object:
        asked.append(days)
        return at_once(self, level, days)

    monkeypatch.setattr(building.Tenant, "_at_once", watched)
    assert build(empty) == 2
    assert len(asked) <= 4  # of some 700 blocks of days between
    with empty.connect() as connection:
        assert AGGREGATORS["pyramid"](connection, StatsQuery(3, date.min, date.max)).total_notes == 2


def test_what_was_interrupted_is_finished_and_nothing_is_read_twice(loaded: Engine) -> None:
    met = []

    def until_the_second(notes: int) -> None:
        met.append(notes)
        if len(met) == 2:
            raise Killed

    with pytest.raises(Killed):
        build(loaded, progress=until_the_second)
    with loaded.connect() as connection:
        assert not stands(connection, "rollup")
        assert sorted(connection.execute(select(TENANTS.c.next_number > 0)).scalars()) == [False, True]
    assert build(loaded) == SPEC.notes - met[0]
    assert [*verify(loaded)] == []


def test_one_of_other_days_is_begun_anew(loaded: Engine) -> None:
    build(loaded, date(2026, 6, 1))
    assert_right(loaded)
    assert build(loaded) == SPEC.notes
    with pytest.raises(Killed):
        build(loaded, date(2026, 6, 1), progress=lambda _: (_ for _ in ()).throw(Killed()))
    assert build(loaded) == SPEC.notes
    assert [*verify(loaded)] == []


@pytest.mark.slow
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_what_others_write_while_it_is_built_is_in_it(
    loaded: Engine, monkeypatch: pytest.MonkeyPatch, journal: str
) -> None:
    if not upkeep_of(loaded).HEARS:
        pytest.skip("nobody may write there meanwhile")
    if loaded.dialect.name != "sqlite" and journal == "wal":
        pytest.skip("it has one journal only")
    met = []

    def meanwhile(_notes: int) -> None:
        met.append(1)
        with open_database(loaded.url).begin() as other:
            other.execute(update(CareNote).where(CareNote.id % 40 == len(met)).values(tenant_id=5 - CareNote.tenant_id))
        write(loaded, note(10_000 + len(met), tenant_id=9), note(20_000 + len(met), facility_id=77))

    monkeypatch.setattr(building, "CHUNK", 200)
    if loaded.dialect.name == "sqlite":
        with closing(sqlite3.connect(files.file(loaded.url))) as plain:
            assert plain.execute(f"PRAGMA journal_mode = {journal}").fetchone() == (journal,)
    build(loaded, progress=meanwhile)
    assert len(met) > 4
    assert [*verify(loaded)] == []
    assert_right(loaded)


def test_notes_that_are_truncated_while_they_are_read_are_not_built(loaded: Engine) -> None:
    if loaded.dialect.name != "postgresql":
        pytest.skip("there is no TRUNCATE")
    met = []

    def truncate(_notes: int) -> None:
        met.append(1)
        if len(met) == 2:
            with open_database(loaded.url).begin() as other:
                other.exec_driver_sql("TRUNCATE care_notes")
            write(loaded, note(1, tenant_id=2))

    build(loaded, progress=truncate)
    assert len(met) == 3
    assert [*verify(loaded)] == []
    assert_right(loaded, StatsQuery(2, date.min, date.max))


def test_two_that_build_at_once_build_it_once(loaded: Engine) -> None:
    if not upkeep_of(loaded).HEARS:
        pytest.skip("one process has the database")
    met = []

    def other(_notes: int) -> None:
        met.append(1)
        if len(met) == 1:
            build(open_database(loaded.url))

    build(loaded, progress=other)
    assert [*verify(loaded)] == []
    assert_right(loaded)


def test_prepare_makes_it_at_once_or_not_at_all(loaded: Engine) -> None:
    prepare(loaded, "covering")

    def stop(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if sql.startswith("INSERT INTO carenotes_rollup_tenants"):
            raise Killed

    event.listen(loaded, "before_cursor_execute", stop)
    with pytest.raises(Killed):
        prepare(loaded, "rollup")
    event.remove(loaded, "before_cursor_execute", stop)
    with loaded.connect() as connection:
        assert stands(connection, "covering")
        assert not stands(connection, "rollup")


def test_what_is_committed_just_before_anybody_is_heard_is_in_it(loaded: Engine) -> None:
    if loaded.dialect.name != "postgresql":
        pytest.skip("writers exclude each other")
    prepare(loaded, "covering")
    written = []

    def late(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if "CREATE FUNCTION" in sql and not written:
            written.append(1)
            with open_database(loaded.url).begin() as other:
                other.execute(insert(CareNote), note(10_000))

    event.listen(loaded, "before_cursor_execute", late)
    build(loaded)  # `prepare` lets nobody write meanwhile
    event.remove(loaded, "before_cursor_execute", late)
    assert written == [1]
    assert [*verify(loaded)] == []
    assert_right(loaded)


def test_where_nobody_tells_of_changes_another_number_of_notes_is_noticed(empty: Engine) -> None:
    if upkeep_of(empty).HEARS:
        pytest.skip("they are heard")
    write(empty, note(1))
    build(empty)
    write(empty, note(2, DAY + timedelta(days=1)))
    with empty.connect() as connection:
        assert not stands(connection, "rollup")
        for name in KEPT:
            with pytest.raises(Refused, match="the notes are others than those that the rollup was built of"):
                AGGREGATORS[name](connection, ALWAYS)
    assert build(empty) == 2
    assert_right(empty)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2**20)), min_size=1), st.booleans())
def test_tallies_are_the_same_by_sorting_and_by_a_table_of_all_places(
    pairs: list[tuple[int, int]], weighted: bool
) -> None:
    row, code = (np.array(one, np.int64) for one in zip(*pairs, strict=True))
    counts = code % 7 + 1 if weighted else None
    found = []
    for small in (0, 1 << 30):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(nodes, "_SMALL", small)
            patch.setattr(nodes, "_DENSE", 0)
            one = nodes.Tally.of(row, code % 100, 100, counts)
            found.append([one.row.tolist(), one.code.tolist(), one.counts.tolist()])
            assert nodes.distinct(code, 1 << 21).tolist() == sorted(set(code.tolist()))
    assert found[0] == found[1]
    assert sum(found[0][2]) == (len(pairs) if counts is None else int(counts.sum()))
