"""The pages that say how are tried: every command on them is run, in the order in which it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.report.conftest import ONE_ROUND
from tests.report.conftest import one_server as one_server

PAGES = sorted((ROOT / "docs" / "how-do-i").glob("*.md"))
NEEDS_GIT = {"gate-a-change"}
IN_A_CHECKOUT = {"add-an-aggregator", "add-an-engine", "add-a-notebook"} | NEEDS_GIT
TOUCHED = {  # of the package, the tests and the notebooks
    "add-an-aggregator": {  # all that an aggregator is: a file, or a folder, and its entry
        "carenotes/aggregators/__init__.py",
        "carenotes/aggregators/counters.py",
        "carenotes/aggregators/tallies/__init__.py",
        "carenotes/aggregators/tallies/design.py",
    },
    "add-an-engine": {"carenotes/backends/sqlitewal.py"},  # a module
    "add-a-notebook": {  # itself, and its room
        "carenotes/studies/weekends/__init__.py",
        "carenotes/studies/weekends/experiment.py",
        "carenotes/studies/weekends/findings.py",
        "carenotes/studies/weekends/sizes.toml",
        "notebooks/10_weekends.ipynb",
    },
}
REFUSED = {"add-an-aggregator": "tallies: needs the design tallies, which is not there"}


def commands(page: Path) -> str:
    return "\n".join(re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.S))


def checkout(folder: Path) -> None:
    """What a page may change, copied; with what is compiled of it, or each of its commands would compile all."""
    for name in ("carenotes", "tests", "notebooks"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / "reports").symlink_to(ROOT / "reports")


def contents(folder: Path) -> dict[str, bytes]:
    """Of what was copied into a checkout: each file by its path."""
    files = [
        file for name in ("carenotes", "tests", "notebooks") for file in (folder / name).rglob("*") if file.is_file()
    ]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def commit_all(folder: Path) -> None:
    """Make a folder a git checkout of one commit."""
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false"]
    for step in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all of it"]):
        subprocess.run(["git", *who, *step], cwd=folder, check=True)


# What a page calls smoke is made smaller here: its commands are tried, and not what they measure.
TINIER = {notebook: {**sizes, "own_rounds": {}} for notebook, sizes in ONE_ROUND.items()}
TINIER["01_seed_data"] |= {"notes": 200, "bulk_load_notes": 200, "batch_sizes": [100, 200]}
SMALLER = f"from carenotes.report.runs import profiles\nprofiles.PROFILES.update({{'smoke': {TINIER!r}}})\n"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_work(page: Path, tmp_path: Path) -> None:
    here = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    if page.stem in IN_A_CHECKOUT:
        checkout(tmp_path)
        here["PYTHONPATH"] = str(tmp_path)
    else:
        (tmp_path / "sitecustomize.py").write_text(SMALLER)
        here["PYTHONPATH"] = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    if page.stem in NEEDS_GIT:
        if shutil.which("git") is None:
            pytest.skip("the page is about git")
        commit_all(tmp_path)
    before = contents(tmp_path)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands(page)],
        cwd=tmp_path, env=os.environ | here, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    assert REFUSED.get(page.stem, "") in done.stderr
    if page.stem in TOUCHED:
        after = contents(tmp_path)
        assert {name for name in before | after if before.get(name) != after.get(name)} == TOUCHED[page.stem]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_about_a_screen_and_its_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    assert len(prose.splitlines()) < 40
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / link).exists(), link
    assert f"how-do-i/{page.name}" in (ROOT / "docs" / "README.md").read_text()
