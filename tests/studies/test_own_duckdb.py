"""Somebody's own DuckDB: it is served by what DuckDB has, sampled into DuckDB, and named in no result."""

from functools import partial
from pathlib import Path

import pytest

from carenotes.aggregators import naive
from carenotes.backends import backend_of, parsed
from carenotes.lab.conditions import condition
from carenotes.lab.configurations.client import Client
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.own import OwnNotes
from carenotes.lab.notes.stored import facts
from carenotes.lab.results.store import Results
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.study import Study
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.verdicts import Evidence
from carenotes.original.decisions import verdicts
from carenotes.queries import StatsQuery
from carenotes.seeding import SeedSpec
from carenotes.studies.concurrency import experiment, readers_and_writers
from carenotes.studies.concurrency.experiment import ASYNC, IN_THE_LOOP, THREADS
from carenotes.studies.concurrency.readers_and_writers import READERS_AND_WRITERS, Writers
from carenotes.studies.dataset_size import effects
from carenotes.studies.dataset_size import experiment as dataset_size

pytestmark = pytest.mark.slow  # notebooks, each whole

SPEC = SeedSpec(1_500, tenants=3, facilities=3, patients=5, days=10)


@pytest.fixture
def own(tmp_path: Path) -> OwnNotes:
    for name in ("theirs", "copies"):
        (tmp_path / name).mkdir()
    made = SeededNotes(SPEC, tmp_path / "theirs", "duckdb")
    return OwnNotes(made.url("none"), tmp_path / "copies", 1_000)


def test_an_engine_without_an_async_driver_is_served_by_the_others(
    own: OwnNotes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers_and_writers, "_ENGINES", ("sqlite", "duckdb"))
    study, notes = Study(experiment.NOTEBOOK, str(tmp_path / "r.sqlite")), own
    sizes = experiment.Sizes([1, 4], 8, [1, 2], 4, 5, 500, 8, Writers(8, 50, [1, 4]))
    found = experiment.measured(study, notes, notes, 1, sizes, 1)
    assert {name for name, one in found.items() if one.failed or one.samples.empty} == set()
    written = found.pop(READERS_AND_WRITERS)  # of a sample, which may be anywhere
    assert {"duckdb", "sqlite"} <= set(written.values("engine"))
    served = {one.get("service") for of in found.values() for one in of.conditions.values()} - {None}
    assert served == {IN_THE_LOOP, THREADS}
    assert {one.engine for of in found.values() for one in of.conditions.values()} == {"duckdb"}
    seeded = SeededNotes(SPEC, tmp_path)
    assert experiment.services_of(seeded) == (IN_THE_LOOP, THREADS, ASYNC)


def test_its_sample_is_a_duckdb_of_our_own_that_holds_the_same_notes(own: OwnNotes, tmp_path: Path) -> None:
    sample = own.sample()
    assert (sample.backend, sample.population.notes) == ("duckdb", 1_000)
    file = backend_of(sample.url("none")).file(sample.url("none"))
    assert file
    assert file.parent == tmp_path / "copies"
    assert facts(sample.resized(1_500))["digest"] == facts(own)["digest"]


def test_claims_about_growth_are_judged_on_it_and_on_the_design_that_is_best_there(
    own: OwnNotes, tmp_path: Path
) -> None:
    study, notes = Study(dataset_size.NOTEBOOK, str(tmp_path / "r.sqlite")), own.sample()
    found = dataset_size.measured(study, notes, [100, 500], 100, [1], 1, 1)
    assert {one.failed for one in found.values()} == {()}
    dataset_size.isolation(study, notes)
    results = Results.read(tmp_path / "r.sqlite")
    assert effects.place(Evidence(results)) == ("duckdb", "none")
    effect = effects.at_most_notes(Evidence(results))
    assert effect
    growth = found[dataset_size.GROWTH]
    fast, first = (
        growth.of(aggregator=name, engine="duckdb", design="none", notes=500) for name in ("pushdown", "naive")
    )
    assert effect == times(growth, fast, first)
    [(claim, verdict)] = verdicts(results).items()
    assert claim == "large-data"
    assert "pushdown without an index on DuckDB, 100 to 500 notes" in verdict.said
    assert verdict.cost == ""


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_where_a_database_was_is_not_in_what_is_kept_of_an_error(engine: str, tmp_path: Path) -> None:
    gone = parsed(f"{engine}:///{tmp_path / 'their secret' / 'notes.db'}")
    stream = [StatsQuery.on(1, SPEC.last_day)] * 100
    of = condition(aggregator="naive", engine=engine)
    made = Experiment({of: partial(Client, naive, gone, stream, 4)}, lambda *_: [])
    found = Study("x", str(tmp_path / "r.sqlite")).run({"lost": lambda: made}, 1)["lost"]
    assert len(found.failed) == 1
    [error] = Results.read(tmp_path / "r.sqlite").correctness()["error"]
    assert error.startswith("<database>: ")
    assert not [part for part in ("secret", "notes.db", str(tmp_path)) if part in error]
