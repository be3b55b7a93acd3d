"""The original's smaller claims: every aggregator gives the oracle's answer, plans are as said, wrong ones fail."""

import pickle
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, delete, insert

from carenotes import CareStats, Refused, StatsQuery
from carenotes.aggregators import naive, pushdown
from carenotes.lab.comparison import compare_together, distinct_queries
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Study
from carenotes.lab.statistics.verdicts import INCONCLUSIVE
from carenotes.models import Base, CareNote
from carenotes.original.decisions import verdicts
from carenotes.report.table import FAILED
from carenotes.seeding import SeedSpec
from carenotes.statements import statements_of
from carenotes.studies.one_query import other_aggregators, smaller_claims
from carenotes.studies.one_query import smaller_claims_findings as findings
from carenotes.studies.one_query import smaller_claims_tables as tables
from tests.aggregators.test_compliance import DAYS, random_notes, random_queries

SPEC = SeedSpec(1_000, tenants=3, facilities=3, patients=5, days=10)
DAY = SPEC.last_day
WHOLE = (other_aggregators.counters, other_aggregators.arrays, other_aggregators.compiled_anew)
OF_ONE_FACILITY = (other_aggregators.equals, other_aggregators.is_in)
OF_ONE_DAY = (other_aggregators.day_as_text, other_aggregators.day_as_date)


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


def assert_every_aggregator_is_right(connection: Connection, query: StatsQuery) -> None:
    """Each that can answer a query of this kind equals the oracle."""
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
def test_every_aggregator_equals_the_oracle(
    memory: Engine, rows: list[dict[str, object]], queries: list[StatsQuery]
) -> None:
    with memory.connect() as connection:
        connection.execute(delete(CareNote))
        if rows:
            connection.execute(insert(CareNote), rows)
        for query in queries:
            assert_every_aggregator_is_right(connection, query)
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
def test_what_an_aggregator_cannot_answer_it_refuses(memory: Engine, answer: Any, query: StatsQuery) -> None:
    with memory.connect() as connection, pytest.raises(ValueError, match=r"unpack|one day"):
        answer(connection, query)


def test_iso_text_with_a_t_is_right_on_duckdb_and_wrong_on_sqlite_and_dates_are_wrong_as_bounds_on_both(
    notes: SeededNotes,
) -> None:
    query = StatsQuery.on(1, DAY)
    with closing(notes.on("duckdb")) as in_duckdb:
        counted = {}
        for where, there in (("sqlite", notes), ("duckdb", in_duckdb)):
            with there.engine("none").connect() as connection:
                assert naive(connection, query).total_notes > 0
                counted[where] = [
                    ask(connection, query) == naive(connection, query)
                    for ask in (other_aggregators.text_with_a_t, other_aggregators.dates_as_bounds)
                ]
    assert counted == {"sqlite": [False, False], "duckdb": [True, False]}


@pytest.mark.parametrize("wanted", [smaller_claims._names_facilities, smaller_claims._names_one_facility])
def test_what_is_left_of_a_stream_is_what_was_wanted_and_a_longer_one_begins_with_the_shorter(
    notes: SeededNotes, wanted: Any
) -> None:
    stream = smaller_claims.only(distinct_queries(notes, 1, 1), wanted)
    few, many = stream(8), stream(70)
    assert (len(few), len(many)) == (8, 70)
    assert many[:8] == few
    assert all(map(wanted, many))
    kept = [one for one in distinct_queries(notes, 1, 1)(900) if wanted(one)]
    assert many == kept[:70]


def test_a_stream_without_such_queries_is_refused(notes: SeededNotes) -> None:
    with pytest.raises(Refused, match="no query of this kind"):
        smaller_claims.only(distinct_queries(notes, 1, 1), lambda _: False)(8)


def test_no_more_notes_are_taken_than_few(notes: SeededNotes) -> None:
    assert smaller_claims.some(notes, 1_000) is notes
    assert smaller_claims.some(notes, 1_000_000).spec.notes == smaller_claims.FEW  # type: ignore[attr-defined]


def test_plans_are_as_the_claims_say(notes: SeededNotes, tmp_path: Path) -> None:
    """No plan has the patient index, `=` and `IN` are run alike, and only a range of times is searched by time."""
    found = smaller_claims.plans_shown(Study("t", str(tmp_path / "r.sqlite")), notes)
    with_it, without = found["index-patient"]
    assert (with_it["design"], without["design"]) == ("original", "original_without_patient")
    assert with_it["steps"] == without["steps"]
    assert "idx_patient" not in str(with_it["steps"])
    assert with_it["bytes"] > without["bytes"]
    places = {(one["engine"], one["design"]): {} for one in found["equality"]}
    for one in found["equality"]:
        places[one["engine"], one["design"]][one["aggregator"]] = (one["steps"], one["counted"])
    assert set(places) == {("sqlite", "original"), ("sqlite", "covering"), ("duckdb", "none")}
    for (_, design), by_operator in places.items():
        assert by_operator["equals"] == by_operator["is_in"]
        assert "facility_id" in str(by_operator["equals"]) or design == "covering"
    days = {one["aggregator"]: one for one in found["parameters"]}
    by_time = {name for name, one in days.items() if "created_at>?" in str(one["steps"])}
    assert by_time == {"pushdown", "text_with_a_t", "dates_as_bounds"}
    counted = {name: one["counted"] for name, one in days.items()}
    assert counted["pushdown"] == counted["day_as_text"] == counted["day_as_date"] > 0
    assert counted["text_with_a_t"] == counted["dates_as_bounds"] == 0
    shown = tables.plans(found)
    assert "main." not in repr(shown)
    assert [row[1] for row in shown.rows[:3]] == ["pushdown", "pushdown", "equals"]
    assert len(shown.rows) == 2 + 6 + 5


def test_every_aggregator_can_be_sent_to_another_process(notes: SeededNotes, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    def collected(_study: Study, comparisons: dict[str, Any], _rounds: int) -> None:
        sent.extend(one for make in comparisons.values() for one in make().entries)

    monkeypatch.setattr(smaller_claims, "compare_together", collected)
    smaller_claims.measured(Study("t"), notes, 1_000, 1, 3, 3)
    assert len(sent) == 8 + 2 + 2 * 4 + 6 + 3
    assert all(pickle.loads(pickle.dumps(one.execute)) is one.execute for one in sent)


def test_nothing_is_read_of_notes_before_a_comparison_is_to_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is made anew has samples, and no notes."""
    kept: dict[str, Any] = {}
    monkeypatch.setattr(
        smaller_claims, "compare_together", lambda _study, comparisons, _rounds: kept.update(comparisons)
    )

    class Absent:
        def sample(self) -> "Absent":
            return self

        def on(self, _backend: str) -> "Absent":
            return self

    smaller_claims.measured(Study("t"), Absent(), 1_000, 1, 3, 3)  # type: ignore[arg-type]
    assert set(kept) == set(smaller_claims.AGAINST)
    for make in kept.values():
        with pytest.raises(AttributeError):
            make()


CLAIMED = {*smaller_claims.AGAINST, "structures"} - set(smaller_claims.STRUCTURES.values())


def all_of(file: Path, notes: SeededNotes, rounds: int = 3) -> dict[str, Measured]:
    """Every experiment, kept in a file."""
    study = Study("02_one_query", str(file))
    smaller_claims.plans_shown(study, notes)
    return smaller_claims.measured(study, notes, 1_000, 1, 3, rounds)


@pytest.mark.slow
def test_three_rounds_run_everything_and_decide_nothing(notes: SeededNotes, tmp_path: Path) -> None:
    found = all_of(tmp_path / "r.sqlite", notes)
    assert {name: one.failed for name, one in found.items()} == dict.fromkeys(found, ())
    assert set(found) == set(smaller_claims.AGAINST)
    decided = verdicts(Results.read(tmp_path / "r.sqlite"))
    assert {name: decided[name].word for name in CLAIMED} == dict.fromkeys(CLAIMED, INCONCLUSIVE)
    table = tables.timed(found)
    assert len(table.rows) == 8 + 2 + 2 * 4 + 6 + 3
    assert not any(FAILED in row for row in table.rows)
    assert repr(findings.differences(found)).startswith("Undecided: index-facility (naive, the original's indexes; ")


def test_each_condition_is_compared_with_one_that_differs_in_what_the_claim_is_about(
    notes: SeededNotes, tmp_path: Path
) -> None:
    found = all_of(tmp_path / "r.sqlite", notes, 1)
    for name, one in found.items():
        pairs = smaller_claims.compared(name, one)
        [field] = smaller_claims.AGAINST[name]
        differing = {
            key
            for label, other in pairs.items()
            for key, value in one.conditions[label].fields().items()
            if one.conditions[other].fields()[key] != value
        }
        assert differing == {field}
        assert set(one.conditions) == {*pairs, *pairs.values()}
        assert not set(pairs) & set(pairs.values())


def one_too_many(connection: Connection, query: StatsQuery) -> CareStats:
    answer = pushdown(connection, query)
    return CareStats(answer.total_notes + 1, answer.unique_patients, answer.by_category, answer.by_priority, {})


@pytest.mark.parametrize(
    ("aggregators", "name", "experiment", "make"),
    [
        ("_STRUCTURES", "arrays", "structures/short", lambda of: smaller_claims.structures(of, 1, 1)),
        ("_OPERATORS", "is_in", "equality", lambda of: smaller_claims.equality(of, 1, 1)),
        ("_DAYS", "day_as_text", "parameters", lambda of: smaller_claims.parameters(of, 1)),
    ],
)
def test_a_wrong_aggregator_fails_its_check_and_nothing_is_decided(
    notes: SeededNotes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    aggregators: str,
    name: str,
    experiment: str,
    make: Any,
) -> None:
    monkeypatch.setitem(getattr(smaller_claims, aggregators), name, one_too_many)
    study = Study("02_one_query", str(tmp_path / "r.sqlite"))
    smaller_claims.plans_shown(study, notes)
    one = compare_together(study, {experiment: partial(make, notes)}, 1)[experiment]
    assert one.failed
    assert {one.conditions[label].aggregator for label in one.failed} == {name}
    assert verdicts(Results.read(tmp_path / "r.sqlite")) == {}
    wrong = {row[1] for row in tables.timed({experiment: one}).rows if FAILED in row}
    assert wrong == set(one.failed)
