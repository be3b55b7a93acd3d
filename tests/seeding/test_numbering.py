"""Ids that are texts get numbers: no two tenants ever share one, and none has two."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from carenotes import Failed, Refused
from carenotes.backends import create_database
from carenotes.seeding import SeedSpec, ingest, load
from tests.seeding.files import names_of, notes, row, write

# Numbers for names


def tenants_after(engine: Engine, file: Path, **more: Any) -> list[int]:
    """The numbers of the tenants of a file, in its order."""
    already = len(notes(engine))
    ingest(engine, file, {}, **more)
    numbers: list[int] = notes(engine, "tenant_id")[already:]
    return numbers


ALIKE = [
    "1",
    "01",
    "+1",
    " 1",
    "1 ",
    "1.0",
    "１",
    "one",
    "One",
    "one ",
    "e\u0301",
    "\u00e9",
    "a|b",
    "a",
    "b",
    "a\x1fb",
    "0",
    "-0",
    "\u200b1",
]


def test_names_that_look_alike_are_different_tenants(any_url: str, tmp_path: Path) -> None:
    engine = create_database(any_url)
    file = write(tmp_path / "a.csv", [row(tenant_id=one) for one in ALIKE * 2])
    numbers = tenants_after(engine, file, batch_size=5)
    assert numbers == list(range(1, len(ALIKE) + 1)) * 2
    assert names_of(engine)[0] == dict(zip(ALIKE, numbers, strict=False))


def test_plain_numbers_are_used_as_they_are(any_url: str, tmp_path: Path) -> None:
    engine = create_database(any_url)
    given = ["7", "0", "-3", "2147483647", "-2147483648", "7"]
    assert tenants_after(engine, write(tmp_path / "a.csv", [row(tenant_id=one) for one in given])) == list(
        map(int, given)
    )
    assert names_of(engine) == ({}, {})


@pytest.mark.parametrize("odd", ["x", "01", "2147483648", "7 ", "٧", "1e3"])
def test_one_value_that_is_no_plain_number_makes_names_of_the_whole_column(url: str, tmp_path: Path, odd: str) -> None:
    engine = create_database(url)
    rows = [row(tenant_id=one) for one in ("7", "9", "7", odd)]
    assert tenants_after(engine, write(tmp_path / "a.csv", rows)) == [1, 2, 1, 3]


def test_a_missing_id_or_a_row_that_cannot_be_read_makes_no_names(url: str, tmp_path: Path) -> None:
    rows = [row(tenant_id="7"), row(tenant_id=""), ["x"], row(tenant_id="x", note_text="\udcff")]
    assert tenants_after(create_database(url), write(tmp_path / "a.csv", rows)) == [7]


def test_names_begin_above_the_ids_that_are_there_and_keep_their_numbers(any_url: str, tmp_path: Path) -> None:
    engine = create_database(any_url)
    load(engine, SeedSpec(500, tenants=4, facilities=3))
    north = [row(tenant_id=t, facility_id=f) for t, f in [("north", "A"), ("1", "A"), ("north", "B")]]
    assert tenants_after(engine, write(tmp_path / "a.csv", north)) == [5, 6, 5]
    # Numbers alone, but names are known: each is a name, and 1 is not the seeded tenant 1.
    assert tenants_after(engine, write(tmp_path / "b.csv", [row(tenant_id=one) for one in ("2", "1", "5")])) == [
        7,
        6,
        8,
    ]
    assert tenants_after(engine, write(tmp_path / "c.csv", [row(tenant_id="north", facility_id="B")])) == [5]
    tenants, facilities = names_of(engine)
    assert tenants == {"north": 5, "1": 6, "2": 7, "5": 8}
    assert facilities == {(5, "A"): 1, (5, "B"): 2, (6, "A"): 1, (7, "4"): 1, (6, "4"): 2, (8, "4"): 1}


def test_names_of_facilities_count_within_their_tenant_above_its_own_numbers(any_url: str, tmp_path: Path) -> None:
    engine = create_database(any_url)
    ingest(
        engine,
        write(tmp_path / "a.csv", [row(tenant_id="1", facility_id="9"), row(tenant_id="2", facility_id="4")]),
        {},
    )
    pairs = [("1", "home"), ("2", "home"), ("3", "home"), ("1", "9"), ("1", "home")]
    ingest(engine, write(tmp_path / "b.csv", [row(tenant_id=t, facility_id=f) for t, f in pairs]), {})
    assert notes(engine, "tenant_id", "facility_id")[2:] == [(1, 10), (2, 5), (3, 1), (1, 11), (1, 10)]


def test_a_number_is_not_given_out_again_when_its_notes_are_gone(any_url: str, tmp_path: Path) -> None:
    engine = create_database(any_url)
    ingest(engine, write(tmp_path / "a.csv", [row(tenant_id="old", facility_id="old")]), {})
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM care_notes"))
    pairs = [("new", "x"), ("old", "new")]
    ingest(engine, write(tmp_path / "b.csv", [row(tenant_id=t, facility_id=f) for t, f in pairs]), {})
    assert notes(engine, "tenant_id", "facility_id") == [(2, 1), (1, 2)]


def test_every_name_of_a_large_batch_is_kept(any_url: str, tmp_path: Path) -> None:
    engine = create_database(any_url)
    names = [f"t{number * 7919 % 3000}" for number in range(3_000)]
    numbers = tenants_after(engine, write(tmp_path / "a.csv", [row(tenant_id=one, facility_id="f") for one in names]))
    tenants, facilities = names_of(engine)
    assert [tenants[one] for one in names] == numbers == list(range(1, 3_001))
    assert facilities == {(number, "f"): 1 for number in numbers}


def test_a_rejected_row_names_nobody(url: str, tmp_path: Path) -> None:
    engine = create_database(url)
    ingest(engine, write(tmp_path / "a.csv", [row(tenant_id="ghost", priority="9"), row(tenant_id="real")]), {})
    assert names_of(engine)[0] == {"real": 1}


def test_when_no_number_is_left_it_fails_and_nobody_shares_one(url: str, tmp_path: Path) -> None:
    engine = create_database(url)
    ingest(engine, write(tmp_path / "a.csv", [row(tenant_id="2147483647")]), {})
    with pytest.raises(Failed, match="no number is left for the name 'x'"):
        ingest(engine, write(tmp_path / "b.csv", [row(tenant_id="x")]), {})
    assert notes(engine, "tenant_id") == [2147483647]


identities = st.one_of(st.integers(-3, 12).map(str), st.sampled_from(["a", "A", "a ", "1 ", "01", "ß", "ss"]))


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.tuples(identities, identities), min_size=1, max_size=8), min_size=1, max_size=4))
def test_tenants_and_facilities_are_never_merged_nor_split_once_there_are_names(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[tuple[str, str]]]
) -> None:
    """A first file with names only; whatever follows, one name is one number and one number is one name."""
    folder = tmp_path_factory.mktemp("names")
    engine = create_database(f"sqlite:///{folder / 'notes.db'}")
    every = [[("first", "first")], *files]
    for number, pairs in enumerate(every):
        rows = [row(tenant_id=t, facility_id=f, patient_id=str(number)) for t, f in pairs]
        ingest(engine, write(folder / f"{number}.csv", rows), {}, batch_size=3)
    given_ = [pair for pairs in every for pair in pairs]
    numbers = notes(engine, "tenant_id", "facility_id")
    assert len({(one[0], other[0]) for one, other in zip(given_, numbers, strict=True)}) == len(
        {one[0] for one in given_}
    )
    assert len({other[0] for other in numbers}) == len({one[0] for one in given_})
    assert len(set(zip(given_, numbers, strict=True))) == len(set(given_)) == len(set(numbers))
    engine.dispose()


def test_made_up_tenants_are_not_mixed_with_those_that_were_numbered_by_name(url: str, tmp_path: Path) -> None:
    engine = create_database(url)
    ingest(engine, write(tmp_path / "a.csv", [row(tenant_id="north")]), {})
    with pytest.raises(Refused, match="holds tenants numbered by their names"):
        load(engine, SeedSpec(10), append=True)
