"""A run on somebody's own database reads it and no more, names it nowhere, and is not mixed with that of another."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Command, one_line_refusal, run_in
from tests.report.conftest import started_by

pytestmark = pytest.mark.slow

OUT = "a #1%"


@pytest.fixture(scope="module")
def folder(seeded: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run was: its folder, and a database in a folder of its own, whose name is to be quoted in a URL."""
    place = tmp_path_factory.mktemp("own")
    (place / "their 100%").mkdir()
    shutil.copyfile(seeded.removeprefix("sqlite:///"), place / "their 100%" / "notes.db")
    return place


@pytest.fixture(scope="module")
def own(folder: Path, start_up: Path) -> subprocess.CompletedProcess[str]:
    """A run of a notebook on the database, as it ended; what others need of somebody's notes is tried elsewhere."""
    database = ("--only", "02", "--database", "sqlite:///their 100%25/notes.db")
    return run_in(folder, "report", "--profile", "one round", *database, "--out", OUT, env=started_by(start_up))


def test_somebodys_own_database_is_asked_and_not_touched(
    own: subprocess.CompletedProcess[str], folder: Path, seeded: str, with_tiny: dict[str, str]
) -> None:
    assert own.returncode == 0, own.stderr
    file, out = folder / "their 100%" / "notes.db", folder / OUT
    assert file.read_bytes() == Path(seeded.removeprefix("sqlite:///")).read_bytes()
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    text = (out / "index.html").read_text()
    assert "3,000" in text
    for said in (text, *(one.read_text() for one in (out / "executed").iterdir())):
        assert str(folder) not in said
        assert "their 100%" not in said
    # It needs the database no more.
    again = run_in(folder, "report", "--from-results", OUT, "--only", "02", env=with_tiny)
    assert (again.returncode, again.stderr) == (0, "")
    assert (out / "index.html").read_text() == text


def test_into_a_pipe_nothing_is_said_but_where_the_page_is(own: subprocess.CompletedProcess[str]) -> None:
    assert (own.returncode, own.stderr) == (0, "")
    assert own.stdout == f"{OUT}/index.html\n"


def test_a_run_on_one_database_is_not_continued_on_another(
    own: subprocess.CompletedProcess[str], folder: Path, carenotes: Command, seeded: str, with_tiny: dict[str, str]
) -> None:
    command = ("report", "--profile", "one round", "--only", "02", "--out", str(folder / OUT), "--database", seeded)
    assert "holds another run" in one_line_refusal(carenotes(*command, env=with_tiny))
