"""How time grows with the data: what would take too long is skipped and said to be."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure as Canvas

from carenotes.lab.conditions import Condition, condition, labels
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Study
from carenotes.lab.statistics import growth
from carenotes.seeding import SeedSpec
from carenotes.studies.dataset_size import experiment as dataset_size
from carenotes.studies.dataset_size import figures as growth_figures
from carenotes.studies.dataset_size import findings, tables
from carenotes.studies.dataset_size.fits import fits
from tests.original.planted import raced

SIZES = [200, 500, 1_000]
SLOW = condition(aggregator="naive", engine="sqlite", design="none")


@pytest.mark.slow
def test_a_configuration_whose_next_size_would_take_too_long_is_skipped_visibly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds(one: dataset_size.Entry, _query: object) -> float:
        """Measured at each size that is not skipped."""
        return 1.5 if one.condition.without("notes") == SLOW else 0.0

    monkeypatch.setattr(dataset_size, "_seconds", seconds)
    study, notes = Study("03_dataset_size"), SeededNotes(SeedSpec(1_000, tenants=3, facilities=3, days=5), tmp_path)
    found = dataset_size.measured(study, notes, SIZES, 200, [1], 1, 2)[dataset_size.GROWTH]
    skipped = dataset_size.skipped(study)
    at = {one.notes: seconds for one, seconds in skipped.items()}
    assert at == {500: 3.8, 1_000: 7.5}  # 1.5 s at 200 notes, in proportion
    assert {one.without("notes") for one in skipped} == {SLOW}
    assert not skipped.keys() & set(found.conditions.values())
    by_size = found.along("notes")
    assert {one: list(there) for one, there in by_size.items()} == {
        one: SIZES[:1] if one == SLOW else SIZES for one in by_size
    }
    assert len(by_size) == len(dataset_size.configurations("sqlite"))
    assert found.controls[0] == found.of(aggregator="naive", design="covering", notes=1_000)
    rows = {row[0]: row for row in tables.growth(found, skipped).rows}
    assert rows["naive, no index, SQLite"][2] == "skipped: about 7.5 s a query"
    assert sum("skipped" in cell for row in rows.values() for cell in row) == 1
    assert by_size.keys() - growth.lines(found).keys() == {SLOW}  # a point is no line
    assert by_size.keys() - growth.last_decade(found).keys() == {SLOW}


GROWN = [1_000, 10_000, 50_000, 100_000]
PLANTED = {  # seconds at a number of notes
    SLOW: lambda n: 1e-7 * n,
    condition(aggregator="naive", engine="sqlite", design="covering"): (
        lambda n: 1e-3 if n < 10_000 else 1e-9 * n**1.5
    ),
    condition(aggregator="pushdown", engine="sqlite", design="covering"): lambda n: 1e-4 + 1e-10 * n,
}
SUPERLINEAR = list(PLANTED)[1]


def grown(sizes: list[int] = GROWN, rounds: int = 12, noise: float = 0.02, along: str = "notes") -> Measured:
    """Configurations that grow as planted along a field, but for noise."""
    random = np.random.default_rng(7)
    by_label = labels(condition(**one.fields(), **{along: n}) for one in PLANTED for n in sizes)
    rows = [
        {
            "condition": label,
            "round": number,
            "part": 0,
            "units": 10,
            "elapsed_ns": 1e10 * PLANTED[one.without(along)](one.get(along)) * np.exp(random.normal(scale=noise)),
        }
        for number in range(rounds)
        for label, one in by_label.items()
    ]
    return Measured(pd.DataFrame(rows), pd.DataFrame(), tuple(by_label), conditions=by_label)


def test_the_exponent_is_that_of_the_last_decade_whatever_was_before_it() -> None:
    assert growth.decade([5, 9, 10, 99, 100]) == [10, 99, 100]
    exponents = growth.last_decade(grown(noise=0.0))
    assert exponents[SUPERLINEAR].value == pytest.approx(1.5)
    assert growth.last_decade(grown([10, 100_000])) == {}  # one size is no growth


def test_a_time_that_does_not_differ_from_nothing_is_said_not_to_and_has_no_value() -> None:
    free, _, known = tables.growth(grown(), {}).rows
    assert free[3].startswith("not different from 0: at most ")
    assert known[3].startswith("99.2 µs [")  # 100, planted
    assert free[4].startswith("99.6 ns [")
    assert "exponent from 10,000 notes on" in repr(tables.growth(grown(), {}))
    few = tables.growth(grown(rounds=5), {}).rows
    assert {row[3] for row in few} == {row[4] for row in few} == {"not known: too few rounds"}


def test_the_sentence_gives_the_last_decade_and_the_law_of_the_fastest() -> None:
    said = findings.growth(grown()).text
    assert "From 10,000 to 100,000 notes" in said
    assert "naive, covering index has the largest scaling exponent, 1." in said
    assert "At 100,000 notes pushdown, covering index is the fastest" in said
    assert "Its fixed time: 99.2 µs [" in said
    assert "exponent" not in findings.growth(grown([1_000, 100_000])).text


def test_longer_texts_are_compared_with_the_shortest() -> None:
    said = findings.row_size(grown([1, 10, 100], along="characters")).text
    assert said.startswith("With texts of 100 characters instead of 1, the time of a query: naive, no index 10")
    assert "pushdown, covering index " in said


def test_the_subject_of_a_law_is_the_label_of_its_configuration(tmp_path: Path) -> None:
    times: dict[Condition, float] = {condition(**SLOW.fields(), notes=n): 1e-4 * n for n in GROWN}
    times |= {condition(aggregator="pushdown", engine="duckdb", design="none", notes=n): 1.0 for n in GROWN}
    found = fits(raced(tmp_path / "r.sqlite", "03_dataset_size", "growth", times))
    assert {key[:3] for key in found} == {
        ("03_dataset_size", "growth", subject) for subject in ("naive, SQLite", "pushdown, DuckDB")
    } | {("03_dataset_size", "growth", subject) for subject in ()}
    assert len(found) == 2 * 3


def test_no_line_is_drawn_beyond_the_data_and_every_label_stands_inside_the_axes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Canvas] = []
    monkeypatch.setattr(growth_figures, "finish", lambda canvas, *_: drawn.append(canvas))
    alike = dict.fromkeys(PLANTED, lambda n: 1e-7 * n)  # all lines end in one point, the highest
    for planted in (PLANTED, alike):
        monkeypatch.setitem(globals(), "PLANTED", planted)
        growth_figures.growth(grown())
        growth_figures.row_size(grown(along="characters"))
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
