"""A whole run: the notebooks one after the other through papermill, then the page, the CSV files, the manifest.

A run that was killed is finished by running it again with the same folder: what was measured is kept.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from carenotes import __version__
from carenotes.backends import absolute_url, backend_of, lost, open_database, parsed, plain_error, shown
from carenotes.errors import Failed, Refused
from carenotes.lab.environment import environment
from carenotes.lab.notes.datasets import removed
from carenotes.lab.notes.nulls import refuse_nulls
from carenotes.lab.notes.own import OWN_DATABASE
from carenotes.lab.results.derived import derive
from carenotes.lab.results.store import READ_ONLY, Results
from carenotes.lab.runner.lock import alone_on_this_machine
from carenotes.report import page
from carenotes.report.drawing import Figure
from carenotes.report.runs import budget, manifest, profiles
from carenotes.report.runs.kernels import forked
from carenotes.report.runs.notebooks import EXECUTED, execute
from carenotes.servers.postgresql import handed_on
from carenotes.studies.performance_report.derivation import DERIVATION
from carenotes.studies.performance_report.summary import Run

RESULTS = "results.sqlite"
_RESULTS = URL.create("sqlite", database=RESULTS)
_WORK, _RUN = "work", "run.json"


@dataclass
class Outcome:
    """The page of a run, and what failed in it: notebooks, and conditions at the gate."""

    page: Path
    failed: list[str] = field(default_factory=list)


def report(
    profile: str, *, database: str | None = None, only: list[str] | None = None, out: Path | None = None
) -> Outcome:
    """Run a profile's notebooks and write one HTML page. Raises Refused before anything is written."""
    profiles.profile(profile)
    notebooks = profiles.chosen(only, database)
    if database:
        engine = open_database(database, read_only=True)
        try:
            refuse_nulls(engine)
        finally:
            engine.dispose()
        os.environ[OWN_DATABASE] = absolute_url(database).render_as_string(hide_password=False)
    own = _whose(database) if database else ""
    with alone_on_this_machine(), handed_on(), forked():
        given = {name: profiles.profile(profile)[name] for name in notebooks}
        run = {"version": __version__, "profile": profile, "notebooks": notebooks, "own": own, "parameters": given}
        folder = _run_folder(out, run)
        with _kept(folder):
            _remember(folder, profile, bool(database))
            return _finish(
                folder, notebooks, {name: _measure(profile, name, folder, bool(database)) for name in notebooks}
            )


def _whose(database: str) -> str:
    """What tells databases apart without naming them. Nothing secret is in it, not even hashed."""
    named = f"{backend_of(database).NAME} {shown(absolute_url(database))}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def _measure(profile: str, notebook: str, folder: Path, own: bool) -> str | None:
    with budget.watched(notebook, folder, folder / RESULTS):
        why = execute(notebook, folder, _parameters(profiles.profile(profile)[notebook], own))
    # Whatever a notebook made of it: without its database there is no other reason.
    gone = lost(parsed(os.environ[OWN_DATABASE])) if why and own else None
    return f"{gone}; what was measured is kept, and the same command goes on" if gone else why


def remake(folder: Path, only: list[str] | None = None) -> Outcome:
    """Compute estimates, tables, figures and page of a finished run again, or those of some notebooks.

    Nothing is measured; sizes are those of the run, whatever its profile has now. Raises Refused when the folder is no
    finished run, or when a file of it was changed. All is made in a copy, and put into its place when it is whole: the
    run outlives whatever goes wrong on the way.
    """
    if not folder.is_dir():
        raise Refused(f"{folder}: no such folder")
    manifest.check(folder)
    Results.read(folder / RESULTS).close()
    run = json.loads((folder / _RUN).read_text())
    names = profiles.among(run["notebooks"], only)
    copy = folder / manifest.ANEW
    try:
        shutil.rmtree(copy, ignore_errors=True)  # of one that was killed
        shutil.copytree(folder, copy)
        outcome = _made_anew(copy, run, names)
        manifest.put_in_place(copy, folder)
    except (OSError, DBAPIError) as error:
        raise Failed(f"{folder}: {_why(error)}; the run is as it was") from error
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    return Outcome(folder / outcome.page.name, outcome.failed)


def _made_anew(folder: Path, run: dict[str, Any], names: list[str]) -> Outcome:
    executed: dict[str, str | None] = {}
    with _read_only(), forked():
        for name in run["notebooks"]:
            # One that failed cannot be finished without measuring: it stays as it is.
            executed[name] = page.failure(nbformat.read(folder / EXECUTED / f"{name}.ipynb", as_version=4))
            if not executed[name] and name in names:
                executed[name] = execute(name, folder, _parameters(run["parameters"][name], bool(run["own"])))
        return _finish(folder, run["notebooks"], executed)


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Say of a full or broken disk what it left behind, and how to go on."""
    try:
        yield
    except (OSError, DBAPIError) as error:
        go_on = f"what was measured is kept: run again with --out {folder}"
        raise Failed(f"{folder}: {_why(error)}; {go_on}") from error


def _why(error: OSError | DBAPIError) -> str:
    return str(error.strerror if isinstance(error, OSError) else plain_error(_RESULTS, error.orig or error))


def _parameters(sizes: Mapping[str, Any], own: bool) -> dict[str, Any]:
    """What a notebook is run with; no folder and no address, so that results name neither.

    Paths are relative to the run folder, and somebody's own database goes by an environment variable.
    """
    given = {"results": RESULTS, "scratch": _WORK, **sizes}
    return given | ({"database": f"env:{OWN_DATABASE}"} if own else {})


def _finish(folder: Path, notebooks: list[str], executed: dict[str, str | None]) -> Outcome:
    results = Results.create(folder / RESULTS)
    derive(results, DERIVATION)
    facts = results.environment()
    results.close()
    with ThreadPoolExecutor(1) as beside:  # nothing is timed any more
        parts = beside.submit(page.sections, folder.absolute(), notebooks, facts)  # papermill stands in it meanwhile
        executed[profiles.REPORT] = execute(profiles.REPORT, folder, {"results": RESULTS})
    opening = page.sections(folder, [profiles.REPORT], facts)
    failed = [f"{name} ({why})" for name, why in executed.items() if why]
    removed(folder / _WORK)
    results = Results.read(folder / RESULTS)
    _write_csv(results, folder / "csv")
    gates = results.correctness()
    wrong = sorted({f"{row.experiment}/{row.condition}" for row in gates[gates["wrong"] > 0].itertuples()})
    written = page.write(folder, [*opening, *parts.result()], results)
    results.close()
    headline = Run(str(folder / RESULTS)).headline()
    if isinstance(headline, Figure):
        (folder / "headline.svg").write_text(headline.standalone())
    manifest.write(folder)
    return Outcome(written, [*failed, *wrong])


def _run_folder(out: Path | None, run: dict[str, Any]) -> Path:
    """The folder of this run: new, or that of the same run, which is then finished."""
    folder = out or _runs() / time.strftime("%Y-%m-%d-%H%M%S", time.gmtime())
    if folder.exists() and not folder.is_dir():
        raise Refused(f"{folder}: not a folder")
    if folder.is_dir() and any(folder.iterdir()):
        try:
            before = json.loads((folder / _RUN).read_text())
        except (OSError, ValueError):
            raise Refused(f"{folder}: not empty, and no run of carenotes; name another --out") from None
        if before != run:
            raise Refused(f"{folder}: holds another run ({before.get('profile')}); name another --out")
    try:
        (folder / EXECUTED).mkdir(parents=True, exist_ok=True)
        (folder / _RUN).write_text(json.dumps(run, indent=1) + "\n")
    except OSError as error:
        raise Refused(f"{folder}: cannot be written to ({error.strerror})") from None
    return folder


def _runs() -> Path:
    """`reports/runs` of the checkout that we stand in, or of the folder that we stand in."""
    return Path("reports") / "runs"


def _remember(folder: Path, profile: str, own: bool) -> None:
    results = Results.create(folder / RESULTS)
    facts = environment()
    try:
        results.hold_environment_equal(facts)
        results.remember_environment(facts | {"profile": profile, "notes": "somebody's own" if own else "seeded"})
    except Refused as refused:
        raise Refused(f"{folder}: {refused}; name another --out") from None
    finally:
        results.close()


def _write_csv(results: Results, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, frame in results.tables().items():
        frame.to_csv(folder / f"{name}.csv", index=False)


@contextmanager
def _read_only() -> Iterator[None]:
    os.environ[READ_ONLY] = "1"
    try:
        yield
    finally:
        del os.environ[READ_ONLY]
