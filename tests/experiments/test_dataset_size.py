"""How the price grows with the data: what would take too long is skipped and said to be."""

from pathlib import Path

import pytest

from carenotes.experiments import dataset_size
from carenotes.experiments.one_question import ON_DUCKDB
from carenotes.lab.datasets import SeededNotes
from carenotes.lab.study import Study
from carenotes.report import tables
from carenotes.seeding import SeedSpec

SIZES = [200, 500, 1_000]


def test_a_rung_whose_next_size_would_take_too_long_is_skipped_visibly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = {"naive, no index": 1.5}  # seconds a question, measured at each size that is not skipped
    monkeypatch.setattr(dataset_size, "_seconds", lambda one, _: slow.get(one.name.rpartition("/")[0], 0.0))
    study, notes = Study("03_dataset_size"), SeededNotes(SeedSpec(1_000, tenants=3, facilities=3, days=5), tmp_path)
    found = dataset_size.measured(study, notes, SIZES, 200, [1], 1, 2)[dataset_size.GROWTH]
    skipped = {"naive, no index/500": 3.8, "naive, no index/1000": 7.5}  # 1.5 s at 200 notes, in proportion
    assert study.known("growth/skipped") == skipped
    there = set(found.samples["condition"])
    assert not there & set(skipped)
    assert {"naive, no index/200", "naive, covering index/1000"} <= there
    rungs = [*dataset_size.RUNGS, ON_DUCKDB]
    table = tables.dataset_size.growth(found, rungs, SIZES, study.known("growth/skipped"))
    assert "skipped: about" in repr(table)
    assert set(dataset_size.exponents(found, rungs, SIZES)) == set(rungs) - {"naive, no index"}  # a point is no line
