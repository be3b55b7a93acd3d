"""A run names the code that it measured."""

import subprocess
from pathlib import Path

import pytest

from carenotes.lab.environment import commit


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in a checkout of its own."""
    package = tmp_path / "thing"
    package.mkdir()
    (package / "__init__.py").touch()
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "thing")
    git(tmp_path, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "--message=x")
    return package


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout.strip()


def test_the_commit_is_that_of_the_checkout(package: Path) -> None:
    assert commit(package) == git(package, "rev-parse", "--short=12", "HEAD")


@pytest.mark.parametrize("edited", ["thing/__init__.py", "thing/new.py", "notebooks/new.ipynb"])
def test_edited_code_is_said(package: Path, edited: str) -> None:
    file = package.parent / edited
    file.parent.mkdir(exist_ok=True)
    file.write_text("1")
    assert commit(package).endswith("+changes")


def test_a_run_beside_the_code_is_no_change_of_it(package: Path) -> None:
    (package.parent / "out").mkdir()
    (package.parent / "out" / "index.html").write_text("1")
    assert "+" not in commit(package)


def test_what_only_lies_in_somebody_elses_checkout_has_no_commit(package: Path) -> None:
    installed = package.parent / "site-packages" / "other"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    assert commit(installed) == "unknown"
    assert commit(package.parent / "site-packages") == "unknown"
