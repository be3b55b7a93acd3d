"""Notebook 06: rivals answer as the oracle does, sketches err as they should, sentences say who wins."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from pyroaring import BitMap

from carenotes import AGGREGATORS, StatsQuery
from carenotes.aggregators import naive
from carenotes.lab.comparison import compare
from carenotes.lab.conditions import SELECT_1, Condition, condition
from carenotes.lab.notes.workload import query_stream
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import Measured, measured
from carenotes.lab.runner.study import Study
from carenotes.lab.statistics.verdicts import Evidence
from carenotes.queries import CareStats
from carenotes.seeding import SeedSpec
from carenotes.studies.rollups import effects, experiment, figures, findings, sketched, tables
from carenotes.studies.rollups.along import along_days
from carenotes.studies.rollups.experiment import NOTEBOOK, growth, period
from carenotes.studies.rollups.fits import fits
from carenotes.studies.rollups.place import Place, RolledUp, Sizes
from carenotes.studies.rollups.rivals import ALIKE, RIVALS, SCANS, columns, held
from carenotes.studies.rollups.rivals.held import Held, Order, Rival
from tests.lab import timed

SPEC = SeedSpec(3_000, tenants=4, facilities=5, patients=9, days=40)
LAST = SPEC.last_day
SIZES = Sizes([1], 100, 7, [200, 400], 300, [2, 5], [1, 3], [3, 6])
PLACE = {"engine": "sqlite", "notes": 1_000}


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(SPEC, tmp_path_factory.mktemp("rollups"))


@pytest.fixture(scope="module")
def queries(where: Place) -> list[StatsQuery]:
    """Of every length and shape; about nobody, about days before and after all notes, and facilities that are none."""
    some = [one for days in (1, 7, 40) for one in query_stream(where.notes.population, 1, 24, days)]
    ends = (LAST - timedelta(days=1_000), LAST + timedelta(days=1_000))
    odd = [(99, LAST, LAST), (1, *ends), (1, ends[0], ends[0]), (1, ends[1], ends[1]), (1, LAST, LAST, [77]),
           (2, *ends, [1, 77]), (1, date.min, date.max)]  # fmt: skip
    return some + [StatsQuery(*one) for one in odd]


@pytest.fixture(scope="module")
def right(where: Place, queries: list[StatsQuery]) -> list[CareStats]:
    with where.notes.engine("rollup").connect() as connection:
        return [naive(connection, query) for query in queries]


def test_every_rival_answers_as_the_oracle_does_in_a_process_of_its_own(
    where: Place, queries: list[StatsQuery], right: list[CareStats]
) -> None:
    those = {one.name: one.of(where.file) for one in RIVALS if one.is_possible}
    found = held.begun([*those.values()])
    for name, what in those.items():
        # pandas' own earliest time is in 1677
        asked = [one for one in queries if name != "pandas, frame" or one.first_day > date(1900, 1, 1)]
        peer = found[what]
        told = [held._told(peer, order) for order in (held.Ready(asked), Order.ANSWER, Order.DIGESTS)]
        assert told[:2] == [None, None]
        assert told[2] == [right[queries.index(one)].digest() for one in asked], name
        peer.end()
    assert len(found) >= 4
    memory = held.memory_of([*those.values()])
    assert all(one["data"] > 3_000 and one["process"] > 0 for one in memory)
    [kept] = where.folder.glob("*.DuckTable.json")
    kept.unlink()  # it is found out anew
    assert held.memory_of([those["DuckDB, table"]])[0]["data"] == memory[0]["data"]


def test_what_is_not_installed_is_no_rival_here_and_the_table_says_so() -> None:
    lacking = Rival("nobody, anything", SCANS[0].load, ("a_library_that_nobody_has",))
    assert not lacking.is_possible
    assert [one.is_possible for one in RIVALS] == [all(map(find_spec, one.modules)) for one in RIVALS]
    planted_spans = {1: planted({POLARS: 1.0})}
    said = {row[0]: row for row in tables.rivals(planted_spans, ["Polars, frame"]).rows}  # type: ignore[union-attr]
    assert said["pandas, frame (raw scan)"][1:] == ["not installed"]
    assert said["Polars, frame (raw scan)"][1:] == ["10.0x [10.0, 10.0]"]
    took = tables.memory({"Polars, frame": SIZE}, {"nodes": 1_000, "bytes": 5_000, "patients": 1})
    assert took.rows[0] == ["Polars, frame (raw scan)", "2.00 kB", "3.00 kB"]
    assert took.rows[-1] == ["the pyramid's 1,000 nodes, on disk", "5.00 kB", ""]


def test_the_columns_are_sorted_by_tenant_and_time_and_are_written_once(where: Place) -> None:
    table = columns.read(where.file)
    tenants, times = (table[name].to_numpy() for name in ("tenant_id", "created_at"))
    order = np.lexsort((times, tenants))
    assert (order == np.arange(len(order))).all()
    assert len(order) == SPEC.notes
    before = where.file.stat().st_mtime_ns
    assert columns.written(SPEC, where.folder) == where.file
    assert where.file.stat().st_mtime_ns == before


# Sketches


@pytest.mark.parametrize("registers", sketched.REGISTERS)
@pytest.mark.parametrize("size", [0, 1, 50, 1_000, 30_000])
def test_a_sketch_is_wrong_by_no_more_than_it_may_be(registers: int, size: int) -> None:
    drawn = np.random.default_rng(size)
    away = []
    for _ in range(20):
        found = sketched.sketch(BitMap(drawn.choice(2**31, size, replace=False)).serialize(), registers)
        away.append(sketched.estimated(found) / size - 1 if size else sketched.estimated(found))
    assert abs(float(np.mean(away))) <= 4 * 1.04 / (registers * 20) ** 0.5
    assert max(map(abs, away)) <= 4.5 * 1.04 / registers**0.5


def test_the_sketch_of_a_union_is_the_merge_of_sketches() -> None:
    one, other = BitMap(range(700)), BitMap(range(500, 1_500))
    parts = [sketched.sketch(each.serialize(), 256).tobytes() for each in (one, other)]
    assert (sketched.merged(parts, 256) == sketched.sketch((one | other).serialize(), 256)).all()
    assert len(sketched.union([one.serialize(), other.serialize()])) == 1_500
    assert (len(sketched.union([])), sketched.estimated(sketched.merged([], 256))) == (0, 0.0)


def test_sets_are_those_that_the_pyramid_counts(where: Place) -> None:
    kept = sketched.kept(where.notes, 1, 7)
    stream = query_stream(where.notes.population, 1, 4 * sketched.QUERIES, 7)
    asked = list(dict.fromkeys(StatsQuery(one.tenant_id, one.first_day, one.last_day) for one in stream))
    with where.notes.engine("rollup").connect() as connection:
        counted = [AGGREGATORS["pyramid"](connection, one).unique_patients for one in asked[: len(kept)]]
    assert [len(sketched.union(one)) for one in kept] == counted
    assert max(counted) > 9


# What is asked


def test_growth_asks_the_same_queries_about_all_facilities_at_each_size(where: Place) -> None:
    for of in experiment.GROWN:
        one = experiment.grown(where, SIZES, of, 1)
        stream = one.stream(30)
        assert all(query.facility_ids is None for query in stream)
        assert {query.tenant_id for query in stream} <= {1, 2, 3, 4}
        by_size = {each.condition.get(of): each.notes for each in one.entries}
        assert list(by_size) == SIZES.along(of)
        assert [notes.population.notes for notes in by_size.values()] == ([200, 400] if of == "notes" else [300, 300])
        assert one.baseline == one.entries[-1].condition
        assert one.baseline.aggregator == "pyramid"


def test_what_takes_too_long_is_left_out_and_told(where: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    took = {"naive": iter((9.0, 2.0)), "pushdown": iter((9.0, 0.9))}  # what comes first has more to do
    monkeypatch.setattr(experiment, "_seconds", lambda _connection, name, _query: next(took[name]))
    study = Study(NOTEBOOK)
    stream = experiment.distinct_queries(where.notes, 1, 7)
    entries = experiment._bearable(study, where.notes, stream, period(7), 1_000)
    assert [one.condition.aggregator for one in entries] == ["pushdown", "rollup", "pyramid", None]
    skipped = experiment.skipped_in(study, period, [7])
    assert skipped == {7: {"naive": 2.0}}
    rows = {row[0]: row[1] for row in tables.slow_to_fast({7: planted({})}, skipped, "SQLite").rows}  # type: ignore[union-attr]
    assert rows["7 days: naive"] == "skipped: about 2.0 s"


def test_three_of_five_periods_are_told() -> None:
    assert experiment.told([364, 1, 7, 30, 90]) == [1, 30, 364]
    assert experiment.told([1, 364]) == [1, 364]
    assert experiment.told([30]) == [30]


class Wrong:
    """A rival that has lost a note."""

    def __init__(self, file: Path) -> None:
        self._held: Held = ALIKE[-1].load(file)

    def answer(self, query: StatsQuery) -> CareStats:
        found = self._held.answer(query)
        return replace(found, total_notes=found.total_notes - 1)

    def size(self) -> int:
        return 1


@pytest.mark.slow
def test_a_rival_that_is_wrong_is_not_timed_and_others_in_their_processes_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    those = (*(one for one in RIVALS if one.name in ("DuckDB, table", "NumPy, columns")),
             Rival("wrong", Wrong, ()))  # fmt: skip
    monkeypatch.setattr(experiment, "RIVALS", those)
    study, where = Study(NOTEBOOK, str(tmp_path / "r.sqlite")), Place(SPEC, tmp_path)
    make = experiment.by_period(study, where, SIZES, 1, 7)
    one = compare(study, period(7), lambda: make, 2)
    assert one.failed == (one.of(held="wrong", notes=3_000),)
    assert len(one.right) == 4 + 2
    each = one.samples[one.samples["part"] == 0].groupby("condition")
    queries = study.known(f"{period(7)}/queries per sample")
    repeats = study.known(f"{period(7)}/repeats")
    assert (each["units"].first() == [queries * repeats[label] for label in each["units"].first().index]).all()
    assert repeats[one.of(held="NumPy, columns", notes=3_000)] > repeats[one.of(aggregator="naive", **SIZED)]


SIZED = {"engine": "sqlite", "notes": 3_000}


# What is said

POLARS, NUMPY = (condition(held=name, notes=1_000) for name in ("Polars, frame", "NumPy, columns"))
SIZE = {"data": 2_000, "process": 3_000}
USUAL = {
    condition(aggregator="pushdown", **PLACE): 2.0,
    condition(aggregator="rollup", **PLACE): 0.4,
    condition(aggregator="pyramid", **PLACE): 0.1,
    condition(statement=SELECT_1, **PLACE): 0.02,
}


def planted(more: dict[Condition, float]) -> Measured:
    found = Results.create(None)
    timed.raced(found, NOTEBOOK, {"x": {**USUAL, **more}})
    return measured(found, NOTEBOOK, "x")


def test_sentences_say_how_far_the_floor_is_and_who_wins() -> None:
    spans = {1: planted({POLARS: 1.0, NUMPY: 0.01}), 30: planted({POLARS: 1.5, NUMPY: 0.2})}
    said = findings.slow_to_fast(spans, {30: spans[30]}).text
    assert said.startswith("One day: the pyramid takes 101 µs [100, 102], 5.00x [5.00, 5.00] SELECT 1, with a speedup")
    assert "of 20.0x [20.0, 20.0] over pushdown. 30 days: " in said
    assert "30 days on PostgreSQL: " in said
    said = findings.rivals(spans).text
    assert "One day: the fastest raw scan is Polars, frame, the pyramid's speedup over it 10.0x [10.0, 10.0]" in said
    assert "NumPy, columns, its speedup over the pyramid 10.0x [10.0, 10.0]. 30 days" in said
    assert said.endswith("NumPy, columns, the pyramid's speedup over it 2.00x [2.00, 2.00].")


def test_periods_are_one_line_for_each_that_answers() -> None:
    spans = {1: planted({POLARS: 1.0}), 30: planted({POLARS: 1.5})}
    lines = along_days(spans).along("days")
    assert {one.get("held") or one.aggregator or SELECT_1 for one in lines} == {
        "pushdown", "rollup", "pyramid", SELECT_1, "Polars, frame"
    }  # fmt: skip
    assert all(list(days) == [1, 30] for days in lines.values())
    drawn = figures.periods(spans)
    assert "Polars, frame, 30 days 1.52 ms" in drawn.alt  # type: ignore[union-attr]


def test_a_hit_is_told_against_the_pyramid_and_against_the_database() -> None:
    hits = {condition(cache="QueryCache", key=key, **PLACE): 0.002 for key in ("same key", "key from a request")}
    said = findings.cache(planted(hits)).text
    assert "a speedup of 50.0x [50.0, 50.0] over the pyramid" in said
    assert "1,000x [1,000, 1,000] over pushdown" in said
    assert "It saves 99.0 µs [98.0, 100] of a request" in said


# Effects


@pytest.fixture
def seen(tmp_path: Path) -> Evidence:
    found = Results.create(tmp_path / "r.sqlite")
    of = {"aggregator": "pyramid", "engine": "sqlite", "design": "rollup"}
    grown = {condition(**of, notes=notes): 0.1 * notes**0.125 for notes in (10, 1_000, 10_000)}
    timed.raced(found, NOTEBOOK, {period(1): {**USUAL, POLARS: 1.0}, growth("notes"): grown})
    return Evidence(found)


@pytest.mark.parametrize(
    ("effect", "value"),
    [
        (lambda seen: effects.of_pyramid(seen, 1, "pushdown"), 20.0),
        (lambda seen: effects.of_pyramid(seen, 1, "naive"), None),  # skipped
        (lambda seen: effects.of_pyramid(seen, 1, "pushdown", server=True), None),
        (lambda seen: effects.of_floor(seen, 1), 5.0),
        (lambda seen: effects.over_rival(seen, 1, "Polars, frame"), 10.0),
        (lambda seen: effects.over_rival(seen, 1, "pandas, frame"), None),  # not installed
        (lambda seen: effects.over_rival(seen, 30, "Polars, frame"), None),
        (lambda seen: effects.exponent(seen), 0.125),
    ],
)
def test_effects(seen: Evidence, effect: Callable[[Evidence], object], value: float | None) -> None:
    found = effect(seen)
    assert found is None if value is None else found.value == pytest.approx(value, rel=1e-4)  # type: ignore[attr-defined]


def test_what_is_fitted_are_the_exponents_of_what_grew(tmp_path: Path) -> None:
    found = Results.create(tmp_path / "r.sqlite")
    assert fits(found) == {}
    of = {"aggregator": "rollup", "engine": "sqlite", "design": "rollup", "notes": 500}
    grown = {condition(**of, tenants=tenants): 0.1 * tenants**0.5 for tenants in (10, 100)}
    timed.raced(found, NOTEBOOK, {growth("tenants"): grown})
    [(key, one)] = fits(found).items()
    assert key[:2] == (NOTEBOOK, "growth/tenants")
    assert one.value == pytest.approx(0.5, rel=1e-4)


def test_an_effect_of_a_name_that_is_none_is_an_error_and_no_lack_of_evidence(seen: Evidence) -> None:
    with pytest.raises(LookupError, match="no such rival"):
        effects.over_rival(seen, 1, "Polars")
    with pytest.raises(LookupError, match="none of those that grow"):
        effects.exponent(seen, "naive")
    assert effects.sizes(seen) == [1_000, 10_000]


def test_one_copy_of_the_notes_serves_all(where: Place) -> None:
    assert isinstance(where.notes, RolledUp)
    assert where.notes.url(where.notes.best_design) == where.notes.url(where.notes.design_for("pushdown") or "")
    made = [file.stem for file in where.folder.iterdir() if file.stem.startswith(where.notes._name)]
    assert sorted(made) == [where.notes._name, f"{where.notes._name}-rollup"]
