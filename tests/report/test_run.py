"""A run makes one folder that is whole, says nothing about its machine's owner, and can be made anew to the byte."""

import errno
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from getpass import getuser
from html.parser import HTMLParser
from pathlib import Path

import pytest

from carenotes import Failed, Refused
from carenotes.lab.results.store import Results, metadata
from carenotes.lab.runner.lock import alone_on_this_machine
from carenotes.report.finding import NOT_MEASURED
from carenotes.report.page import CLOSING
from carenotes.report.runs import manifest, profiles
from carenotes.report.runs.run import Outcome, remake, report
from tests.conftest import Command, one_line_refusal, started, wait_until

pytestmark = pytest.mark.slow


def test_a_run_leaves_page_notebooks_results_csv_and_manifest(run: Outcome) -> None:
    assert run.failed == []
    folder = run.page.parent
    names = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert names == {
        "index.html", "headline.svg", "manifest.json", "results.sqlite", "run.json",
        *(f"executed/{name}.ipynb" for name in (*profiles.NOTEBOOKS, profiles.REPORT)),
        *(f"csv/{name}.csv" for name in metadata.tables),
    }  # fmt: skip
    manifest.check(folder)


def test_nothing_in_a_run_names_a_host_a_user_or_a_folder(run: Outcome) -> None:
    secrets = [socket.gethostname(), str(Path.home()), str(run.page.parent), os.getcwd(), f"/{getuser()}/"]  # noqa: PTH109
    told = re.compile("|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in secrets))  # a host may have two letters
    for file in run.page.parent.rglob("*"):
        if file.is_file():
            assert told.findall(_words(file)) == [], file.name


def _words(file: Path) -> str:
    """The text of a file; of a database, without its samples, among whose bytes any two letters stand by chance."""
    if file.suffix != ".sqlite":
        return file.read_text()
    with closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        rows = (row for name in tables for row in connection.execute(f'SELECT * FROM "{name}"'))
        return "\n".join(value for row in rows for value in row if isinstance(value, str))


class Page(HTMLParser):
    """What the tests want to know of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(run: Outcome) -> Page:
    return Page(run.page.read_text())


def test_the_page_loads_nothing_and_needs_no_script(page: Page, run: Outcome) -> None:
    assert not page.all("script")
    assert not page.all("link")
    assert not page.all("img")
    assert not page.all("iframe")
    text = run.page.read_text()
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", re.sub(r"<a [^>]*>", "", text))
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert len(text) < 2_000_000


def test_every_figure_says_what_is_to_be_seen(page: Page) -> None:
    figures = page.all("svg")
    assert len(figures) >= 6
    assert all(figure["role"] == "img" and len(figure["aria-label"] or "") > 30 for figure in figures)


def test_every_table_has_a_caption_and_scoped_headers(page: Page) -> None:
    assert len(page.all("caption")) == len(page.all("table")) > 5
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))


def test_a_cell_of_words_carries_its_column_for_pages_too_narrow_to_have_any(page: Page) -> None:
    rows: list[list[bool]] = []  # of tables of words: which cells of a row say so
    words = False
    for tag, attributes in page.tags:
        if tag == "table":
            words = attributes.get("class") == "words"
        elif tag == "tr" and words:
            rows.append([])
        elif tag == "td" and words:
            rows[-1].append(bool(attributes.get("data-column")))
    named = [row for row in rows if len(row) > 1]
    assert all(all(row) for row in named)
    assert len(named) > 30


def test_ids_are_unique_and_every_inner_link_leads_somewhere(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {(link["href"] or "").removeprefix("#") for link in page.all("a") if (link["href"] or "").startswith("#")}
    assert links <= set(ids)
    assert len(links) > 8


def test_every_drawing_finds_what_it_refers_to(run: Outcome) -> None:
    for svg in re.findall(r"<svg.*?</svg>", run.page.read_text(), flags=re.S):
        there = set(re.findall(r'\bid="([^"]+)"', svg))
        assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg)) <= there
        assert "#1b1b1c" not in svg  # ink comes from the page


def test_the_page_made_anew_is_the_same_to_the_byte(run: Outcome, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.page.parent, copy)
    (copy / "index.html").write_text("")
    manifest.write(copy)
    assert remake(copy).failed == []
    for file in sorted(copy.rglob("*")):
        if file.is_file():
            assert file.read_bytes() == (run.page.parent / file.relative_to(copy)).read_bytes(), file.name


@pytest.mark.parametrize("name", ["results.sqlite", "csv/sample.csv", "executed/01_seed_data.ipynb"])
def test_a_changed_file_is_refused_by_its_name_and_nothing_is_touched(
    short_run: Outcome, tmp_path: Path, name: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(short_run.page.parent, copy)
    with (copy / name).open("ab") as stream:
        stream.write(b"x")
    before = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    with pytest.raises(Refused, match=f"{name}: changed"):
        remake(copy)
    assert {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()} == before


def test_one_notebook_alone_is_made_anew_and_an_unknown_one_is_refused(short_run: Outcome, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(short_run.page.parent, copy)
    for name in ("01_seed_data", "03_dataset_size"):  # both are spoilt, one is made anew
        file = copy / "executed" / f"{name}.ipynb"
        file.write_text(file.read_text().replace("Limits of this notebook", "Spoilt"))
    manifest.write(copy)
    with pytest.raises(Refused, match="99: no such notebook; allowed: 01_seed_data"):
        remake(copy, ["99"])
    assert remake(copy, ["01"]).failed == []
    assert "Spoilt" not in (copy / "executed" / "01_seed_data.ipynb").read_text()
    assert "Spoilt" in (copy / "executed" / "03_dataset_size.ipynb").read_text()


def test_a_page_without_the_answer_opens_with_what_was_measured(run: Outcome, short_run: Outcome) -> None:
    whole, short = run.page.read_text(), short_run.page.read_text()
    assert sections(whole) == [profiles.REPORT, *profiles.NOTEBOOKS]
    assert sections(short) == ["01_seed_data", "03_dataset_size", profiles.REPORT]
    last = short[short.index(f'id="section-{profiles.REPORT}"') :]
    assert f'<h2 id="09-what-this-run-says-of-the-original-report">{CLOSING}</h2>' in last
    assert last.count(NOT_MEASURED.text) == 1
    assert "What the original report claimed" not in short  # none of its tables was rerun
    elsewhere = "Decided by notebooks that are not in this run: single (02), "
    assert (elsewhere in short, elsewhere in whole, CLOSING in whole) == (True, False, False)


def sections(page: str) -> list[str]:
    """The notebooks of a page, in order."""
    return re.findall(r'id="section-([^"]+)"', page)


def test_a_run_keeps_its_sizes_when_its_profile_has_others(
    short_run: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(short_run.page.parent, copy)
    monkeypatch.setitem(profiles.PROFILES["one round"]["01_seed_data"], "notes", 99)  # type: ignore[arg-type]
    assert remake(copy, ["01"]).failed == []
    assert contents_of(copy) == contents_of(short_run.page.parent)


def contents_of(folder: Path) -> dict[str, bytes]:
    """Its files by their paths in it."""
    return {str(file.relative_to(folder)): data for file, data in contents(folder).items()}


def test_a_truncated_results_file_is_refused(short_run: Outcome, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(short_run.page.parent, copy)
    whole = (copy / "results.sqlite").read_bytes()
    (copy / "results.sqlite").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Refused, match=r"results\.sqlite: changed"):
        remake(copy)


def test_what_goes_wrong_while_a_page_is_made_anew_leaves_the_run_as_it_was(
    short_run: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(short_run.page.parent, copy)
    (copy / "index.html").write_text("as it was, and another than what will be made")
    manifest.write(copy)
    before = contents(copy)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(manifest, "write", full)  # the last thing that is done
    with pytest.raises(Failed, match="copy: No space left on device; the run is as it was"):
        remake(copy, ["01"])
    assert contents(copy) == before


def test_a_run_whose_page_was_being_made_anew_outlives_a_kill(
    short_run: Outcome, with_tiny: dict[str, str], tmp_path: Path
) -> None:
    shutil.copytree(short_run.page.parent, tmp_path / "out")
    before = contents(tmp_path / "out")
    command = [sys.executable, "-m", "carenotes", "report", "--from-results", "out", "--only", "01"]
    begun = tmp_path / "out" / manifest.ANEW / "executed" / "01_seed_data.ipynb"
    with started(command, cwd=tmp_path, env=with_tiny) as began:
        wait_until(begun.is_file, began)
        os.killpg(began.pid, signal.SIGKILL)
        began.communicate(timeout=60)
    manifest.check(tmp_path / "out")
    assert {
        file: data for file, data in contents(tmp_path / "out").items() if manifest.ANEW not in file.parts
    } == before
    subprocess.run(command, cwd=tmp_path, env=with_tiny, check=True, capture_output=True, timeout=120)
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: plant(file, "UPDATE environment SET value = '2' WHERE name = 'results_schema'"), "of version 2"),
        (lambda file: file.write_text("something else"), "holds no results of carenotes"),
    ],
)
def test_results_of_another_version_are_not_continued(
    run: Outcome, tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    shutil.copytree(run.page.parent, tmp_path / "out")
    spoil(tmp_path / "out" / "results.sqlite")
    before = contents(tmp_path / "out")
    with pytest.raises(Refused, match=said):
        report("tiny", out=tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_every_figure_and_table_tells_the_commands_that_make_it_again(run: Outcome) -> None:
    """They stand in the fold behind what one piece of code made: no figure or table is followed by none."""
    text = run.page.read_text()
    for name in profiles.NOTEBOOKS:
        section = text[text.index(f'id="section-{name}"') :]
        section = section[: section.index("</section>")]
        *shown, rest = re.split(r"<details.*?</details>", section, flags=re.S)
        folds = re.findall(r"<details.*?</details>", section, flags=re.S)
        assert len(shown) >= 3
        assert not re.search(r"<figure>|<table", rest)
        for fold in folds:
            assert f"carenotes report --from-results DIR --only {name[:2]}" in fold
            assert f"carenotes report --profile tiny --only {name[:2]}" in fold


def test_a_run_keeps_what_follows_from_its_samples(run: Outcome) -> None:
    tables = Results.read(run.page.parent / "results.sqlite").tables()
    assert {"naive, no index", "pushdown, covering index"} <= set(tables["estimate"]["condition"])
    assert {"memory copied", "SELECT 1, driver", "awaited no-op"} <= set(tables["ceiling"]["name"])
    assert set(tables["fit"]["parameter"]) == {"fixed seconds", "seconds a note", "exponent of the last decade"}
    assert {"keys", "ttl", "no-stampede"} <= set(tables["claim"]["claim"])
    assert set(tables["dataset"]["name"]) == {"seeded", "asked"}
    others = ["06_rollups", "07_server", "08_upkeep"]  # whose notes are of more days
    alike = tables["dataset"][~tables["dataset"]["notebook"].isin(others)]
    assert len(set(alike["digest"])) == 1
    conditions = tables["condition"].set_index(["notebook", "experiment", "condition"])
    record = conditions.loc[("02_one_query", "designs", "pushdown, no index")]
    assert (record["aggregator"], record["engine"], record["design"], record["notes"]) == (
        "pushdown",
        "sqlite",
        "none",
        1_000,
    )


def test_a_run_says_what_it_took(run: Outcome) -> None:
    took = Results.read(run.page.parent / "results.sqlite").took()
    assert list(took) == list(profiles.NOTEBOOKS)
    assert all(one["seconds"] > 0 and one["memory"] > 1e7 and one["disk"] > 0 for one in took.values())
    assert "What this run took" in run.page.read_text()


def test_a_second_run_at_once_is_refused_and_writes_nothing(carenotes: Command, tmp_path: Path) -> None:
    with alone_on_this_machine():
        alone = {name: value for name, value in os.environ.items() if name != "CARENOTES_LOCK_HELD"}
        done = carenotes("report", "--profile", "smoke", "--only", "01", "--out", "second", env=alone)
    assert "another run is measuring on this machine" in one_line_refusal(done)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no such folder"):
        remake(tmp_path / "absent")
    with pytest.raises(Refused, match="not a finished run"):
        remake(tmp_path)


def test_a_folder_with_something_else_in_it_is_refused(
    tmp_path: Path, run: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(Refused, match="not empty, and no run of carenotes"):
        report("tiny", out=tmp_path)
    with pytest.raises(Refused, match="holds another run"):
        report("smoke", out=run.page.parent)
    monkeypatch.setitem(profiles.PROFILES["tiny"]["01_seed_data"], "rounds", 3)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="holds another run"):
        report("tiny", out=run.page.parent)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_unknown_profiles_and_notebooks_are_refused(carenotes_here: Command, tmp_path: Path) -> None:
    assert "allowed: smoke, standard, full" in one_line_refusal(carenotes_here("report", "--profile", "huge"))
    assert "allowed: 01_seed_data, 02_one_query" in one_line_refusal(carenotes_here("report", "--only", "99"))
    assert "with --only alone" in one_line_refusal(carenotes_here("report", "--from-results", "x", "--out", "y"))
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_not_finished_by_other_code_or_on_another_machine(run: Outcome, tmp_path: Path) -> None:
    shutil.copytree(run.page.parent, tmp_path / "out")
    plant(tmp_path / "out" / "results.sqlite", "UPDATE environment SET value = 'abacus' WHERE name = 'cpu'")
    before = contents(tmp_path / "out")
    with pytest.raises(Refused, match=r"out: begun with another cpu \(abacus; here it is .*\); name another --out"):
        report("tiny", out=tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_what_was_measured_on_is_told_wherever_it_is_made_anew(short_run: Outcome, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(short_run.page.parent, folder)
    plant(folder / "results.sqlite", "UPDATE environment SET value = 'abacus' WHERE name = 'cpu'")
    manifest.write(folder)
    remake(folder, ["01"])
    assert "abacus" in (folder / "executed" / "01_seed_data.ipynb").read_text()
    assert "abacus" in (folder / "index.html").read_text()


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def plant(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(sql)
