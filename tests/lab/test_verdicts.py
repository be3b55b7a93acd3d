"""A verdict follows from the interval and the smallest effect that matters, and from nothing else."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from carenotes.lab.results.store import Results
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import (
    INCONCLUSIVE,
    REFUTED,
    SUPPORTED,
    Furthest,
    at_least,
    at_most,
    counted,
    furthest,
)
from carenotes.original.claims import CLAIMS, ORIGINAL_FIGURES, Claim
from carenotes.original.decisions import VERDICTS, verdicts
from carenotes.studies.performance_report.claims_tables import ledger
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("interval", "least", "most"),
    [
        ((2.0, 3.0), SUPPORTED, REFUTED),
        ((1.5, 3.0), SUPPORTED, INCONCLUSIVE),  # at least 1.5 is as large as asked for
        ((1.0, 2.0), INCONCLUSIVE, INCONCLUSIVE),
        ((1.0, 1.5), INCONCLUSIVE, SUPPORTED),
        ((1.0, 1.4), REFUTED, SUPPORTED),
        (None, INCONCLUSIVE, INCONCLUSIVE),  # too few rounds
    ],
)
def test_the_word_follows_from_the_interval(interval: tuple[float, float] | None, least: str, most: str) -> None:
    effect = Estimate(1.4, interval, 12)
    assert at_least(effect, 1.5).word == least
    assert at_most(effect, 1.5).word == most


def test_a_count_decides_by_itself() -> None:
    assert [counted(True, "").word, counted(False, "").word] == [SUPPORTED, REFUTED]


def test_there_are_39_claims_each_with_what_decides_it() -> None:
    assert len(CLAIMS) == len({one.id for one in CLAIMS}) == 39
    assert set(VERDICTS) <= {one.id for one in CLAIMS}
    needed = {one.name for one in fields(Claim)} - {"contested", "untested"}
    assert all(getattr(one, name) for one in CLAIMS for name in needed)


def test_what_the_audit_contests_is_marked_wherever_the_verdict_stands() -> None:
    contested = {"large-data", "parameters", "hit-speedup", "batch-5000", "index-tenant", "ttl"}
    assert {one.id for one in CLAIMS if one.contested} == contested
    shown = ledger({name: counted(True, "so it is") for name in VERDICTS})
    rows = {row[0]: row for row in shown.rows}  # type: ignore[union-attr]
    marked = {name for name, row in rows.items() if row[4].endswith(", contested")}
    assert marked == contested
    assert all("Contested: " in rows[name][3] for name in marked)


def test_the_figures_of_the_claims_stand_in_one_place() -> None:
    assert ORIGINAL_FIGURES["hit"]["speedup"] == 2_813
    figures = {float(one) for table in ORIGINAL_FIGURES.values() for one in table.values()}
    # As they are or in milliseconds, those that are not said of other things as well.
    distinctive = {
        one for one in figures | {1_000 * one for one in figures} if len(f"{one:g}".replace(".", "").strip("0")) > 2
    }
    for file in (ROOT / "carenotes").rglob("*.py"):
        numbers = {
            float(re.sub("[_,]", "", one)) for one in re.findall(r"\d(?:[\d_,]*\d)?(?:\.\d+)?", file.read_text())
        }
        assert not numbers & distinctive, file


def test_without_results_nothing_is_decided(tmp_path: Path) -> None:
    assert verdicts(Results.create(tmp_path / "r.sqlite")) == {}


def test_the_furthest_of_effects_has_the_interval_that_follows_from_theirs_and_names_whose_it_is() -> None:
    one, other = Estimate(1.2, (1.0, 1.4), 12), Estimate(1.3, (0.8, 2.0), 11)
    both = {"one": one, "other": other}
    assert furthest(both, max) == Furthest(1.3, (1.0, 2.0), 11, 2, "other", ("one", "other"))
    assert furthest(both, min) == Furthest(1.2, (0.8, 1.4), 11, 2, "one", ("other", "one"))
    assert furthest(both, max).named == "other; ends of the interval: one; other"
    assert furthest({"one": one, "other": Estimate(2.0, None, 3)}, max) == Furthest(2.0, None, 3, 2, "other", None)
    assert furthest({"one": one}, max).named == "one"
    narrow = {"wide": Estimate(1.3, (0.8, 1.4), 12), "narrow": Estimate(1.2, (1.0, 1.5), 12)}
    assert furthest(narrow, max).named == "wide; both ends of the interval: narrow"


def test_the_data_file_is_plain() -> None:
    raw = json.loads((ROOT / "carenotes" / "original" / "claims.json").read_text())
    assert [one["id"] for one in raw] == [one.id for one in CLAIMS]
