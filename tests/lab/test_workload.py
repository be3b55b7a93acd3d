"""The stream of queries is seeded, distinct, spread over the tenants by size, and about notes that are there."""

from collections import Counter
from datetime import date, timedelta

import pytest

from carenotes import Refused, open_database
from carenotes.backends import create_database
from carenotes.lab.notes.workload import Population, any_query, population, query_stream

SIZES = {(1, 1): 500, (1, 2): 200, (2, 1): 200, (3, 7): 100}
WHO = Population(SIZES, date(2026, 1, 1), date(2026, 3, 31))


def test_a_stream_is_the_same_for_the_same_seed_and_begins_with_the_shorter_ones() -> None:
    assert query_stream(WHO, 1, 50, 1) == query_stream(WHO, 1, 80, 1)[:50]
    assert query_stream(WHO, 1, 50, 1) != query_stream(WHO, 2, 50, 1)


@pytest.mark.parametrize("days", [1, 30])
def test_queries_are_distinct_and_within_the_days_and_facilities_that_there_are(days: int) -> None:
    stream = query_stream(WHO, 1, 100, days)
    assert len(set(stream)) == 100
    for query in stream:
        assert WHO.first_day <= query.first_day <= query.last_day <= WHO.last_day
        assert query.last_day - query.first_day == timedelta(days=days - 1)
        assert query.tenant_id in WHO.tenants
        assert set(query.facility_ids or ()) <= {f for t, f in SIZES if t == query.tenant_id}


def test_every_part_of_the_stream_has_the_tenants_by_their_size() -> None:
    stream = query_stream(WHO, 1, 90, 1)
    for start in range(0, 90, 30):
        tenants = Counter(query.tenant_id for query in stream[start : start + 30])
        assert tenants[1] == pytest.approx(21, abs=2)
        assert tenants[2] == pytest.approx(6, abs=2)
        assert tenants[3] == pytest.approx(3, abs=2)


def test_half_of_the_queries_are_about_all_facilities_and_the_rest_about_one_or_three_as_far_as_there_are() -> None:
    stream = query_stream(Population({(1, one): 9 for one in (4, 5, 6, 7)}, WHO.first_day, WHO.last_day), 1, 40, 1)
    assert Counter(len(query.facility_ids or ()) for query in stream) == {0: 20, 1: 10, 3: 10}
    assert {len(query.facility_ids or ()) for query in query_stream(WHO, 1, 40, 1)} == {0, 1, 2}


def test_when_few_notes_carry_no_more_queries_the_stream_begins_again() -> None:
    small = Population({(1, 1): 5}, date(2026, 1, 1), date(2026, 1, 2))
    stream = query_stream(small, 1, 10, 1)
    assert len(set(stream)) == 4  # two days, all facilities or the one
    assert stream == (stream[:4] * 3)[:10]


def test_the_population_is_counted_from_the_notes(seeded: str, url: str) -> None:
    engine = open_database(seeded, read_only=True)
    with engine.connect() as connection:
        who = population(connection)
        assert (who.notes, len(who.tenants), len(who.sizes)) == (3_000, 4, 12)
        assert (who.first_day, who.last_day) == (date(2026, 6, 21), date(2026, 6, 30))
        assert any_query(connection).tenant_id in who.tenants
    empty = create_database(url)
    with empty.connect() as connection:
        with pytest.raises(Refused, match="no note"):
            population(connection)
        assert any_query(connection).tenant_id == 1
