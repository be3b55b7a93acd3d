"""A query is validated once; an answer cannot be changed; both are values."""

import pickle
import subprocess
import sys
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carenotes import CareStats, StatsQuery

DAY = date(2026, 2, 10)


def test_facilities_are_kept_sorted_and_unique() -> None:
    assert StatsQuery.on(3, DAY, [7, 2, 7, np.int64(5)]).facility_ids == (2, 5, 7)
    assert StatsQuery.on(3, DAY, (one for one in {1})) == StatsQuery.on(3, DAY, [1, 1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((3, DAY, DAY, []), "facility_ids is empty"),
        ((3, DAY, date(2026, 2, 9)), "is after"),
        ((True, DAY, DAY), "tenant_id must be a whole number"),
        ((1.0, DAY, DAY), "tenant_id must be a whole number"),
        (("3", DAY, DAY), "tenant_id must be a whole number"),
        ((2**63, DAY, DAY), "64 bits"),
        ((3, "2026-02-10", DAY), "first_day must be a datetime.date"),
        ((3, DAY, datetime(2026, 2, 10)), "last_day must be a datetime.date"),  # noqa: DTZ001
        ((3, DAY, DAY, [True]), "a facility id must be a whole number"),
        ((3, DAY, DAY, "12"), "a facility id must be a whole number"),
    ],
)
def test_what_is_no_query_is_refused_by_name(arguments: tuple[object, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        StatsQuery(*arguments)  # type: ignore[arg-type]


def test_a_query_cannot_be_changed() -> None:
    query = StatsQuery.on(3, DAY)
    with pytest.raises(AttributeError):
        query.tenant_id = 4  # type: ignore[misc]


ids = st.integers(-(2**63), 2**63 - 1)
queries = st.builds(
    lambda tenant, days, facilities: StatsQuery(tenant, min(days), max(days), facilities),
    ids,
    st.tuples(st.dates(), st.dates()),
    st.none() | st.sets(ids, min_size=1),
)


@given(queries, queries)
def test_queries_are_equal_exactly_when_what_they_ask_is(one: StatsQuery, other: StatsQuery) -> None:
    asks = [(q.tenant_id, q.first_day, q.last_day, q.facility_ids) for q in (one, other)]
    assert (one == other) == (asks[0] == asks[1])
    assert {one: 1}.get(other) == (1 if one == other else None)
    assert pickle.loads(pickle.dumps(one)) == one


def test_a_query_that_travels_to_another_process_is_still_found_there() -> None:
    """Hashes of dates differ between processes; a query carries none along."""
    code = (
        "import pickle, sys; from datetime import date; from carenotes import StatsQuery;"
        "q = pickle.loads(sys.stdin.buffer.read()); print({StatsQuery.on(3, date(2026, 2, 10)): 'found'}[q])"
    )
    sent = pickle.dumps(StatsQuery.on(3, DAY))
    done = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=True)
    assert done.stdout.strip() == b"found"


def stats(**changes: object) -> CareStats:
    fields: dict[str, object] = {
        "total_notes": 3,
        "unique_patients": 2,
        "by_category": {"treatment": 1, "medication": 2},
        "by_priority": {9: 1, 2: 2},
        "by_facility": {7: 3},
    }
    return CareStats(**(fields | changes))  # type: ignore[arg-type]


def test_priorities_one_to_five_are_always_there_and_others_that_occur() -> None:
    assert dict(stats().by_priority) == {1: 0, 2: 2, 3: 0, 4: 0, 5: 0, 9: 1}
    assert list(stats().by_category) == ["medication", "treatment"]


def test_an_answer_is_read_only_even_through_the_dictionary_it_was_made_from() -> None:
    mine = {"medication": 3}
    answer = stats(by_category=mine)
    mine["medication"] = 4
    assert answer.by_category["medication"] == 3
    with pytest.raises(TypeError):
        answer.by_category["medication"] = 5  # type: ignore[index]
    with pytest.raises(AttributeError):
        answer.total_notes = 4  # type: ignore[misc]


def test_answers_are_values() -> None:
    assert stats() == stats()
    assert hash(stats()) == hash(stats())
    assert stats() != stats(unique_patients=3)
    assert stats().digest() != stats(unique_patients=3).digest()
    assert pickle.loads(pickle.dumps(stats())) == stats()


def test_the_average_of_nothing_is_zero() -> None:
    assert stats().avg_notes_per_patient == 1.5
    assert CareStats(0, 0, {}, {}, {}).avg_notes_per_patient == 0.0
