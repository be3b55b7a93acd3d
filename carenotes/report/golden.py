"""`python -m carenotes.report.golden FOLDER|NOTEBOOK`: run notebooks and keep the outputs that must stay.

Cells whose output differs from run to run (timings, pictures) are tagged `nbval-ignore-output`; they keep their
execution count and lose their output. Every other output is golden: nbval compares it.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

IGNORED = "nbval-ignore-output"


def make_golden(file: Path) -> None:
    """Run a notebook where it lies and write its golden outputs into it."""
    notebook = nbformat.read(file, as_version=4)
    place = {"metadata": {"path": str(file.parent)}}
    NotebookClient(notebook, timeout=600, resources=place, extra_arguments=["--log-level=50"]).execute()
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata.pop("execution", None)
        if IGNORED in cell.metadata.get("tags", []):
            cell.outputs = []
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    nbformat.write(notebook, file)


if __name__ == "__main__":
    given = Path(sys.argv[1])
    for name in sorted(given.glob("*.ipynb")) if given.is_dir() else [given]:
        sys.stderr.write(f"{name.name} ...\n")
        make_golden(name)
