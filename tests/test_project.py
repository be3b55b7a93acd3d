"""The project's own files keep in step with each other."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from carenotes import __version__
from carenotes.report.readme import with_headline
from carenotes.report.runs import manifest
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
LOCKED = set(re.findall(r"^([a-z0-9-]+)==", LOCK, flags=re.M))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=\[ ;]", one)[0].lower() for one in requirements}


def test_every_dependency_is_in_the_lock() -> None:
    wanted = names(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        wanted |= names(extra)
    assert wanted - {"carenotes"} <= LOCKED


def test_everything_in_the_lock_is_hashed_and_no_address_stands_in_it() -> None:
    assert not re.search(r"https?:|file:|--index-url|--extra-index-url|--find-links", LOCK)
    entries = re.split(r"\n(?=[a-z0-9])", LOCK.strip())
    assert len(entries) > 50
    assert all("--hash=sha256:" in entry for entry in entries)


def test_environment_yml_is_python_and_pip_and_the_lock() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, from_pip = environment["dependencies"]
    assert environment["name"] == PROJECT["name"]
    assert python.replace(" ", "").startswith(f"python{PROJECT['requires-python']},<")
    assert pip == "pip"
    assert from_pip == {"pip": ["-r requirements.lock"]}


def test_the_version_stands_once_more_only_where_it_is_equal() -> None:
    assert PROJECT["version"] == __version__


def test_the_headline_of_the_readme_is_that_of_the_reference_run() -> None:
    readme = (ROOT / "README.md").read_text()
    assert with_headline(readme, str(ROOT / "reports/reference/results.sqlite")) == readme
    assert "| naive, no index |" in readme


def test_the_reference_run_is_whole_and_small() -> None:
    folder = ROOT / "reports" / "reference"
    manifest.check(folder)
    assert sum(file.stat().st_size for file in folder.rglob("*")) < 21_000_000  # eight notebooks, on three engines


@pytest.mark.parametrize(("name", "notebook"), [("full-growth", "03_dataset_size"), ("full-rollups", "06_rollups")])
def test_the_runs_of_many_notes_are_whole_and_small(name: str, notebook: str) -> None:
    folder = ROOT / "reports" / name
    manifest.check(folder)
    run = json.loads((folder / "run.json").read_text())
    assert (run["profile"], run["notebooks"]) == ("full", [notebook])
    assert sum(file.stat().st_size for file in folder.rglob("*")) < 6_000_000


def commands(file: Path) -> list[str]:
    """The `carenotes` commands in a document."""
    return re.findall(r"^\.venv/bin/(carenotes .*?)(?:  #.*)?$", file.read_text(), flags=re.M)


def test_the_commands_of_the_readme_work(tmp_path: Path) -> None:
    elsewhere = ("report", "ingest", "compare", "gate")  # tried with the pages of docs/
    found = [one for one in commands(ROOT / "README.md") if not any(word in one for word in elsewhere)]
    assert len(found) == 2
    for command in found:
        small = command.replace("1000000", "5000").split()
        done = subprocess.run([sys.executable, "-m", *small], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_python_of_the_readme_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from carenotes.backends import create_database
    from carenotes.seeding import SeedSpec, load

    load(create_database(f"sqlite:///{tmp_path}/notes.db"), SeedSpec(2_000))
    monkeypatch.chdir(tmp_path)
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("CareStats(total_notes=")
