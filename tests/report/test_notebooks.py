"""Notebooks keep their conventions: they speak, the package acts, and what nbval compares is really there."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from carenotes import Refused
from carenotes.lab.statistics.estimates import FEWEST_ROUNDS, fewest_rounds
from carenotes.report.runs import profiles
from carenotes.report.runs.parameters import check_parameters, check_values
from tests.conftest import ROOT

FILES = sorted((ROOT / "notebooks").glob("*.ipynb"))
IGNORED = "nbval-ignore-output"

every = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def code_cells(file: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(file.read_text())["cells"] if cell["cell_type"] == "code"]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def tags(cell: dict[str, Any]) -> list[str]:
    return list(cell["metadata"].get("tags", []))


def test_every_notebook_of_the_profiles_is_there_and_no_other() -> None:
    assert {file.stem for file in FILES} == {*profiles.NOTEBOOKS, profiles.REPORT}


@every
def test_notebooks_hold_no_functions_classes_or_install_cells_and_are_short(file: Path) -> None:
    for cell in code_cells(file):
        nodes = list(ast.walk(ast.parse(source(cell))))  # an install cell or a magic does not even parse
        assert not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in nodes)
    assert len(json.loads(file.read_text())["cells"]) <= 34


@every
def test_parameters_are_one_annotated_literal_a_line_and_the_smoke_profile(file: Path) -> None:
    [cell] = [cell for cell in code_cells(file) if "parameters" in tags(cell)]
    found = {}
    for line in ast.parse(source(cell)).body:
        assert isinstance(line, ast.AnnAssign)
        assert isinstance(line.target, ast.Name)
        assert line.value is not None
        found[line.target.id] = ast.literal_eval(line.value)
        assert type(found[line.target.id]).__name__ == ast.unparse(line.annotation)
    assert found == dict(profiles.defaults(file.stem))


@every
def test_the_cell_after_the_parameters_checks_them(file: Path) -> None:
    cells = code_cells(file)
    place = next(number for number, cell in enumerate(cells) if "parameters" in tags(cell))
    assert f'check_parameters("{file.stem}", globals())' in source(cells[place + 1])


@every
def test_every_cell_was_run_so_that_nbval_compares_it(file: Path) -> None:
    """A cell whose count is null is run and compared with nothing."""
    assert all(cell["execution_count"] for cell in code_cells(file))


@every
def test_timings_and_pictures_are_committed_without_output_and_something_golden_is_left(file: Path) -> None:
    cells = code_cells(file)
    assert all(not cell["outputs"] for cell in cells if IGNORED in tags(cell))
    golden = [output for cell in cells if IGNORED not in tags(cell) for output in cell["outputs"]]
    assert golden
    text = json.dumps(golden)
    assert "image/" not in text
    assert "<svg" not in text


@pytest.mark.parametrize("name", profiles.PROFILES)
def test_every_profile_has_the_parameters_of_its_notebooks(name: str) -> None:
    for notebook, parameters in profiles.profile(name).items():
        check_values(notebook, parameters)
        assert parameters.keys() == profiles.PROFILES["smoke"][notebook].keys()


LARGEST_FAMILY = 60  # comparisons of an experiment, or of the ledger, at most


@pytest.mark.parametrize("name", ["standard", "full"])
def test_profiles_that_decide_are_there_for_three_seeds_that_differ_in_nothing_else(name: str) -> None:
    three = [profiles.profile(one) for one in (name, f"{name}-2", f"{name}-3")]
    assert [{one["random_seed"] for one in chosen.values()} for chosen in three] == [{1}, {2}, {3}]
    sizes = [{book: {**one, "random_seed": 0} for book, one in chosen.items()} for chosen in three]
    assert sizes[0] == sizes[1] == sizes[2]


@pytest.mark.parametrize("name", ["standard", "full"])
def test_profiles_that_decide_have_what_is_needed_to_decide(name: str) -> None:
    chosen = profiles.profile(name)
    sizes = chosen["03_dataset_size"]["sizes"]
    assert len(sizes) >= 6
    assert max(sizes) >= 100 * min(sizes)
    ratios_from = fewest_rounds(LARGEST_FAMILY)
    assert all(one["rounds"] >= ratios_from for one in chosen.values())
    assert chosen["02_one_query"]["original_rounds"] >= ratios_from
    assert chosen["05_concurrency"]["open_loop_rounds"] >= FEWEST_ROUNDS


GOOD = dict(profiles.defaults("02_one_query"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"round": 3}, "no parameter 'round'; allowed: results, scratch, database, notes"),
        ({"rounds": "3"}, "rounds is '3' .str.; allowed: a whole number, 1 or more"),
        ({"rounds": True}, "rounds is True .bool."),
        ({"rounds": 0}, "rounds is 0; allowed: a whole number, 1 or more"),
        ({"notes": float("inf")}, "notes is inf .float."),  # what a guessed type makes of 123e456
        ({"database": None}, "database is None .NoneType.; allowed: text"),
    ],
)
def test_a_parameter_with_a_typo_or_a_wrong_type_is_refused(changes: dict[str, object], said: str) -> None:
    names = {**GOOD, "__name__": "__main__", "In": [], "check_parameters": check_parameters, "json": json}
    check_parameters("02_one_query", names)
    with pytest.raises(Refused, match=said):
        check_parameters("02_one_query", {**names, **changes})


@pytest.mark.parametrize("batches", [[], [0], ["5"], [True], (1, 2)])
def test_a_list_parameter_is_a_list_of_whole_numbers(batches: object) -> None:
    with pytest.raises(Refused, match="allowed: a list of whole numbers, 1 or more"):
        check_values("01_seed_data", {"batch_sizes": batches})


ON_OWN_NOTES = ["02_one_query", "03_dataset_size", "04_cache", "05_concurrency"]


@pytest.mark.parametrize(
    ("only", "database", "found"),
    [
        (None, None, ["01_seed_data", *ON_OWN_NOTES, "06_rollups", "07_server", "08_upkeep"]),
        (["02"], None, ["02_one_query"]),
        (["02_one_query", "01"], None, ["01_seed_data", "02_one_query"]),
        (None, "sqlite:///x.db", ON_OWN_NOTES),
    ],
)
def test_notebooks_are_chosen_by_number_or_name(only: list[str] | None, database: str | None, found: list[str]) -> None:
    assert profiles.chosen(only, database) == found


def test_what_cannot_be_run_on_somebodys_own_notes_is_refused() -> None:
    with pytest.raises(Refused, match="01: no such notebook; allowed: 02_one_query"):
        profiles.chosen(["01"], "sqlite:///x.db")
