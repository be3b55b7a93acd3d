"""The tree over time: a period is covered by few nodes, each day once."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carenotes.rollup.tree import (
    FANOUT,
    FIRST_DAY,
    LAST_DAY,
    TOP,
    as_times,
    children,
    cover,
    days_of,
    every,
    level_of,
    merged,
    moments,
    number,
    parent,
    without,
)

days = st.integers(FIRST_DAY, LAST_DAY)
spans = st.lists(st.tuples(st.integers(1, 300), st.integers(0, 40)).map(lambda one: (one[0], sum(one))), max_size=8)


def in_all(some: list[tuple[int, int]]) -> set[int]:
    return {day for first, last in some for day in range(first, last + 1)}


@given(days, st.integers(0, 5000))
def test_a_cover_has_each_day_of_a_period_once_and_no_other(first: int, more: int) -> None:
    last = min(first + more, LAST_DAY)
    covered = sorted(days_of(node) for node in cover([(first, last)]))
    assert covered[0][0] == first
    assert covered[-1][1] == last
    assert all(one[1] + 1 == other[0] for one, other in pairwise(covered))


@given(days, st.integers(0, 5000))
def test_no_cover_could_be_smaller(first: int, more: int) -> None:
    """No parent of two nodes or more lies wholly within the period."""
    last = min(first + more, LAST_DAY)
    for node in cover([(first, last)]):
        if level_of(node) < TOP:
            low, high = days_of(parent(node))
            assert low < first or high > last


def test_few_nodes_cover_a_year_and_not_many_all_days_that_there_are() -> None:
    starts = range(date(2026, 1, 1).toordinal(), date(2026, 1, 1).toordinal() + FANOUT**TOP)
    assert max(len(cover([(start, start + 364)])) for start in starts) <= 6 * FANOUT
    assert len(cover([(FIRST_DAY, LAST_DAY)])) < 1_000


@given(days, st.integers(0, TOP - 1))
def test_a_node_is_made_of_its_children_and_they_of_its_days(day: int, level: int) -> None:
    node = number(level, day // FANOUT**level)
    assert days_of(node)[0] <= day <= days_of(node)[1]
    assert node in children(parent(node))
    assert days_of(parent(node)) == (days_of(children(parent(node))[0])[0], days_of(children(parent(node))[-1])[1])
    assert days_of(every(node)) == days_of(node)
    assert level_of(every(node)) == level_of(node) == level
    assert every(node) < 0 <= node


@given(spans)
def test_merged_spans_have_the_same_days_and_do_not_touch(some: list[tuple[int, int]]) -> None:
    found = merged(some)
    assert in_all(found) == in_all(some)
    assert all(one[1] + 1 < other[0] for one, other in pairwise(found))


@given(st.tuples(st.integers(1, 300), st.integers(0, 300)).map(lambda one: (one[0], sum(one))), spans)
def test_what_is_left_of_a_span_are_its_other_days(span: tuple[int, int], some: list[tuple[int, int]]) -> None:
    assert in_all(without(span, merged(some))) == in_all([span]) - in_all(some)


def test_moments_are_the_first_and_the_last_of_the_days_that_there_are() -> None:
    day = date(2026, 2, 10).toordinal()
    told = [[one.isoformat() for one in moments(span)] for span in ((day, day), (0, LAST_DAY + 1))]
    assert told[0] == ["2026-02-10T00:00:00", "2026-02-10T23:59:59.999999"]
    assert told[1] == ["0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"]
    assert as_times([(1, 1)]) == '[["0001-01-01 00:00:00.000000", "0001-01-01 23:59:59.999999"]]'


@pytest.mark.parametrize("level", range(TOP))
def test_levels_grow_by_the_fan_out(level: int) -> None:
    first, last = days_of(number(level, 3))
    assert last - first + 1 == FANOUT**level
