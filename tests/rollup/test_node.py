"""A node is what was put into it, and nodes add up."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carenotes.rollup.node import BitMap, Sum, grown, packed, unpacked

counts = st.lists(st.integers(0, 300) | st.sampled_from([255, 256, 2**16 - 1, 2**16, 2**32 - 1, 2**32, 2**63]))


@given(counts)
def test_numbers_of_any_size_are_the_same_again(numbers: list[int]) -> None:
    data = packed(numbers)
    assert unpacked(data, len(numbers)) == tuple(numbers)
    assert len(data) == len(numbers) * next(width for width in (1, 2, 4, 8) if max(numbers, default=0) < 256**width)


nodes = st.fixed_dictionaries(
    {
        "category": st.dictionaries(st.sampled_from(["a", "b", 'odd "', "é"]), st.integers(1, 400), min_size=1),
        "priority": st.dictionaries(st.integers(-2, 6), st.integers(1, 400), min_size=1),
        "facility": st.none() | st.dictionaries(st.sampled_from([1, 2, 9]), st.integers(1, 400), min_size=1),
        "patients": st.sets(st.integers(1, 2**20), min_size=1),
    }
)


def kept(one: dict[str, Any]) -> tuple[int, str, bytes, bytes]:
    found = Sum()
    found.by_category, found.by_priority = dict(one["category"]), dict(one["priority"])
    found.by_facility = dict(one["facility"] or {})
    found._patients = [BitMap(one["patients"])]
    return 9, *found.kept(of_all=one["facility"] is not None)


@given(st.lists(nodes, max_size=6))
def test_a_sum_of_nodes_is_the_sum_of_what_they_hold(some: list[dict[str, Any]]) -> None:
    found = Sum()
    found.add([kept(one) for one in some])
    each = [one["facility"] or {9: sum(one["category"].values())} for one in some]
    for summed, parts in (
        (found.by_category, [one["category"] for one in some]),
        (found.by_priority, [one["priority"] for one in some]),
        (found.by_facility, each),
    ):
        assert summed == sum(map(Counter, parts), Counter())
    assert found.patients() == len(set().union(*(one["patients"] for one in some)))
    assert found.patients([5, 7]) == len({5, 7}.union(*(one["patients"] for one in some)))


def summed(some: list[dict[str, Any]]) -> Sum:
    found = Sum()
    found.add([kept(one | {"facility": None}) for one in some])
    return found


@given(st.lists(nodes, max_size=3), st.lists(nodes, max_size=3))
def test_what_is_beyond_a_part_makes_it_the_whole_and_a_part_has_nothing_beyond_the_whole(
    part: list[dict[str, Any]], rest: list[dict[str, Any]]
) -> None:
    whole, some = summed(part + rest), summed(part)
    more = whole.beyond(some)
    assert more is not None
    some.add([(9, *more.kept(of_all=False))])
    assert (some.by_category, some.by_priority) == (whole.by_category, whole.by_priority)
    assert some.kept(of_all=False)[-1] == whole.kept(of_all=False)[-1] if part + rest else True
    assert (summed(part).beyond(whole) is None) == bool(rest)


@given(nodes, nodes)
def test_a_node_that_has_grown_is_the_sum_of_it_and_what_came(was: dict[str, Any], come: dict[str, Any]) -> None:
    (_, *node), leaf = kept(was), kept(come | {"facility": None})
    found = grown((node[0], node[1], node[2]), leaf)
    facilities = was["facility"]
    lacks = [name for name in ("category", "priority") if not come[name].keys() <= was[name].keys()]
    if lacks or (facilities is not None and leaf[0] not in facilities):
        assert found is None
        return
    assert found is not None
    assert found[0] == node[0]  # the same labels in the same order, as other nodes have them
    sums = [Sum(), Sum()]
    sums[0].add([(9, *found)])
    sums[1].add([(9, node[0], node[1], node[2]), leaf])
    here, there = (vars(one) | {"_patients": one.patients()} for one in sums)
    assert here == there


def test_another_set_of_patients_is_no_part() -> None:
    one = {"category": {"a": 1}, "priority": {1: 1}, "patients": {1, 2}}
    assert summed([one]).beyond(summed([one | {"patients": {3}}])) is None
    assert summed([one | {"patients": {1}}]).beyond(summed([one])) is None


def test_notes_are_added_beside_nodes() -> None:
    found = Sum()
    found.add_notes(9, "a", 3, 5)
    found.add([kept({"category": {"a": 1, "b": 2}, "priority": {3: 3}, "facility": None, "patients": {1}})])
    assert (found.by_category, found.by_priority, found.by_facility) == ({"a": 6, "b": 2}, {3: 8}, {9: 8})


@pytest.mark.parametrize("patients", [{1}, set(range(1, 70_000)), {2**32 - 1}])
def test_any_set_of_numbers_is_kept(patients: set[int]) -> None:
    _, _, _, data = kept({"category": {"a": 1}, "priority": {1: 1}, "facility": None, "patients": patients})
    assert set(BitMap.deserialize(data)) == patients
