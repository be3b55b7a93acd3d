"""A condition is a record; its label is made of what differs, and is never needed to find it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carenotes.lab.conditions import SHARED, Condition, condition, found, labels

values = st.none() | st.sampled_from(["naive", "pushdown"])
records = st.builds(
    lambda aggregator, engine, design, notes, clients, particular: condition(
        aggregator=aggregator, engine=engine, design=design, notes=notes, clients=clients, **particular
    ),
    st.sampled_from(["naive", "pushdown"]),
    st.sampled_from(["sqlite", "duckdb"]),
    st.none() | st.sampled_from(["none", "covering"]),
    st.none() | st.integers(1, 10**7),
    st.none() | st.integers(1, 100),
    st.dictionaries(st.sampled_from(["connections", "characters"]), st.integers(0, 10), max_size=2),
)


def test_fields_that_are_not_shared_are_particular() -> None:
    one = condition(aggregator="naive", notes=10, characters=200, client=None)
    assert one == Condition("naive", notes=10, particular=(("characters", 200),))
    assert one.fields() == {"aggregator": "naive", "notes": 10, "characters": 200}
    assert (one.get("characters"), one.get("design"), one.get("no such field")) == (200, None, None)


def test_a_label_holds_what_differs_and_leaves_out_what_all_share() -> None:
    both = [
        condition(aggregator=name, engine="sqlite", design="covering", notes=5_000) for name in ("naive", "pushdown")
    ]
    assert list(labels(both)) == ["naive", "pushdown"]
    beside = condition(aggregator="pushdown", engine="duckdb", design="none", notes=5_000)
    assert list(labels([*both, beside])) == [
        "naive, covering index, SQLite",
        "pushdown, covering index, SQLite",
        "pushdown, no index, DuckDB",
    ]


def test_numbers_stand_with_what_they_count() -> None:
    many = [condition(clients=count, connections=4, notes=size) for count, size in ((1, 1_000), (8, 2_000))]
    assert list(labels(many)) == ["4 connections, 1,000 notes, 1 client", "4 connections, 2,000 notes, 8 clients"]


def test_a_single_condition_has_a_label_of_all_its_fields() -> None:
    assert list(labels([condition(aggregator="naive", design="none")])) == ["naive, no index"]


def test_conditions_that_cannot_be_told_apart_are_an_error() -> None:
    with pytest.raises(ValueError, match="have the same fields, or labels"):
        labels([condition(name="a"), condition(name="a")])
    with pytest.raises(ValueError, match="have the same fields, or labels"):
        labels([condition(name="1 connection"), condition(connections=1)])


@given(st.lists(records, min_size=1, max_size=12, unique=True))
def test_each_condition_has_one_label_and_is_found_by_its_own_fields(many: list[Condition]) -> None:
    by_label = labels(many)
    assert list(by_label.values()) == many
    for label, one in by_label.items():
        everything = {name: one.get(name) for name in SHARED} | dict(one.particular)
        assert found(by_label, everything) == label


@pytest.mark.parametrize("wanted", [{"aggregator": "new name"}, {"aggregator": "naive"}, {"characters": 1}, {}])
def test_fields_that_name_no_condition_or_several_are_an_error_and_not_nothing(wanted: dict[str, str | int]) -> None:
    by_label = labels([condition(aggregator="naive", notes=size) for size in (10, 20)])
    with pytest.raises(LookupError, match=r"[02] conditions with .* among"):
        found(by_label, wanted)


def test_who_names_no_particular_field_gets_the_condition_that_has_none() -> None:
    usual = condition(aggregator="naive")
    by_label = labels([usual, condition(aggregator="naive", client="frozen heap")])
    assert by_label[found(by_label, {"aggregator": "naive"})] == usual
    assert found(by_label, {"aggregator": "naive", "client": "frozen heap"}) == "naive, frozen heap"


def test_without_some_fields_conditions_that_differ_in_them_alone_are_one() -> None:
    sizes = {
        condition(aggregator="naive", notes=size, characters=size).without("notes", "characters") for size in (1, 2)
    }
    assert sizes == {condition(aggregator="naive")}
