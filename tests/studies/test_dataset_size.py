"""How the price grows with the data: what would take too long is skipped and said to be."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure as Canvas

from carenotes.lab.notes.datasets import SeededNotes
from carenotes.lab.runner.study import Measured, Study
from carenotes.seeding import SeedSpec
from carenotes.studies.dataset_size import experiment as dataset_size
from carenotes.studies.dataset_size import figures as growth_figures
from carenotes.studies.dataset_size import findings, tables
from carenotes.studies.one_query.experiment import ON_DUCKDB

SIZES = [200, 500, 1_000]


@pytest.mark.slow
def test_a_rung_whose_next_size_would_take_too_long_is_skipped_visibly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = {"naive, no index": 1.5}  # seconds a query, measured at each size that is not skipped
    monkeypatch.setattr(dataset_size, "_seconds", lambda one, _: slow.get(one.name.rpartition("/")[0], 0.0))
    study, notes = Study("03_dataset_size"), SeededNotes(SeedSpec(1_000, tenants=3, facilities=3, days=5), tmp_path)
    found = dataset_size.measured(study, notes, SIZES, 200, [1], 1, 2)[dataset_size.GROWTH]
    skipped = {"naive, no index/500": 3.8, "naive, no index/1000": 7.5}  # 1.5 s at 200 notes, in proportion
    assert study.known("growth/skipped") == skipped
    there = set(found.samples["condition"])
    assert not there & set(skipped)
    assert {"naive, no index/200", "naive, covering index/1000"} <= there
    configurations = [*dataset_size.CONFIGURATIONS, ON_DUCKDB]
    table = tables.growth(found, configurations, SIZES, study.known("growth/skipped"))
    assert "skipped: about" in repr(table)
    assert set(dataset_size.lines(found, configurations, SIZES)) == set(configurations) - {
        "naive, no index"
    }  # a point is no line
    assert set(dataset_size.last_decade(found, configurations, SIZES)) == set(configurations) - {"naive, no index"}


GROWN = [1_000, 10_000, 50_000, 100_000]
PLANTED = {  # seconds at a number of notes
    "naive, no index": lambda n: 1e-7 * n,
    "naive, covering index": lambda n: 1e-3 if n < 10_000 else 1e-9 * n**1.5,
    "pushdown, covering index": lambda n: 1e-4 + 1e-10 * n,
}


def grown(sizes: list[int] = GROWN, rounds: int = 12, noise: float = 0.02) -> Measured:
    """Rungs that grow as planted, but for noise."""
    random = np.random.default_rng(7)
    rows = [
        {
            "condition": f"{configuration}/{n}",
            "round": number,
            "part": 0,
            "units": 10,
            "elapsed_ns": 1e10 * seconds(n) * np.exp(random.normal(scale=noise)),
        }
        for number in range(rounds)
        for configuration, seconds in PLANTED.items()
        for n in sizes
    ]
    samples = pd.DataFrame(rows)
    return Measured(samples, pd.DataFrame(), tuple(PLANTED), (), samples.iloc[:0], ())


def test_the_power_is_that_of_the_last_decade_whatever_was_before_it() -> None:
    assert dataset_size.decade([5, 9, 10, 99, 100]) == [10, 99, 100]
    powers = dataset_size.last_decade(grown(noise=0.0), list(PLANTED), GROWN)
    assert powers["naive, covering index"].value == pytest.approx(1.5)
    assert dataset_size.last_decade(grown(), list(PLANTED), [10, 100_000]) == {}  # one size is no growth


def test_a_price_that_is_not_told_from_nothing_is_said_to_be_and_has_no_value() -> None:
    free, _, told = tables.growth(grown(), list(PLANTED), GROWN).rows
    assert free[3].startswith("not told from 0: at most ")
    assert told[3].startswith("99.2 µs [")  # 100, planted
    assert free[4].startswith("99.6 ns [")
    assert "power from 10,000 notes on" in repr(tables.growth(grown(), list(PLANTED), GROWN))
    few = tables.growth(grown(rounds=5), list(PLANTED), GROWN).rows
    assert {row[3] for row in few} == {row[4] for row in few} == {"not known: too few rounds"}


def test_the_sentence_tells_the_last_decade_and_the_prices_of_the_fastest() -> None:
    said = findings.growth(grown(), list(PLANTED), GROWN).text
    assert "From 10,000 to 100,000 notes" in said
    assert "naive, covering index grows as the notes to the power of 1." in said
    assert "Its fixed price: 99.2 µs [" in said
    with_gap = [1_000, 100_000]
    assert "power" not in findings.growth(grown(with_gap), list(PLANTED), with_gap).text


def test_no_line_is_drawn_beyond_the_data_and_every_label_stands_inside_the_axes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Canvas] = []
    monkeypatch.setattr(growth_figures, "finish", lambda canvas, *_: drawn.append(canvas))
    alike = dict.fromkeys(PLANTED, lambda n: 1e-7 * n)  # all lines end in one point, the highest
    for planted in (PLANTED, alike):
        monkeypatch.setitem(globals(), "PLANTED", planted)
        growth_figures.growth(grown(), list(planted), GROWN)
        growth_figures.widths(grown(), list(planted), GROWN)
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
