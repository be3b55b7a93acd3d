"""The first answer is made of what was measured: DDL and SQL that run, gains and prices; ten lines at most."""

import re
import sqlite3
from datetime import date
from pathlib import Path

import pytest

from carenotes import StatsQuery, open_database
from carenotes.aggregators import pushdown
from carenotes.backends import create_database
from carenotes.lab.results.store import Results
from carenotes.lab.runner.study import Study
from carenotes.lab.runner.workers import Sample
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import REFUTED, SUPPORTED, Verdict
from carenotes.report.finding import NOT_MEASURED
from carenotes.report.runs.run import RESULTS, Outcome
from carenotes.seeding import SeedSpec, load
from carenotes.studies.performance_report.first_answer import FirstAnswer, first_answer
from carenotes.studies.performance_report.summary import Run


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


def results(file: Path, *, rounds: int = 12, insert: float = 2.0, **plans: float) -> Results:
    """A run whose conditions take so many milliseconds; index plans are named with a dash in the place of a slash."""
    study = Study("02_one_query", str(file), long_days=30)
    facts = {
        "notes": 5_000,
        "tenants": 7,
        "facilities": 3,
        "first_day": "",
        "last_day": "",
        "indexes": "",
        "digest": "",
    }
    study.dataset("asked", lambda: {**facts, "settings": ""})
    for plan in ("none", "date", "covering"):
        study.fact(f"ddl/{plan}", lambda plan=plan: [f"CREATE INDEX {plan} ON care_notes (x)"])
        study.fact(f"bytes/{plan}", lambda plan=plan: {"none": 100, "date": 120, "covering": 150}[plan])
    for name in ("naive", "single_pass", "pushdown"):
        study.fact(f"sql/{name}", lambda name=name: f"SELECT {name}\nFROM care_notes")
    found = Results.create(file)
    times = {"index plans": plans, "inserts": {"none": 1.0, "date": 1.5, "covering": insert}}
    for experiment, each in times.items():
        for number in range(rounds):
            noise = 1 + 0.01 * (number % 3)
            samples = [
                Sample(name.replace("-", "/"), number, 0, 0, 1, round(one * 1e6 * noise)) for name, one in each.items()
            ]
            found.add_round({"notebook": "02_one_query", "experiment": experiment}, samples)
    return found


FAST = {"naive-none": 100.0, "naive-date": 10.0, "naive-covering": 10.0, "pushdown-none": 90.0}


def said(file: Path, **changes: float) -> list[str]:
    found = first_answer(results(file, **{**FAST, **changes}), {})
    assert isinstance(found, FirstAnswer)
    return [f"{one.words} {one.code}" for one in found.lines]


def test_the_larger_index_is_named_only_where_it_is_told_to_be_faster(tmp_path: Path) -> None:
    dear = said(tmp_path / "a", **{"pushdown-date": 4.0, "pushdown-covering": 1.0, "single_pass-covering": 2.0})
    assert "CREATE INDEX covering" in dear[1]
    assert "10.0x [10.0, 10.0] as fast. Price: the file is 1.50x as large" in dear[1]
    assert "takes 2.00x [2.00, 2.00] the time" in dear[1]
    cheap = said(tmp_path / "b", **{"pushdown-date": 1.0, "pushdown-covering": 1.0})
    assert "CREATE INDEX date" in cheap[1]
    assert "takes 1.50x" in cheap[1]


def test_the_statement_is_that_of_the_aggregator_that_was_fastest(tmp_path: Path) -> None:
    slow = {"pushdown-date": 9.0}
    grouped = said(tmp_path / "a", **slow, **{"pushdown-covering": 1.0, "single_pass-covering": 2.0})
    assert "SELECT pushdown FROM care_notes;" in grouped[2]
    assert "(pushdown): 10.0x" in grouped[2]
    columns = said(tmp_path / "b", **slow, **{"pushdown-covering": 2.0, "single_pass-covering": 1.0})
    assert "SELECT single_pass FROM care_notes;" in columns[2]


def test_what_is_refuted_is_not_worth_doing_and_what_is_supported_is_not_named(tmp_path: Path) -> None:
    effect = Estimate(1.02, (0.98, 1.06), 12)
    verdicts = {"index-patient": Verdict(REFUTED, effect), "pooled": Verdict(SUPPORTED, effect)}
    plans = {**FAST, "pushdown-date": 4.0, "pushdown-covering": 1.0}
    found = first_answer(results(tmp_path / "r", **plans), verdicts)
    assert isinstance(found, FirstAnswer)
    assert found.lines[-1].words == "Not worth doing here: an index on patients (1.02x [0.980, 1.06] as fast)."


def test_without_measurements_there_is_none(tmp_path: Path) -> None:
    assert first_answer(Results.create(tmp_path / "r"), {}) is NOT_MEASURED


def test_as_markdown_each_line_is_an_item_and_code_stands_beneath_it(of_run: FirstAnswer) -> None:
    text = of_run.markdown()
    assert re.match(r"1\. Measured: ", text)
    assert "   ```sql\n   CREATE INDEX" in text
