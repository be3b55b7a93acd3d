"""Generated notes depend on their arguments and on nothing else, and have the shape that they are said to have."""

from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carenotes import Refused
from carenotes.seeding import COLUMNS, SeedSpec, batches, digest, generate

# The canonical digests of two data sets, computed once. They hold on every Python, NumPy and machine: a change here
# means that everybody's notes have changed.
GOLDEN = {
    SeedSpec(10_000): "821313d1cf792c1b939ea30041f1b046a33a6b77bdbdd57f5d80f937b6d3f15a",
    SeedSpec.original_workload(): "9ffae0012c85179e4c04f0e2911ea0fcd554deefad7e9c963aba9d347ee76de6",
}


@pytest.mark.parametrize(("spec", "expected"), GOLDEN.items(), ids=["platform", "original_workload"])
def test_the_same_arguments_give_the_same_notes_as_ever(spec: SeedSpec, expected: str) -> None:
    assert digest(batches(spec, 3_000)) == expected


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 700), st.integers(1, 800))
def test_the_batch_size_does_not_matter(notes: int, size: int) -> None:
    spec = SeedSpec(notes, tenants=3, days=5)
    assert digest(batches(spec, size)) == digest([generate(spec)])


def test_other_arguments_give_other_notes() -> None:
    specs = [
        SeedSpec(500),
        SeedSpec(501),
        SeedSpec(500, random_seed=2),
        SeedSpec(500, tenants=19),
        SeedSpec(500, days=89),
    ]
    assert len({digest([generate(spec)]) for spec in specs}) == len(specs)


def test_the_last_day_is_an_argument_and_never_the_clocks() -> None:
    days = generate(SeedSpec(5_000, days=7, last_day=date(2024, 3, 1)))["created_at"]
    assert pc.min(days).as_py() >= datetime(2024, 2, 24)  # noqa: DTZ001
    assert pc.max(days).as_py() < datetime(2024, 3, 2)  # noqa: DTZ001
    assert pc.max(days).as_py() >= datetime(2024, 3, 1)  # noqa: DTZ001


def test_columns_are_those_of_the_table_and_nothing_but_the_text_is_ever_missing() -> None:
    notes = generate(SeedSpec(5_000))
    assert tuple(notes.column_names) == COLUMNS
    assert [name for name in COLUMNS if notes[name].null_count] == ["note_text"]


def test_notes_come_in_order_of_time() -> None:
    moments = generate(SeedSpec(20_000))["created_at"].to_pylist()
    assert moments == sorted(moments)


def counts(column: pa.ChunkedArray) -> dict[object, int]:
    return {one["values"]: one["counts"] for one in pc.value_counts(column).to_pylist()}


def test_sizes_are_skewed_and_ids_begin_at_one() -> None:
    notes = generate(SeedSpec(50_000, tenants=6, facilities=4))
    tenants = counts(notes["tenant_id"])
    assert sorted(tenants) == [1, 2, 3, 4, 5, 6]
    assert tenants[1] > 1.8 * tenants[2] > 2.5 * tenants[4]
    facilities = counts(notes["facility_id"])
    assert sorted(facilities) == [1, 2, 3, 4]
    assert facilities[1] > 1.5 * facilities[4]


def test_days_and_weeks_have_a_rhythm() -> None:
    moments = generate(SeedSpec(70_000, days=70))["created_at"]
    hours, weekdays = counts(pc.hour(moments)), counts(pc.day_of_week(moments))
    assert hours[7] > 5 * hours[2]
    assert weekdays[0] > 1.5 * weekdays[6]


def test_some_patients_are_seen_in_more_than_one_facility_so_distinct_counts_do_not_add_up() -> None:
    notes = generate(SeedSpec(20_000, tenants=1, facilities=3, patients=10))
    pairs = set(zip(notes["facility_id"].to_pylist(), notes["patient_id"].to_pylist(), strict=True))
    patients = {patient for _, patient in pairs}
    assert len(patients) == 30
    assert len(pairs) > 30


def test_patients_of_two_tenants_are_never_the_same() -> None:
    notes = generate(SeedSpec(30_000, tenants=12, facilities=12, patients=3))
    owners: dict[str, set[int]] = {}
    for tenant, patient in zip(notes["tenant_id"].to_pylist(), notes["patient_id"].to_pylist(), strict=True):
        owners.setdefault(patient, set()).add(tenant)
    assert all(len(tenants) == 1 for tenants in owners.values())


def share(column: pa.ChunkedArray, notes: int) -> dict[object, float]:
    return {key: count / notes for key, count in counts(column).items()}


def test_the_seeds_workload_has_exactly_its_shape() -> None:
    spec = SeedSpec.original_workload()
    notes = generate(spec)
    assert len(notes) == 100_000
    near = {"abs": 0.006}  # four standard deviations of the largest share
    assert share(notes["tenant_id"], 100_000) == pytest.approx({1: 0.10, 2: 0.15, 3: 0.25, 4: 0.20, 5: 0.30}, **near)
    assert share(notes["facility_id"], 100_000) == pytest.approx({1: 1 / 3, 2: 1 / 3, 3: 1 / 3}, **near)
    categories = {"medication": 0.4, "observation": 0.4, "treatment": 0.2}
    assert share(notes["category"], 100_000) == pytest.approx(categories, **near)
    assert share(notes["priority"], 100_000) == pytest.approx({1: 0.1, 2: 0.2, 3: 0.4, 4: 0.2, 5: 0.1}, **near)
    assert len(counts(notes["created_by"])) == 20
    assert len(counts(notes["patient_id"])) == 5 * 3 * 50
    assert notes["note_text"].null_count == 100_000
    ages = counts(
        pc.floor(pc.divide(pc.subtract(pa.scalar(NOW), notes["created_at"]).cast(pa.int64()), DAY_OF_MICROSECONDS))
    )
    assert ages == pytest.approx({age: 100_000 * (age + 1) / 465 for age in range(30)}, rel=0.02, abs=2)


NOW = datetime(2026, 6, 30, 16)  # noqa: DTZ001 - the preset's last moment, in UTC
DAY_OF_MICROSECONDS = 86_400_000_000.0


def test_the_originals_query_meets_thirty_to_forty_notes() -> None:
    notes = generate(SeedSpec.original_workload())
    today = pc.and_(pc.equal(notes["tenant_id"], 3), pc.greater_equal(notes["created_at"], datetime(2026, 6, 30)))  # noqa: DTZ001
    assert 30 <= pc.sum(today).as_py() <= 40


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"notes": 0}, "notes is 0; allowed: 1 to"),
        ({"notes": 2**31 + 1}, "notes is"),
        ({"notes": 1, "tenants": 0}, "tenants is 0"),
        ({"notes": 1, "facilities": -1}, "facilities is -1"),
        ({"notes": 1, "days": 0}, "days is 0"),
        ({"notes": 1, "random_seed": -1}, "random_seed is -1"),
        ({"notes": 1, "last_day": date(1, 1, 5), "days": 90}, "before the calendar begins"),
        ({"notes": 1, "preset": "other"}, "allowed: original_workload"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(Refused, match=said):
        SeedSpec(**arguments)  # type: ignore[arg-type]
