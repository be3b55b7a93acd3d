"""The first answer is made of what was measured: DDL and SQL that run, gains and prices; ten lines at most."""

import re
import sqlite3
from datetime import date
from pathlib import Path

import pytest

from carenotes import StatsQuery, open_database
from carenotes.aggregators import pushdown
from carenotes.backends import create_database
from carenotes.lab.conditions import SELECT_1, condition
from carenotes.lab.results.store import Results
from carenotes.lab.runner.study import Study
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import REFUTED, SUPPORTED, Verdict
from carenotes.report.finding import NOT_MEASURED
from carenotes.report.runs.run import RESULTS, Outcome
from carenotes.seeding import SeedSpec, load
from carenotes.studies.performance_report.first_answer import FirstAnswer, first_answer
from carenotes.studies.performance_report.summary import Run
from carenotes.studies.upkeep.ways import INDEX, MARKED, NOTHING
from carenotes.studies.upkeep.writes import ONE_BY_ONE
from tests.lab.timed import raced

pytestmark = pytest.mark.slow  # for the run that they look at


@pytest.fixture
def of_run(run: Outcome) -> FirstAnswer:
    found = Run(str(run.page.parent / RESULTS)).first()
    assert isinstance(found, FirstAnswer)
    return found


def code(found: FirstAnswer, start: str) -> str:
    [line] = [one.code for one in found.lines if one.code.startswith(start)]
    return line


def test_it_has_ten_lines_at_most_and_opens_the_page(of_run: FirstAnswer, run: Outcome) -> None:
    assert 3 <= len(of_run.lines) <= 10
    page = run.page.read_text()
    assert page.index('<ol class="first">') < page.index("<svg")
    assert "1,000 notes of 20 tenants" in of_run.lines[0].words


def test_its_ddl_and_its_sql_run_as_they_stand_and_answer_rightly(of_run: FirstAnswer, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    engine = create_database(f"sqlite:///{file}")
    load(engine, SeedSpec(2_000))
    engine.dispose()
    connection = sqlite3.connect(file)
    connection.execute(code(of_run, "CREATE INDEX"))
    day = date(2026, 6, 29)
    values = {"tenant_id": 3, "first_moment": f"{day} 00:00:00.000000", "last_moment": f"{day} 23:59:59.999999"}
    rows = connection.execute(code(of_run, "SELECT"), values).fetchall()
    connection.close()
    with open_database(f"sqlite:///{file}").connect() as asked:
        right = pushdown(asked, StatsQuery.on(3, day))
    counted = sum(row[3] for row in rows) if "count(" in code(of_run, "SELECT").lower() else len(rows)
    assert counted == right.total_notes > 0


Timed = dict[tuple[str, str], float]  # milliseconds, by aggregator and design


def results(file: Path, *, insert: float = 2.0, designs: Timed) -> Results:
    """A run whose conditions take so many milliseconds."""
    study = Study("02_one_query", str(file), long_days=30)
    empty = dict.fromkeys(("first_day", "last_day", "indexes", "settings", "digest"), "")
    study.dataset("asked", lambda: {"notes": 5_000, "tenants": 7, "facilities": 3, **empty})
    for design in ("none", "date", "covering"):
        study.fact(f"ddl/{design}", lambda design=design: [f"CREATE INDEX {design} ON care_notes (x)"])
        study.fact(f"bytes/{design}", lambda design=design: {"none": 100, "date": 120, "covering": 150}[design])
    for name in ("naive", "single_pass", "pushdown"):
        study.fact(f"sql/{name}", lambda name=name: f"SELECT {name}\nFROM care_notes")
    by_design = {condition(aggregator=name, engine="sqlite", design=design): one
                 for (name, design), one in designs.items()}  # fmt: skip
    # What stands beside them in the experiment is no answer to give: the floor, and a measure taken away.
    by_design[condition(engine="sqlite", design="covering", statement=SELECT_1)] = 0.01
    by_design[condition(aggregator="pushdown", engine="sqlite", design="covering", statements="compiled anew")] = 0.02
    inserts = {condition(design=one): each for one, each in {"none": 1.0, "date": 1.5, "covering": insert}.items()}
    found = Results.create(file)
    raced(found, "02_one_query", {"designs": by_design, "inserts": inserts})
    return found


FAST: Timed = {
    ("naive", "none"): 100.0,
    ("naive", "date"): 10.0,
    ("naive", "covering"): 10.0,
    ("pushdown", "none"): 90.0,
}


def said(file: Path, changes: Timed) -> list[str]:
    found = first_answer(results(file, designs=FAST | changes), {})
    assert isinstance(found, FirstAnswer)
    return [f"{one.words} {one.code}" for one in found.lines]


ON_DATE, ON_COVERING, COLUMNS = ("pushdown", "date"), ("pushdown", "covering"), ("single_pass", "covering")


def test_the_larger_index_is_named_only_where_it_is_seen_to_be_faster(tmp_path: Path) -> None:
    larger = said(tmp_path / "a", {ON_DATE: 4.0, ON_COVERING: 1.0, COLUMNS: 2.0})
    assert "CREATE INDEX covering" in larger[1]
    assert "a speedup of 10.0x [10.0, 10.0] for the same code. Price: the file is 1.50x as large" in larger[1]
    assert "takes 2.00x [2.00, 2.00] the time" in larger[1]
    cheap = said(tmp_path / "b", {ON_DATE: 1.0, ON_COVERING: 1.0})
    assert "CREATE INDEX date" in cheap[1]
    assert "takes 1.50x" in cheap[1]


def test_the_statement_is_that_of_the_aggregator_that_was_fastest(tmp_path: Path) -> None:
    grouped = said(tmp_path / "a", {ON_DATE: 9.0, ON_COVERING: 1.0, COLUMNS: 2.0})
    assert "SELECT pushdown FROM care_notes;" in grouped[2]
    assert "(pushdown): a speedup of 10.0x" in grouped[2]
    columns = said(tmp_path / "b", {ON_DATE: 9.0, ON_COVERING: 2.0, COLUMNS: 1.0})
    assert "SELECT single_pass FROM care_notes;" in columns[2]


def test_a_hit_is_compared_with_the_best_answer_without_a_cache(tmp_path: Path) -> None:
    found = results(tmp_path / "r", designs=FAST | {ON_DATE: 9.0, ON_COVERING: 1.0})
    of_original = {"engine": "sqlite", "design": "original", "notes": 7}
    hits = {
        condition(aggregator="original_first", **of_original, pause="without its pause"): 40.0,
        condition(aggregator="naive", engine="sqlite", design="covering", notes=7): 20.0,
        condition(aggregator="pushdown", engine="sqlite", design="covering", notes=7): 1.0,
        condition(cache="QueryCache"): 0.01,
        condition(cache="the original's"): 0.02,
    }
    raced(found, "04_cache", {"hit speedup": hits})
    answer = first_answer(found, {})
    assert isinstance(answer, FirstAnswer)
    assert "a hit takes 10.1 µs [10.0, 10.2], a speedup of 100x [100, 100]" in answer.lines[-1].words


def test_a_rollup_is_named_with_what_it_gives_over_each_period_and_what_a_write_costs(tmp_path: Path) -> None:
    found = results(tmp_path / "r", designs=FAST | {ON_DATE: 9.0, ON_COVERING: 1.0})
    study = Study("06_rollups", str(tmp_path / "r"), days=[1, 30, 364])
    times = {1: (0.1, 0.2), 30: (0.1, 1.0), 364: (0.1, None)}  # milliseconds of the pyramid, and of pushdown
    for days, (fast, slow) in times.items():
        both = {condition(aggregator="pyramid", engine="sqlite"): fast}
        both |= {condition(aggregator="pushdown", engine="sqlite"): slow} if slow else {}
        raced(found, study.notebook, {f"period/{days} d": both})
    kept = Study("08_upkeep", str(tmp_path / "r"))
    kept.fact("engines", lambda: ["sqlite"])
    kept.fact("bytes/sqlite", lambda: {NOTHING: 1_000, MARKED: 230})
    there = {"engine": "sqlite", "notes": 7, "act": ONE_BY_ONE}
    raced(found, kept.notebook, {"writes": {condition(**there, kept=MARKED): 3.0, condition(**there, kept=INDEX): 1.0}})
    answer = first_answer(found, {})
    assert isinstance(answer, FirstAnswer)
    assert "a speedup of 10.0x [10.0, 10.0] over 30 days against grouping" in answer.lines[-1].words
    assert "an insert takes 3.00x [3.00, 3.00] the time, and 23.0 % of the bytes" in answer.lines[-1].words


def test_what_is_refuted_is_not_worth_doing_and_what_is_supported_is_not_named(tmp_path: Path) -> None:
    effect = Estimate(1.02, (0.98, 1.06), 12)
    verdicts = {"index-patient": Verdict(REFUTED, effect), "pooled": Verdict(SUPPORTED, effect)}
    designs = {**FAST, ON_DATE: 4.0, ON_COVERING: 1.0}
    found = first_answer(results(tmp_path / "r", designs=designs), verdicts)
    assert isinstance(found, FirstAnswer)
    assert found.lines[-1].words == (
        "Not worth doing here, each with its speedup: an index on patients (1.02x [0.980, 1.06])."
    )


def test_without_measurements_there_is_none(tmp_path: Path) -> None:
    assert first_answer(Results.create(tmp_path / "r"), {}) is NOT_MEASURED


def test_as_markdown_each_line_is_an_item_and_code_stands_beneath_it(of_run: FirstAnswer) -> None:
    text = of_run.markdown()
    assert re.match(r"1\. Measured: ", text)
    assert "   ```sql\n   CREATE INDEX" in text
