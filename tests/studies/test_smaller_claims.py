"""The original's smaller claims: every way gives the oracle's answer, plans are as told, wrong ways fail."""

import pickle
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, delete, insert

from carenotes import CareStats, Refused, StatsQuery
from carenotes.aggregators import naive, pushdown
from carenotes.lab.comparison import compare_together, distinct_queries
from carenotes.lab.notes.datasets import SeededNotes
from carenotes.lab.results.store import Results
from carenotes.lab.runner.study import Measured, Study
from carenotes.lab.statistics.verdicts import INCONCLUSIVE, REFUTED
from carenotes.models import Base, CareNote
from carenotes.original.decisions import verdicts
from carenotes.report.table import FAILED
from carenotes.seeding import SeedSpec
from carenotes.statements import statements_of
from carenotes.studies.one_query import other_aggregators as other_ways
from carenotes.studies.one_query import smaller_claims as small_claims
from carenotes.studies.one_query import smaller_claims_findings as findings
from carenotes.studies.one_query import smaller_claims_tables as tables
from tests.aggregators.test_compliance import DAYS, random_notes, random_queries

SPEC = SeedSpec(1_000, tenants=3, facilities=3, patients=5, days=10)
DAY = SPEC.last_day
WHOLE = (other_ways.counters, other_ways.arrays)
OF_ONE_FACILITY = (other_ways.equals, other_ways.is_in)
OF_ONE_DAY = (other_ways.day_as_text, other_ways.day_as_date)


@pytest.fixture(params=["sqlite://", "duckdb://"], scope="module")
def memory(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty database of each engine in turn, to be used again by every example."""
    engine = create_engine(request.param)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> SeededNotes:
    return SeededNotes(SPEC, tmp_path_factory.mktemp("notes"))


def assert_every_way_is_right(connection: Connection, query: StatsQuery) -> None:
    """Each way that can be asked this way equals the oracle."""
    for answer in WHOLE:
        assert answer(connection, query) == naive(connection, query)
    one_day = StatsQuery.on(query.tenant_id, query.first_day, query.facility_ids)
    for answer in OF_ONE_DAY:
        assert answer(connection, one_day) == naive(connection, one_day)
    facility = (query.facility_ids or (1,))[:1]
    one_facility = StatsQuery(query.tenant_id, query.first_day, query.last_day, facility)
    for answer in OF_ONE_FACILITY:
        assert answer(connection, one_facility) == naive(connection, one_facility)


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(random_notes, max_size=30), queries=st.lists(random_queries, min_size=1, max_size=4))
def test_every_way_equals_the_oracle(memory: Engine, rows: list[dict[str, object]], queries: list[StatsQuery]) -> None:
    with memory.connect() as connection:
        connection.execute(delete(CareNote))
        if rows:
            connection.execute(insert(CareNote), rows)
        for query in queries:
            assert_every_way_is_right(connection, query)
        connection.rollback()


@pytest.mark.parametrize("answer", [*WHOLE, *OF_ONE_FACILITY, *OF_ONE_DAY])
def test_no_value_is_put_into_the_text_of_a_statement(memory: Engine, answer: Any) -> None:
    with memory.connect() as connection, statements_of(connection) as sent:
        answer(connection, StatsQuery.on(424242, DAYS[0], [515151]))
    assert len(sent) == 1
    assert not any(value in sent[0][0] for value in ("424242", "515151", str(DAYS[0].year)))


@pytest.mark.parametrize(
    ("answer", "query"),
    [
        *((answer, StatsQuery.on(1, DAY, [1, 2])) for answer in OF_ONE_FACILITY),
        *((answer, StatsQuery.on(1, DAY)) for answer in OF_ONE_FACILITY),
        *((answer, StatsQuery(1, date(2026, 6, 1), DAY)) for answer in OF_ONE_DAY),
    ],
)
def test_what_a_way_cannot_be_asked_it_refuses(memory: Engine, answer: Any, query: StatsQuery) -> None:
    with memory.connect() as connection, pytest.raises(ValueError, match=r"unpack|one day"):
        answer(connection, query)


def test_iso_text_with_a_t_is_right_on_duckdb_and_wrong_on_sqlite_and_dates_are_wrong_as_bounds_on_both(
    notes: SeededNotes,
) -> None:
    query = StatsQuery.on(1, DAY)
    with closing(notes.in_duckdb()) as in_duckdb:
        counted = {}
        for where, there in (("sqlite", notes), ("duckdb", in_duckdb)):
            with there.engine("none").connect() as connection:
                assert naive(connection, query).total_notes > 0
                counted[where] = [
                    ask(connection, query) == naive(connection, query)
                    for ask in (other_ways.text_with_a_t, other_ways.dates_as_bounds)
                ]
    assert counted == {"sqlite": [False, False], "duckdb": [True, False]}


@pytest.mark.parametrize("wanted", [small_claims._names_facilities, small_claims._names_one_facility])
def test_what_is_left_of_a_stream_is_what_was_wanted_and_a_longer_one_begins_with_the_shorter(
    notes: SeededNotes, wanted: Any
) -> None:
    stream = small_claims.only(distinct_queries(notes, 1, 1), wanted)
    few, many = stream(8), stream(70)
    assert (len(few), len(many)) == (8, 70)
    assert many[:8] == few
    assert all(map(wanted, many))
    kept = [one for one in distinct_queries(notes, 1, 1)(900) if wanted(one)]
    assert many == kept[:70]


def test_a_stream_without_such_queries_is_refused(notes: SeededNotes) -> None:
    with pytest.raises(Refused, match="no query of this kind"):
        small_claims.only(distinct_queries(notes, 1, 1), lambda _: False)(8)


def test_no_more_notes_are_taken_than_few(notes: SeededNotes) -> None:
    assert small_claims.some(notes, 1_000) is notes
    assert small_claims.some(notes, 1_000_000).spec.notes == small_claims.FEW  # type: ignore[attr-defined]


def test_plans_are_as_they_are_told(notes: SeededNotes, tmp_path: Path) -> None:
    """No plan has the patient index, `=` and `IN` are run alike, and only a range of times is searched by time."""
    found = small_claims.plans_shown(Study("t", str(tmp_path / "r.sqlite")), notes)
    patient = found["index-patient"]
    assert patient["with idx_patient"]["steps"] == patient["without idx_patient"]["steps"]
    assert "idx_patient" not in str(patient["with idx_patient"]["steps"])
    assert patient["with idx_patient"]["bytes"] > patient["without idx_patient"]["bytes"]
    equality = found["equality"]
    for where in ("original", "covering", "DuckDB"):
        assert equality[f"=, {where}"] == equality[f"IN, {where}"]
        assert "facility_id" in str(equality[f"=, {where}"]["steps"]) or where == "covering"
    days = found["parameters"]
    by_time = {way: "created_at>?" in str(one["steps"]) for way, one in days.items()}
    assert by_time["range of times"]
    assert not by_time["day as text"]
    assert not by_time["day as a date"]
    counted = {way: one["notes"] for way, one in days.items()}
    assert counted["range of times"] == counted["day as text"] == counted["day as a date"] > 0
    assert counted["range of text with a T"] == counted["range of dates"] == 0
    shown = repr(tables.plans(found))
    assert "main." not in shown
    assert len(tables.plans(found).rows) == 2 + 6 + 5


def test_every_way_can_be_sent_to_another_process(notes: SeededNotes, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    def collected(_study: Study, comparisons: dict[str, Any], _rounds: int) -> None:
        sent.extend(condition for one in comparisons.values() for condition in one.conditions)

    monkeypatch.setattr(small_claims, "compare_together", collected)
    small_claims.measured(Study("t"), notes, 1_000, 1, 3, 3)
    assert len(sent) == 8 + 2 + 2 * 4 + 6 + 3
    assert all(pickle.loads(pickle.dumps(one.ask)) is one.ask for one in sent)


TIMED = ("index-facility", "index-patient", "structures", "equality", "parameters")


def all_of(file: Path, notes: SeededNotes, rounds: int = 3) -> dict[str, Measured]:
    """Every experiment, kept in a file."""
    study = Study("02_one_query", str(file))
    small_claims.plans_shown(study, notes)
    return small_claims.measured(study, notes, 1_000, 1, 3, rounds)


@pytest.mark.slow
def test_three_rounds_run_everything_and_decide_nothing(notes: SeededNotes, tmp_path: Path) -> None:
    found = all_of(tmp_path / "r.sqlite", notes)
    assert {name: one.failed for name, one in found.items()} == dict.fromkeys(found, ())
    assert {name.partition("/")[0] for name in found} == set(TIMED) == set(small_claims.AGAINST)
    load = SPEC.resized(600)
    study = Study("01_seed_data", str(tmp_path / "r.sqlite"))
    bar = study.race(small_claims.PROGRESS, small_claims.progress(load, tmp_path), 3)
    seen = small_claims.progress_seen(study, load, tmp_path)
    assert seen == {"batches": 1, "times told": 1, "notes told": 600}
    assert bar.failed == ()
    assert not list(tmp_path.glob("*.db"))
    decided = verdicts(Results.read(tmp_path / "r.sqlite"))
    assert {name: decided[name].word for name in (*TIMED, "progress")} == dict.fromkeys(
        (*TIMED, "progress"), INCONCLUSIVE
    )
    table = tables.timed(found, small_claims.AGAINST)
    assert len(table.rows) == 8 + 2 + 2 * 4 + 6 + 3
    assert not any(FAILED in row for row in table.rows)
    assert repr(findings.differences(found, small_claims.AGAINST)).startswith("Undecided: index-facility (naive/original, ")
    assert [row[0] for row in tables.progress(bar, small_claims.UNTOLD, 5_000).rows] == sorted(
        (small_claims.UNTOLD, small_claims.TOLD, small_claims.TELLING)
    )
    assert repr(findings.progress(bar, seen, small_claims.UNTOLD, small_claims.TELLING)).startswith("1 batches")


def one_too_many(connection: Connection, query: StatsQuery) -> CareStats:
    answer = pushdown(connection, query)
    return CareStats(answer.total_notes + 1, answer.unique_patients, answer.by_category, answer.by_priority, {})


@pytest.mark.parametrize(
    ("ways", "name", "claim", "run"),
    [
        ("_STRUCTURES", "NumPy", "structures", lambda of: small_claims.structures(of, 1, 1)),
        ("_OPERATORS", "IN", "equality", lambda of: small_claims.equality(of, of.in_duckdb(), 1, 1)),
        ("_DAYS", "day as text", "parameters", lambda of: small_claims.parameters(of, 1)),
    ],
)
def test_a_wrong_way_fails_its_gate_and_nothing_is_decided(
    notes: SeededNotes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ways: str, name: str, claim: str, run: Any
) -> None:
    monkeypatch.setitem(getattr(small_claims, ways), name, one_too_many)
    study = Study("02_one_query", str(tmp_path / "r.sqlite"))
    small_claims.plans_shown(study, notes)
    experiment = f"{claim}/short" if claim == "structures" else claim
    one: Measured = compare_together(study, {experiment: run(notes)}, 1)[experiment]
    assert one.failed
    assert all(failed.partition(",")[0] == name for failed in one.failed)
    assert verdicts(Results.read(tmp_path / "r.sqlite")) == {}
    wrong = {row[1] for row in tables.timed({claim: one}, small_claims.AGAINST).rows if FAILED in row}
    assert wrong == set(one.failed)


def test_a_load_that_tells_of_nothing_refutes_that_progress_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = small_claims.load
    monkeypatch.setattr(small_claims, "load", lambda engine, spec, *, batch_size, progress: silent(engine, spec))
    study = Study("01_seed_data", str(tmp_path / "r.sqlite"))
    study.race(small_claims.PROGRESS, small_claims.progress(SPEC.resized(200), tmp_path), 1)
    assert small_claims.progress_seen(study, SPEC.resized(200), tmp_path)["times told"] == 0
    verdict = verdicts(Results.read(tmp_path / "r.sqlite"))["progress"]
    assert (verdict.word, verdict.said) == (REFUTED, "told 0 times for 1 batches")
