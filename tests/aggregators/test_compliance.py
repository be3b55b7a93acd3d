"""What every aggregator must do, run for each of them on the design that it needs, on each engine that can have it.

Those that need none are run on a partitioned table as well, where an engine has such.

A new one is found by its entry in `carenotes.aggregators`.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from carenotes import AGGREGATORS, CareStats, StatsQuery
from carenotes.aggregators import NEEDS, naive
from carenotes.backends import BACKENDS, backend_of, create_database
from carenotes.backends.postgresql import months
from carenotes.backends.postgresql.designs import PARTITIONS
from carenotes.design import NONE, Design
from carenotes.designs import prepare
from carenotes.models import CareNote
from carenotes.statements import statements_of

DAY = date(2026, 2, 10)

every = pytest.mark.parametrize("name", AGGREGATORS)
asked: dict[str, Engine] = {}
without: dict[str, Design] = {}  # what is made where an aggregator needs nothing


PLACES = [*((one, NONE) for one in BACKENDS), *((one, PARTITIONS) for one in PARTITIONS.backends or ())]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, Design], Engine | None]]:
    """A database of each place, made when it is needed first; each test begins by emptying it."""

    @cache
    def database_at(backend: str, instead: Design) -> Engine | None:
        place = BACKENDS[backend].place(tmp_path_factory.mktemp("notes"), f"notes-{instead.name}")
        if place is None:
            return None
        there.append(create_database(place))
        return there[-1]

    there: list[Engine] = []
    yield database_at
    for engine in there:
        engine.dispose()
        backend_of(engine).drop(engine.url)


@pytest.fixture(autouse=True, params=PLACES, ids=lambda place: f"{place[0]}-{place[1].name}")
def _engine(request: pytest.FixtureRequest, made: Callable[[str, Design], Engine | None]) -> Iterator[None]:
    """Every test here runs on every engine, but that of an aggregator whose design the engine cannot have."""
    backend, instead = request.param
    name = request.node.callspec.params.get("name")
    needed = NONE if name is None else NEEDS[name].design
    if not needed.possible_on(backend) or (instead != NONE and needed != NONE):
        pytest.skip(f"{backend} cannot have the design {needed.name}")
    engine = made(backend, instead)
    if engine is None:
        pytest.skip("no server of this engine")
    asked["engine"], without["design"] = engine, instead
    yield
    asked.pop("engine").dispose()  # no connection of a test is met by the next


def note(moment: datetime, **changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "tenant_id": 3,
        "facility_id": 1,
        "patient_id": "p1",
        "category": "medication",
        "priority": 3,
        "created_at": moment,
        "created_by": "staff_1",
    }
    return fields | changes


def noon(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(hours=12)


def database(notes: Iterable[dict[str, object]], design: Design = NONE) -> Engine:
    """The engine of the test, with these notes and no others.

    The first half of them is there when the design is made, the rest is written to it.
    """
    engine = asked["engine"]
    design = without["design"] if design == NONE else design
    with engine.begin() as connection:
        connection.execute(delete(CareNote))
    prepare(engine, NONE if without["design"] == NONE else design)
    rows = [{"id": number, **one} for number, one in enumerate(notes, 1)]
    half = len(rows) // 2
    write(engine, rows[:half])
    prepare(engine, design)
    if design == PARTITIONS:  # it stands from an earlier example; the months of these notes may lack
        with engine.begin() as connection:
            months.make_months(connection, 0)
    write(engine, rows[half:])
    if not design.kept(engine.dialect.name):
        prepare(engine, design)  # it is seen that there are other notes now
    return engine


def skip_unless_kept(name: str) -> None:
    if not NEEDS[name].design.kept(asked["engine"].dialect.name):
        pytest.skip("the design must be made again when notes have been written")


def write(engine: Engine, rows: list[dict[str, object]]) -> None:
    if rows:
        with engine.begin() as connection:
            connection.execute(insert(CareNote), rows)


def ask(name: str, query: StatsQuery, *notes: dict[str, object]) -> CareStats:
    with database(notes, NEEDS[name].design).connect() as connection:
        return AGGREGATORS[name](connection, query)


@every
def test_counts_worked_out_by_hand(name: str) -> None:
    notes = [
        note(noon(DAY)),
        note(noon(DAY), patient_id="p2", category="treatment", priority=5),
        note(noon(DAY), facility_id=2),  # p1 again, in another facility: one patient, not two
        note(noon(DAY), facility_id=2, patient_id="p3", category="observation", priority=1),
        note(noon(DAY), tenant_id=4, patient_id="p9"),  # another tenant
        note(noon(DAY + timedelta(days=1))),  # another day
    ]
    expected = CareStats(4, 3, {"medication": 2, "treatment": 1, "observation": 1}, {3: 2, 5: 1, 1: 1}, {1: 2, 2: 2})
    assert ask(name, StatsQuery.on(3, DAY), *notes) == expected
    one_facility = CareStats(2, 2, {"medication": 1, "observation": 1}, {3: 1, 1: 1}, {2: 2})
    assert ask(name, StatsQuery.on(3, DAY, [2]), *notes) == one_facility


@every
@pytest.mark.parametrize(
    "query",
    [StatsQuery.on(99, DAY), StatsQuery.on(3, DAY, [99]), StatsQuery.on(3, DAY - timedelta(days=1))],
    ids=["empty tenant", "unknown facility", "empty day"],
)
def test_nothing_is_an_answer_with_zeros(name: str, query: StatsQuery) -> None:
    assert ask(name, query, note(noon(DAY))) == CareStats(0, 0, {}, {}, {})


@every
def test_one_note(name: str) -> None:
    assert ask(name, StatsQuery.on(3, DAY), note(noon(DAY))) == CareStats(1, 1, {"medication": 1}, {3: 1}, {1: 1})


@every
def test_a_day_is_from_its_midnight_to_its_last_microsecond(name: str) -> None:
    midnight = datetime.combine(DAY, datetime.min.time())
    inside = [midnight, midnight + timedelta(microseconds=1), midnight + timedelta(days=1, microseconds=-1)]
    outside = [midnight - timedelta(microseconds=1), midnight + timedelta(days=1)]
    assert ask(name, StatsQuery.on(3, DAY), *map(note, inside + outside)).total_notes == 3


@every
@pytest.mark.parametrize(
    ("first", "last", "total"),
    [
        (date(2024, 2, 28), date(2024, 3, 1), 3),  # over a leap day
        (date(2024, 2, 29), date(2024, 2, 29), 1),
        (date(2025, 12, 31), date(2026, 1, 1), 2),  # over a year's end
        (date.min, date.max, 6),
        (date.max, date.max, 1),
    ],
)
def test_calendar_edges(name: str, first: date, last: date, total: int) -> None:
    days = [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1), date(2025, 12, 31), date(2026, 1, 1), date.max]
    assert ask(name, StatsQuery(3, first, last), *(note(noon(day)) for day in days)).total_notes == total


@every
@pytest.mark.parametrize("tenant", [0, -1, 2**31, 2**63 - 1, -(2**63)])
def test_odd_ids_are_ids(name: str, tenant: int) -> None:
    notes = [note(noon(DAY), tenant_id=tenant, facility_id=tenant), note(noon(DAY))]
    try:
        database(notes)
    except DBAPIError:  # of an engine whose columns are narrower: it cannot be there, and asking for it is no error
        assert not -(2**31) <= tenant < 2**31
        for facilities in (None, [tenant], [1, tenant], [1, *range(tenant - 600, tenant + 1)]):
            if facilities is None or min(facilities) >= -(2**63):
                query = StatsQuery.on(tenant, DAY, facilities)
                assert ask(name, query, note(noon(DAY))) == CareStats(0, 0, {}, {}, {})
    else:
        assert ask(name, StatsQuery.on(tenant, DAY), *notes).by_facility == {tenant: 1}


@every
def test_unknown_categories_and_priorities_are_counted_as_they_are(name: str) -> None:
    odd = note(noon(DAY), category="Ünknown' OR 1=1 --", priority=-7, patient_id="")
    given = ask(name, StatsQuery.on(3, DAY), odd)
    assert given.by_category == {"Ünknown' OR 1=1 --": 1}
    assert given.by_priority[-7] == 1
    assert given.unique_patients == 1


@every
def test_patients_are_told_apart_to_the_letter(name: str) -> None:
    names = ["p1", "P1", "p1 ", "p", "\u00e9", "e\u0301"]  # the last two look alike
    notes = [note(noon(DAY), patient_id=name) for name in names]
    assert ask(name, StatsQuery.on(3, DAY), *notes).unique_patients == len(names)


@every
@pytest.mark.parametrize("many", [2, 3, 5, 512, 513, 300_000])
def test_any_number_of_facilities_can_be_named(name: str, many: int) -> None:
    notes = [note(noon(DAY), facility_id=facility) for facility in (1, 2, many, many + 1)]
    given = ask(name, StatsQuery.on(3, DAY, range(1, many + 1)), *notes)
    assert given.total_notes == (3 if many > 1 else 1)
    assert many + 1 not in given.by_facility


@every
def test_a_facility_number_that_two_tenants_share_is_two_facilities(name: str) -> None:
    notes = [note(noon(DAY)), note(noon(DAY), tenant_id=4), note(noon(DAY), tenant_id=4)]
    assert ask(name, StatsQuery.on(3, DAY, [1]), *notes).total_notes == 1


@every
def test_no_more_statements_than_its_budget_and_no_value_in_their_text(name: str) -> None:
    engine = database([note(noon(DAY), tenant_id=424242, facility_id=515151)], NEEDS[name].design)
    with engine.connect() as connection, statements_of(connection) as sent:
        AGGREGATORS[name](connection, StatsQuery.on(424242, DAY, [515151, 616161]))
    assert len(sent) <= NEEDS[name].statements
    assert not any(value in sql for sql, _ in sent for value in ("424242", "515151", "616161", "2026"))


@every
def test_a_transaction_of_the_caller_is_left_alone(name: str) -> None:
    skip_unless_kept(name)
    answer, engine = AGGREGATORS[name], database([], NEEDS[name].design)
    with engine.connect() as connection:
        connection.execute(insert(CareNote), [{"id": 1, **note(noon(DAY))}])  # not committed
        assert answer(connection, StatsQuery.on(3, DAY)).total_notes == 1
        connection.commit()
    with engine.connect() as connection:
        assert answer(connection, StatsQuery.on(3, DAY)).total_notes == 1


@every
def test_writes_corrections_and_deletes_show_at_once(name: str) -> None:
    skip_unless_kept(name)
    answer, engine = AGGREGATORS[name], database([note(noon(DAY))], NEEDS[name].design)
    with Session(engine) as session:
        session.add(CareNote(id=2, **note(noon(DAY), patient_id="p2")))
        session.commit()
        assert answer(session.connection(), StatsQuery.on(3, DAY)).unique_patients == 2
        session.query(CareNote).filter_by(patient_id="p2").update({"category": "treatment"})
        assert answer(session.connection(), StatsQuery.on(3, DAY)).by_category == {"medication": 1, "treatment": 1}
        session.query(CareNote).filter_by(patient_id="p1").delete()
        assert answer(session.connection(), StatsQuery.on(3, DAY)).by_category == {"treatment": 1}


DAYS = [DAY + timedelta(days=offset) for offset in range(4)]
moments = st.builds(
    lambda day, microseconds: datetime.combine(day, datetime.min.time()) + timedelta(microseconds=microseconds),
    st.sampled_from(DAYS),
    st.sampled_from([0, 1, 86_400_000_000 - 1]) | st.integers(0, 86_400_000_000 - 1),
)
random_notes = st.builds(
    note,
    moments,
    tenant_id=st.sampled_from([1, 2]),
    facility_id=st.sampled_from([1, 2, 3]),
    patient_id=st.sampled_from(["a", "b", "A", ""]),
    category=st.sampled_from(["medication", "observation", "treatment", "other"]),
    priority=st.integers(0, 6),
)
random_queries = st.builds(
    lambda tenant, days, facilities: StatsQuery(tenant, min(days), max(days), facilities),
    st.sampled_from([1, 2, 3]),
    st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)),
    st.none() | st.sets(st.sampled_from([1, 2, 3, 4]), min_size=1),
)


def counted(notes: list[dict[str, object]], query: StatsQuery) -> CareStats:
    """The answer by the plainest possible reading of the query, without a database."""
    met = [
        one
        for one in notes
        if one["tenant_id"] == query.tenant_id
        and query.first_day <= one["created_at"].date() <= query.last_day  # type: ignore[attr-defined]
        and (query.facility_ids is None or one["facility_id"] in query.facility_ids)
    ]

    def by(name: str) -> dict[object, int]:
        values = [one[name] for one in met]
        return {value: values.count(value) for value in values}

    groups = (by("category"), by("priority"), by("facility_id"))
    return CareStats(len(met), len(by("patient_id")), *groups)  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(random_notes, max_size=40), st.lists(random_queries, min_size=1, max_size=5))
def test_every_aggregator_equals_the_oracle_and_the_oracle_equals_plain_counting(
    notes: list[dict[str, object]], queries: list[StatsQuery]
) -> None:
    designs = dict.fromkeys(needs.design for needs in NEEDS.values())
    for design in (one for one in designs if one.possible_on(asked["engine"].dialect.name)):
        names = [name for name, needs in NEEDS.items() if needs.design == design]
        engine = database(notes, design)
        with engine.connect() as connection:
            for query in queries:
                truth = naive(connection, query)
                assert truth == counted(notes, query)
                assert {name: AGGREGATORS[name](connection, query) for name in names} == dict.fromkeys(names, truth)
