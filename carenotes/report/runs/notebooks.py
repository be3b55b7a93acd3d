"""One notebook through papermill: run in the folder of its run, without what differs from machine to machine."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

from carenotes.backends import nameless, parsed
from carenotes.lab.notes.own import OWN_DATABASE
from carenotes.lab.runner import progress
from carenotes.report import page
from carenotes.report.runs import kernels
from carenotes.report.runs.parameters import check_values

EXECUTED = "executed"  # the folder, in that of a run, of the notebooks that were run


class _Engine(NBClientEngine):  # type: ignore[misc]
    """Papermill's own, but that the notebook is written when it is over, and not twice a cell: figures make it long."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: NotebookExecutionManager, kernel_name: str, **options: Any) -> Any:
        target, nb_man.output_path = nb_man.output_path, None
        try:
            return super().execute_managed_notebook(nb_man, kernel_name, **options)
        finally:
            nb_man.output_path = target


papermill_engines.register(_Engine.__name__, _Engine)


def notebook_folder() -> Path:
    """Where the notebooks are: those of a checkout first, else those that ship with the package."""
    package = Path(__file__).parents[2]
    checkout = package.parent / "notebooks"
    return checkout if (package.parent / "pyproject.toml").is_file() and checkout.is_dir() else package / "notebooks"


def execute(name: str, folder: Path, parameters: dict[str, Any]) -> str | None:
    """Run one notebook in `folder`; why it stopped, or None. What it made is kept either way."""
    check_values(name, parameters)
    source, target = notebook_folder() / f"{name}.ipynb", folder / EXECUTED / f"{name}.ipynb"
    died = None
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what goes wrong is told by us
    try:
        with progress.handed_on(name):
            papermill.execute_notebook(
                source,
                target,
                parameters,
                engine_name=_Engine.__name__,
                kernel_name="python3",
                cwd=folder,
                progress_bar=False,  # of cells; of what takes its time there is one of rounds
                log_output=False,
                extra_arguments=["--log-level=50"],  # a kernel talks of its ports at its start
                kernel_manager_class=kernels.Manager,
            )
    except papermill.PapermillExecutionError:
        pass  # it stands in the notebook
    except DeadKernelError as error:
        died = str(error)
    except KeyboardInterrupt:
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # nobody will ask its tasks how they ended
        raise
    return _scrub(target, died)


def _scrub(executed: Path, died: str | None) -> str | None:
    """Take out what differs from run to run and from machine to machine: times, paths, papermill's notices.

    A kernel that died leaves no word of it in the notebook: it is put there. Why the notebook stopped, or None.
    """
    notebook = nbformat.read(executed, as_version=4)
    notebook.metadata.pop("papermill", None)
    notebook.cells = [cell for cell in notebook.cells if not _is_notice(cell)]
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        for noise in ("papermill", "execution"):
            cell.metadata.pop(noise, None)
    for error in _errors(notebook):
        error.evalue = _nameless(error.evalue)
        error.traceback = [_nameless(line) for line in error.traceback]
    if died is not None:
        last = next(cell for cell in notebook.cells if cell.cell_type == "code" and not cell.execution_count)
        last.outputs = [nbformat.v4.new_output("error", ename="DeadKernelError", evalue=died, traceback=[])]
    nbformat.write(notebook, executed)
    return page.failure(notebook)


def _errors(notebook: nbformat.NotebookNode) -> Iterator[Any]:
    for cell in notebook.cells:
        yield from (output for output in cell.get("outputs", []) if output.output_type == "error")


def _nameless(said: str) -> str:
    """What a driver says names where it asked: of somebody's own database that is nobody's business."""
    own = os.environ.get(OWN_DATABASE)
    return nameless(said, parsed(own)) if own else said


def _is_notice(cell: Any) -> bool:
    return any(tag.startswith("papermill-error") for tag in cell.metadata.get("tags", []))
