"""How the time of a query grows with the data: what would take too long is skipped and said to be."""

from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure as Canvas

from carenotes.lab.comparison import Entry
from carenotes.lab.conditions import Condition, condition, labels
from carenotes.lab.notes.datasets import SeededNotes
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Study
from carenotes.queries import StatsQuery
from carenotes.seeding import SeedSpec
from carenotes.studies.dataset_size import experiment as dataset_size
from carenotes.studies.dataset_size import figures as growth_figures
from carenotes.studies.dataset_size import findings, tables

SIZES = [200, 500, 1_000]


def of(aggregator: str, design: str, engine: str = "sqlite", **more: int) -> Condition:
    return condition(aggregator=aggregator, engine=engine, design=design, **more)


FIRST, COVERED, FAST = of("naive", "none"), of("naive", "covering"), of("pushdown", "covering")
CONFIGURATIONS = {*(of(*one) for one in dataset_size.GROWING), of("pushdown", "none", "duckdb")}


def test_a_configuration_whose_next_size_would_take_too_long_is_skipped_visibly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds(one: Entry, _query: StatsQuery) -> float:
        """Of a query, at each size that is not skipped."""
        return 1.5 if one.condition.without("notes") == FIRST else 0.0

    monkeypatch.setattr(dataset_size, "_seconds", seconds)
    study, notes = Study("03_dataset_size"), SeededNotes(SeedSpec(1_000, tenants=3, facilities=3, days=5), tmp_path)
    found = dataset_size.measured(study, notes, SIZES, 200, [1], 1, 2)[dataset_size.GROWTH]
    skipped = {of("naive", "none", notes=500): 3.8, of("naive", "none", notes=1_000): 7.5}  # 1.5 s at 200 notes
    assert dataset_size.skipped(study) == skipped
    there = {found.conditions[label] for label in found.samples["condition"]}
    assert not there & set(skipped)
    assert {of("naive", "none", notes=200), of("naive", "covering", notes=1_000)} <= there
    row = tables.growth(found, dataset_size.skipped(study)).rows[0]
    assert row[0].startswith("naive, no index")
    assert row[2] == "skipped: about 7.5 s a query"
    assert set(dataset_size.lines(found)) == CONFIGURATIONS - {FIRST}  # a point is no line
    assert set(dataset_size.last_decade(found)) == CONFIGURATIONS - {FIRST}


GROWN = [1_000, 10_000, 50_000, 100_000]
Planted = Mapping[Condition, Callable[[int], float]]
PLANTED: Planted = {  # seconds at a number of notes
    FIRST: lambda n: 1e-7 * n,
    COVERED: lambda n: 1e-3 if n < 10_000 else 1e-9 * n**1.5,
    FAST: lambda n: 1e-4 + 1e-10 * n,
}


def grown(
    sizes: list[int] = GROWN, rounds: int = 12, noise: float = 0.02, planted: Planted = PLANTED, along: str = "notes"
) -> Measured:
    """Conditions that grow as planted along a field, but for noise."""
    random = np.random.default_rng(7)
    there = labels(condition(**one.fields() | {along: n}) for one in planted for n in sizes)
    rows = [
        {
            "condition": label,
            "round": number,
            "part": 0,
            "units": 10,
            "elapsed_ns": 1e10 * planted[one.without(along)](one.get(along)) * np.exp(random.normal(scale=noise)),
        }
        for number in range(rounds)
        for label, one in there.items()
    ]
    samples = pd.DataFrame(rows)
    return Measured(samples, pd.DataFrame(), tuple(there), (), samples.iloc[:0], (), conditions=there)


def test_the_exponent_is_that_of_the_last_decade_whatever_was_before_it() -> None:
    assert dataset_size.decade([5, 9, 10, 99, 100]) == [10, 99, 100]
    exponents = dataset_size.last_decade(grown(noise=0.0))
    assert exponents[COVERED].value == pytest.approx(1.5)
    assert dataset_size.last_decade(grown([10, 100_000])) == {}  # one size is no growth


def test_a_time_that_cannot_be_told_from_nothing_is_said_to_be_and_has_no_value() -> None:
    free, _, told = tables.growth(grown(), {}).rows
    assert free[3].startswith("not told from 0: at most ")
    assert told[3].startswith("99.2 µs [")  # 100, planted
    assert free[4].startswith("99.6 ns [")
    assert "exponent from 10,000 notes on" in repr(tables.growth(grown(), {}))
    few = tables.growth(grown(rounds=5), {}).rows
    assert {row[3] for row in few} == {row[4] for row in few} == {"not known: too few rounds"}


def test_the_finding_tells_the_last_decade_and_the_times_of_the_fastest() -> None:
    said = findings.growth(grown()).text
    assert "From 10,000 to 100,000 notes" in said
    assert "naive, covering index has the largest scaling exponent, 1." in said
    assert "Its fixed time: 99.2 µs [" in said
    assert "exponent" not in findings.growth(grown([1_000, 100_000])).text


def test_no_line_is_drawn_beyond_the_data_and_every_label_stands_inside_the_axes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Canvas] = []
    monkeypatch.setattr(growth_figures, "finish", lambda canvas, *_: drawn.append(canvas))
    alike: Planted = dict.fromkeys(PLANTED, lambda n: 1e-7 * n)  # all lines end in one point, the highest
    for planted in (PLANTED, alike):
        growth_figures.growth(grown(planted=planted))
        growth_figures.row_size(grown(planted=planted, along="characters"))
    for canvas in drawn:
        canvas.draw_without_rendering()
        [axes] = canvas.axes
        assert max(float(np.max(line.get_xdata())) for line in axes.lines) == GROWN[-1]
        boxes = [text.get_window_extent() for text in axes.texts]
        assert len(boxes) == len(PLANTED)
        assert all(axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1 for box in boxes)
        assert all(axes.bbox.y0 <= box.y0 < box.y1 <= axes.bbox.y1 for box in boxes)
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert [len(drawn), drawn[0].axes[0].texts[0].get_text()] == [4, "pushdown, covering index (0.04)"]
