"""Notebook 08: what is kept stays equal to the notes; ages, prices and verdicts from planted samples."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import IntegrityError

from carenotes import CareStats, StatsQuery
from carenotes.aggregators import naive
from carenotes.backends import BACKENDS, open_database, postgresql
from carenotes.errors import Failed
from carenotes.lab.conditions import Condition, condition
from carenotes.lab.notes.workload import query_stream
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import Measured, measured
from carenotes.lab.statistics.verdicts import REFUTED, SUPPORTED
from carenotes.models import CareNote
from carenotes.original.decisions import verdicts
from carenotes.rollup.tables import MARKS
from carenotes.seeding import SeedSpec, stored_digest
from carenotes.studies.upkeep import effects, experiment, findings, freshness, price, stack, tables, writes
from carenotes.studies.upkeep.counted import GROUPS, PATIENTS, counted
from carenotes.studies.upkeep.experiment import NOTEBOOK, READS, REFRESHES, WRITES
from carenotes.studies.upkeep.keeping import ONE, Made, Refreshed, take_back, write
from carenotes.studies.upkeep.place import LOG, READ, WRITTEN, Place
from carenotes.studies.upkeep.stack import CachingClient
from carenotes.studies.upkeep.ways import (
    CONCURRENTLY,
    COUNTED,
    INDEX,
    MARKED,
    NOTHING,
    POSTGRESQL,
    REFRESHED,
    SQLITE,
    VIEWED,
    WAYS,
    WHOLE,
)  # fmt: skip
from carenotes.studies.upkeep.writes import ONE_BY_ONE, RIGHT, WRONG, Written
from tests.lab import timed

SPEC = SeedSpec(600, tenants=2, facilities=3, patients=5, days=40)
EVERY_WAY = [(engine, way) for way, of in WAYS.items() for engine in of.engines]
every_way = pytest.mark.parametrize(("engine", "way"), EVERY_WAY)
both = pytest.mark.parametrize("engine", [SQLITE, POSTGRESQL])


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("upkeep")
    yield experiment.place(SPEC, folder)
    for backend in BACKENDS.values():
        backend.clear(folder)


def url(where: Place, engine: str, way: str, purpose: str = WRITTEN) -> object:
    if engine not in where.engines:
        pytest.skip("no server of this engine")
    return where.url(engine, way, purpose)


@pytest.fixture
def opened(where: Place) -> Iterator[Callable[[str, str], Engine]]:
    engines: list[Engine] = []

    def of(engine: str, way: str) -> Engine:
        engines.append(open_database(url(where, engine, way)))  # type: ignore[arg-type]
        return engines[-1]

    yield of
    for one in engines:
        one.dispose()


def digest(engine: Engine) -> str:
    with engine.connect() as connection:
        return stored_digest(connection)


def queries(where: Place) -> list[StatsQuery]:
    return [one for days in (1, 7, 40) for one in query_stream(where.notes.population, 1, 12, days)]


# What is kept


def rows(connection: Connection) -> list[list[tuple[object, ...]]]:
    found = []
    for table in (GROUPS, PATIENTS):
        held = select(table).where(table.c.notes > 0).order_by(*table.primary_key)
        found.append([tuple(row) for row in connection.execute(held)])
    return found


@both
def test_counts_follow_whatever_is_written_in_one_statement_or_many(
    opened: Callable[[str, str], Engine], engine: str
) -> None:
    database = opened(engine, COUNTED)
    with database.connect() as connection, connection.begin() as all_of_it:
        for statement in (
            "UPDATE care_notes SET patient_id = 'somebody', priority = 6 - priority WHERE id % 3 = 0",
            "DELETE FROM care_notes WHERE id % 5 = 0",
            "INSERT INTO care_notes SELECT id + 10000, tenant_id, facility_id, patient_id, category, priority, "
            "created_at, created_by, note_text FROM care_notes WHERE id % 2 = 0",
            "UPDATE care_notes SET facility_id = 3 - facility_id % 3 WHERE id % 7 = 0",
            "DELETE FROM care_notes WHERE tenant_id = 2 AND facility_id = 1",
        ):
            connection.execute(text(statement))
            kept = rows(connection)
            keys = [select(*keys_of(table), func.count()).group_by(*keys_of(table)) for table in (GROUPS, PATIENTS)]
            assert kept == [sorted(map(tuple, connection.execute(one))) for one in keys], statement
        all_of_it.rollback()


def keys_of(table: object) -> list[object]:
    """The keys of a table of counts, from notes, by an expression of the package's own."""
    from carenotes.backends.expressions import DayNumber

    of = CareNote.__table__.c
    return [
        DayNumber(of.created_at) if key.name == "day" else of[key.name]
        for key in table.primary_key  # type: ignore[attr-defined]
    ]


@every_way
def test_every_way_answers_as_the_oracle(
    where: Place, opened: Callable[[str, str], Engine], engine: str, way: str
) -> None:
    with opened(engine, way).connect() as connection:
        for one in queries(where):
            assert WAYS[way].aggregator(connection, one) == naive(connection, one)


@pytest.mark.parametrize("how", [WHOLE, CONCURRENTLY])
def test_views_are_as_old_as_their_last_refresh(where: Place, opened: Callable[[str, str], Engine], how: str) -> None:
    database = opened(POSTGRESQL, VIEWED)
    last = write(database, 30, late=True)
    of = [one for one in queries(where) if one.first_day != one.last_day]

    def right() -> list[bool]:
        with database.connect() as connection:
            return [counted(connection, one) == naive(connection, one) for one in of]

    assert not all(right())
    WAYS[VIEWED].refreshes[how](database)
    assert all(right())
    take_back(database, last)
    assert not all(right())
    WAYS[VIEWED].refreshes[how](database)
    assert all(right())


# Writes


@pytest.mark.parametrize(("engine", "way"), [one for one in EVERY_WAY if one[1] != VIEWED])  # no write does any of it
@pytest.mark.parametrize("act", experiment.ACTS)
def test_what_is_written_is_right_and_taken_back(
    where: Place, opened: Callable[[str, str], Engine], engine: str, way: str, act: str
) -> None:
    before = digest(opened(engine, way))
    one = Written(url(where, engine, way), act, 20, WAYS[way].aggregator)  # type: ignore[arg-type]
    for part in (-2, -1, 0):
        one.warm_up(0, part)
        one.run()
        assert one.digests() == writes.right(act, 20, part)
    one.close()
    assert digest(opened(engine, way)) == before
    assert writes.right(act, 20, 0)[0] == {"corrected": "0", "deleted": "-20"}.get(act, "20")


def nobody(connection: Connection, query: StatsQuery) -> CareStats:
    return CareStats(0, 0, {}, {}, {})


def test_an_aggregator_that_does_not_see_what_was_written_is_wrong(where: Place) -> None:
    one = Written(where.url(SQLITE, INDEX, WRITTEN), ONE_BY_ONE, 20, nobody)
    one.warm_up(0, 0)
    one.run()
    assert one.digests() == ["20", WRONG]
    one.close()


@both
def test_notes_are_written_to_the_last_day_or_to_all(opened: Callable[[str, str], Engine], engine: str) -> None:
    database = opened(engine, INDEX)
    for late in (False, True):
        before = digest(database)
        last = write(database, 40, late=late)
        with database.connect() as connection:
            written = connection.execute(select(CareNote.created_at).where(CareNote.id > last)).scalars().all()
            stranger = connection.execute(
                select(CareNote.id).where(CareNote.id > last, CareNote.patient_id.endswith(" new")).limit(1)
            ).scalar()
            newest = connection.execute(select(func.max(CareNote.created_at))).scalar_one()
        assert len(written) == 40
        assert stranger
        days = {one.date() for one in written}
        assert len(days) > 20 if late else days == {newest.date()}
        take_back(database, last)
        assert digest(database) == before


# Refreshes


@pytest.mark.parametrize(
    ("engine", "way", "how"), [(engine, way, how) for engine, way in EVERY_WAY for how in WAYS[way].refreshes]
)
def test_a_refresh_leaves_nothing_to_do_and_the_notes_as_they_were(
    where: Place, opened: Callable[[str, str], Engine], engine: str, way: str, how: str
) -> None:
    database = opened(engine, way)
    before = digest(database)
    one = Refreshed(url(where, engine, way), way, how, 25, late=True)  # type: ignore[arg-type]
    for part in (-2, -1, 0):
        one.warm_up(0, part)
        one.run()
        if way == MARKED:
            with database.connect() as connection:
                assert connection.execute(select(func.count()).select_from(MARKS)).scalar_one() == 0
        assert one.digests() == [RIGHT, RIGHT]
    assert digest(database) == before


def test_a_refresh_that_does_nothing_is_found_out(where: Place, opened: Callable[[str, str], Engine]) -> None:
    database = opened(POSTGRESQL, VIEWED)
    one = Refreshed(url(where, POSTGRESQL, VIEWED), VIEWED, WHOLE, 25, late=False)  # type: ignore[arg-type]
    refresh, one._refresh = one._refresh, lambda _: None
    one.warm_up(0, 0)
    one.run()
    assert one.digests()[0] == WRONG
    refresh(database)


@pytest.mark.parametrize(("engine", "way"), [(engine, way) for engine, way in EVERY_WAY if WAYS[way].is_made])
def test_a_way_is_made_anew_from_the_notes(where: Place, engine: str, way: str) -> None:
    one = Made(url(where, engine, way), way)  # type: ignore[arg-type]
    for part in (-2, -1, 0):
        one.warm_up(0, part)
        one.run()
        assert one.digests() == [RIGHT]


# Ages


@pytest.mark.parametrize(
    ("engine", "way", "how"),
    [(SQLITE, MARKED, REFRESHED), (POSTGRESQL, COUNTED, None), (POSTGRESQL, VIEWED, CONCURRENTLY)],
)
def test_an_age_is_told_of_every_note_and_the_notes_are_taken_back(
    where: Place, engine: str, way: str, how: str | None
) -> None:
    one = freshness.Freshness(url(where, engine, way, LOG), way, how, 0.02, 3)  # type: ignore[arg-type]
    for part in (-2, -1, 0):
        one.warm_up(0, part)
        one.run()
        assert one.digests() == [RIGHT, RIGHT]
    [ages] = one.details().values()
    assert len(ages) == one.units == 3
    assert all(0 <= age < 30e9 for age in ages)
    one.close()


def test_a_view_that_nobody_refreshes_never_shows_a_note(where: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "_PATIENCE", 0.3)
    one = freshness.Freshness(url(where, POSTGRESQL, VIEWED, LOG), VIEWED, None, 0.01, 1)  # type: ignore[arg-type]
    one.warm_up(0, 0)
    with pytest.raises(Failed, match="does not show"):
        one.run()
    take_back(one._engine, one._last)
    one.close()


def test_what_goes_wrong_beside_the_reader_is_raised(where: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "_PATIENCE", 5.0)
    one = freshness.Freshness(where.url(SQLITE, MARKED, LOG), MARKED, None, 0.01, 1)
    one.warm_up(0, 0)
    one._like = {}
    with pytest.raises(IntegrityError):
        one.run()
    one.close()


# Stacks


def test_a_cache_loads_each_query_once_and_is_empty_when_a_part_begins(where: Place) -> None:
    asked: list[StatsQuery] = []

    def ask(connection: Connection, query: StatsQuery) -> CareStats:
        asked.append(query)
        return naive(connection, query)

    stream = query_stream(where.notes.population, 1, 40, 1)
    one = CachingClient(ask, where.notes.url("covering"), stream, 3, repeats=4)
    one.warm_up(0, 0)
    for _ in range(2):
        del asked[:]
        one.take(stream[:3] * 4)
        one.run()
        assert asked == stream[:3]
        assert one.digests() == [naive(one._connection, query).digest() for query in stream[:3] * 4]
    one.close()


def test_each_stack_differs_from_what_it_is_compared_with_in_its_measure_alone() -> None:
    none, full = stack.NONE_OF_THEM, stack.FULL_STACK
    assert list(stack.ADDED.values())[-1] == full
    assert [stack.ALONE["cache"], stack.TAKEN_AWAY["cache"]] == [(*none[:2], True), (*full[:2], False)]
    assert stack.ALONE["pushdown"][1:] == none[1:]
    assert stack.ALONE["covering index"][::2] == none[::2]
    assert stack.TAKEN_AWAY["covering index"][::2] == full[::2]
    assert stack.TAKEN_AWAY["tree over time"][1:] == full[1:]
    every = {none, *stack.ADDED.values(), *stack.ALONE.values(), *stack.TAKEN_AWAY.values()}
    assert len({tuple(stack._fields(one).items()) for one in every}) == len(every)


def test_of_the_stacks_the_last_day_is_marked_and_one_has_no_index(where: Place) -> None:
    for copy, indexes in (
        (where.with_today_marked(SQLITE), {"carenotes_covering"}),
        (where.without_index(SQLITE), set()),
    ):
        engine = open_database(copy.url("covering"))
        with engine.connect() as connection:
            marked = {tuple(row) for row in connection.execute(select(MARKS.c.tenant_id, MARKS.c.facility_id))}
            assert marked == set(where.notes.population.sizes)
            assert BACKENDS[SQLITE].index_names(connection) == indexes
        engine.dispose()


# Where there is what


def test_an_engine_with_one_kind_of_journal_has_one_copy_for_all_who_write(where: Place) -> None:
    if POSTGRESQL not in where.engines:
        pytest.skip("no server of this engine")
    assert where.url(POSTGRESQL, MARKED, LOG) == where.url(POSTGRESQL, MARKED, WRITTEN)
    assert len({str(where.url(SQLITE, MARKED, one)) for one in (READ, WRITTEN, LOG)}) == 3


def test_without_a_server_only_the_other_engine_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "place", lambda folder, name: None)
    there = experiment.place(SPEC, tmp_path)
    assert [*there.ways()] == [(SQLITE, one) for one in (NOTHING, INDEX, MARKED, COUNTED)]


@both
def test_bytes_are_of_the_tables_that_are_kept(where: Place, engine: str) -> None:
    if engine not in where.engines:
        pytest.skip("no server of this engine")
    found = experiment._space(where, engine)
    assert found.keys() == {way for there, way in EVERY_WAY if there == engine}
    assert all(one >= 8_192 for one in found.values())
    assert found[INDEX] < found[NOTHING] * 2


# From planted samples

NOTES = 900


PLACE = {"engine": POSTGRESQL, "notes": NOTES}


def of(**fields: str) -> Condition:
    return condition(**PLACE, **fields)


def decided(tmp_path: Path, experiments: dict[str, dict[Condition, float]]) -> Results:
    results = Results.create(tmp_path / "r.sqlite")
    timed.raced(results, NOTEBOOK, experiments)
    results.fact(NOTEBOOK, "engines", lambda: [SQLITE, POSTGRESQL])
    bytes_there = {NOTHING: 100, INDEX: 50, MARKED: 10, COUNTED: 70, VIEWED: 60}
    results.fact(NOTEBOOK, f"bytes/{POSTGRESQL}", lambda: bytes_there)
    return results


def kept(
    day: float = 1.0, month: float = 1.0, marked: float = 1.5, fold: float = 1.0
) -> dict[str, dict[Condition, float]]:
    """What views take a query where the index takes 10 ms, a marked insert against 1 ms, and a fold against 100 ms."""
    reads = {
        READS[days]: {
            of(aggregator="pushdown", design="covering", kept=INDEX): 10.0,
            of(aggregator="counted", design="covering", kept=VIEWED): took,
            of(aggregator="pyramid", design="covering", kept=MARKED): 5.0,
        }
        for days, took in ((1, day), (30, month))
    }
    inserts = {INDEX: 1.0, MARKED: marked, NOTHING: 0.5, COUNTED: 4.0}
    return {
        **reads,
        WRITES: {of(kept=way, act=ONE_BY_ONE): took for way, took in inserts.items()},
        REFRESHES: {
            of(kept=MARKED, refresh=REFRESHED, after=ONE): fold,
            of(kept=VIEWED, refresh=WHOLE, after=ONE): 100.0,
            of(kept=VIEWED, refresh=CONCURRENTLY, after=ONE): 300.0,
        },
    }


@pytest.mark.parametrize(
    ("changes", "word"),
    [({}, SUPPORTED), ({"day": 8.0}, REFUTED), ({"month": 8.0}, REFUTED), ({"day": 4.0}, SUPPORTED)],
)
def test_views_must_gain_over_a_day_and_over_a_month(tmp_path: Path, changes: dict[str, float], word: str) -> None:
    verdict = verdicts(decided(tmp_path, kept(**changes)))["materialized"]
    assert verdict.word == word
    assert "0.60x the bytes" in verdict.cost
    assert "takes 10" in verdict.cost  # 100 ms, more in some rounds
    if word == REFUTED:
        assert ("over one day" if "day" in changes else "over 30 days") in verdict.said


@pytest.mark.parametrize(
    ("changes", "word"),
    [({}, SUPPORTED), ({"fold": 20.0}, REFUTED), ({"marked": 2.5}, REFUTED), ({"marked": 1.9}, SUPPORTED)],
)
def test_an_update_must_be_fast_and_a_write_must_not_be_slow(
    tmp_path: Path, changes: dict[str, float], word: str
) -> None:
    verdict = verdicts(decided(tmp_path, kept(**changes)))["incremental"]
    assert verdict.word == word
    assert "0.10x the bytes" in verdict.cost
    if word == REFUTED:
        assert ("an update" if "fold" in changes else "a note inserted") in verdict.said.partition(")")[0]


def test_an_update_that_makes_answers_wrong_refutes_the_claim(tmp_path: Path) -> None:
    results = decided(tmp_path, kept())
    one = measured(results, NOTEBOOK, REFRESHES)
    label = one.of(engine=POSTGRESQL, notes=NOTES, kept=MARKED, refresh=REFRESHED, after=ONE)
    found = {"notebook": NOTEBOOK, "experiment": REFRESHES, "condition": label, "replicate": 1, "stage": "timed"}
    results.add_correctness([{**found, "queries": 1, "wrong": 1, "changed": 0, "error": None}])
    verdict = verdicts(results)["incremental"]
    assert (verdict.word, label in verdict.said) == (REFUTED, True)


def test_without_the_server_nothing_is_decided(tmp_path: Path) -> None:
    results = Results.create(tmp_path / "r.sqlite")
    timed.raced(results, NOTEBOOK, {WRITES: {condition(engine=SQLITE, notes=NOTES, kept=INDEX, act=ONE_BY_ONE): 1.0}})
    results.fact(NOTEBOOK, "engines", lambda: [SQLITE])
    assert verdicts(results).keys() & {"materialized", "incremental"} == set()


def planted(tmp_path: Path, **changes: float) -> dict[str, Measured]:
    results = decided(tmp_path, kept(**changes))
    return {name: measured(results, NOTEBOOK, name) for name in (WRITES, REFRESHES, *READS.values())}


def test_a_note_is_paid_back_by_its_cost_over_what_a_query_gains(tmp_path: Path) -> None:
    found = planted(tmp_path, month=12.0)
    paid = price.prices(found[WRITES], found[REFRESHES], {days: found[name] for days, name in READS.items()})
    assert paid.keys() == {(POSTGRESQL, VIEWED), (POSTGRESQL, MARKED)}
    rollup, views = paid[POSTGRESQL, MARKED], paid[POSTGRESQL, VIEWED]
    assert rollup.queries(1) == pytest.approx((0.5 + 1.0) / 5.0, rel=0.02)
    assert views.queries(1) == pytest.approx(300.0 / 9.0, rel=0.02)
    assert views.queries(30) is None
    shown = tables.prices(paid, {POSTGRESQL: {NOTHING: 100, INDEX: 50, MARKED: 10, VIEWED: 60}})
    assert [row[1] for row in shown.rows] == ["60.0 %", "10.0 %"]  # type: ignore[union-attr]
    assert shown.rows[0][-1] == "never"  # type: ignore[union-attr]
    assert "PostgreSQL, materialized views: 33.3 over 1 day, never over 30 days" in str(findings.prices(paid))


def test_a_way_has_no_price_where_what_it_follows_from_was_wrong(tmp_path: Path) -> None:
    found = planted(tmp_path)
    reads = {days: found[name] for days, name in READS.items()}
    of_index = reads[30].of(aggregator="pushdown", design="covering", **PLACE, kept=INDEX)
    of_rollup = reads[30].of(aggregator="pyramid", design="covering", **PLACE, kept=MARKED)
    paid = []
    for label in (of_rollup, of_index):
        left = reads[30].samples[reads[30].samples["condition"] != label]
        paid.append(price.prices(found[WRITES], found[REFRESHES], {**reads, 30: replace(reads[30], samples=left)}))
    assert [one.keys() for one in paid] == [{(POSTGRESQL, VIEWED)}, set()]
    assert "a condition failed" in str(tables.prices(paid[1], {}))


def test_effects_are_none_where_nothing_was_measured(tmp_path: Path) -> None:
    from carenotes.lab.statistics.verdicts import Evidence

    seen = Evidence(Results.create(tmp_path / "r.sqlite"))
    assert effects.of_views(seen, 1) is effects.of_marking(seen) is effects.of_refresh_after_one_note(seen) is None
    assert effects.wrong(seen) == []


def test_queries_are_about_days_until_the_last(where: Place) -> None:
    who = where.notes.population
    for days in READS:
        stream = experiment.until_today(who, 1, days)(20)
        ends = {(one.first_day, one.last_day) for one in stream}
        assert ends == {(who.last_day - timedelta(days=days - 1), who.last_day)}
        assert len(set(stream)) > 3


def test_keys_of_counts_are_days_of_utc(opened: Callable[[str, str], Engine]) -> None:
    with opened(SQLITE, COUNTED).connect() as connection:
        days = set(connection.execute(select(GROUPS.c.day)).scalars())
        moments = connection.execute(select(CareNote.created_at)).scalars().all()
    assert days == {one.toordinal() for one in moments}
