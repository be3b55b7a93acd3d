"""Leaves of notes are the same by a loop over few notes and by columns of many."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carenotes.backends.upkeep.columns import as_columns
from carenotes.rollup.node import BitMap, labels_of, unpacked
from carenotes.rollup.notes import MARKED, Codes

known = {"a": 7, "b": 2}  # patients that have a number
some_notes = st.lists(
    st.tuples(
        st.integers(-2, 3),  # facility
        st.integers(739_000, 739_003),  # day
        st.sampled_from(["medication", "odd ]\"'", "é"]),
        st.integers(-1, 6),
        st.sampled_from(["a", "b", "A", "", "é"]),
    ).map(lambda one: (*one, known.get(one[-1], 0))),
    min_size=1,
    max_size=30,
)


def told(kept: Any, codes: Codes) -> Any:
    """What a leaf says, whatever the order and the numbers in it."""
    labels = labels_of(kept[0])
    counts = iter(unpacked(kept[1], sum(map(len, labels))))
    named = {number: text for text, number in (known | codes.new_patients).items()}
    patients = {named[one] for one in BitMap.deserialize(kept[2])}
    return [{label: next(counts) for label in some} for some in labels], patients


@given(some_notes)
def test_the_leaves_of_notes_are_the_same_by_a_loop_and_by_columns(notes: list[Any]) -> None:
    looped, by_columns = Codes({}, 9), Codes({}, 9)
    few = {key: told(kept, looped) for key, kept in [*looped.few_leaves(notes)]}
    rows = by_columns.leaves(as_columns(MARKED, notes)).rows(by_columns.names)
    assert few == {row[:2]: told(row[2:], by_columns) for row in [*rows]}
    assert sorted(looped.new_patients.values()) == [*range(9, looped.next_number)]
    assert looped.new_patients.keys() == by_columns.new_patients.keys()
