"""Revisions of carenotes side by side: taken out of a git checkout, each asked in processes of its own."""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from carenotes.errors import Failed, Refused
from carenotes.lab.revisions import worker as script

WORKING_TREE = "."
_PACKAGE = "carenotes"


@dataclass(frozen=True)
class Revision:
    """A revision as it was asked for, the commit that it is, and the folder that its package was put into."""

    name: str
    commit: str
    root: Path


def exported(names: Sequence[str], folder: Path) -> list[Revision]:
    """The package as it is in each revision (`.`: in the working tree), each in a new folder inside `folder`.

    Nothing is written to the checkout that one stands in. Raises Refused outside of one, for an unknown revision,
    and for one without the package; all are looked at before the first is taken out.
    """
    top = _checkout()
    commits = [_commit(top, name) for name in names]
    revisions = []
    for number, (name, commit) in enumerate(zip(names, commits, strict=True)):
        root = folder.resolve() / f"revision-{number}"
        root.mkdir()
        _export(top, name, commit, root)
        revisions.append(Revision(name, commit, root))
    return revisions


def _checkout() -> Path:
    found = _git(Path.cwd(), "rev-parse", "--show-toplevel")
    if found is None:
        raise Refused("this folder is in no git checkout; the gate is run in a checkout of carenotes, with git there")
    return Path(os.fsdecode(found).rstrip("\n"))


def _commit(top: Path, name: str) -> str:
    if name == WORKING_TREE:
        commit, held = "working tree", (top / _PACKAGE).is_dir()
    else:
        found = _git(top, "rev-parse", "--verify", "--quiet", "--short=12", f"{name}^{{commit}}")
        if found is None:
            raise Refused(f"{name}: no such revision; allowed: a commit, branch or tag, or . for the working tree")
        commit = found.decode().strip()
        held = _git(top, "cat-file", "-e", f"{commit}:{_PACKAGE}") is not None
    if not held:
        raise Refused(f"{name}: holds no folder {_PACKAGE}; allowed: revisions of carenotes")
    return commit


def _export(top: Path, name: str, commit: str, root: Path) -> None:
    if name == WORKING_TREE:  # copied: it may be edited while it is measured
        shutil.copytree(top / _PACKAGE, root / _PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
        return
    archive = _git(top, "archive", "--format=zip", commit, _PACKAGE)
    if archive is None:
        raise Failed(f"{name}: git archive does not give it out")
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        files.extractall(root)


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git says; None when it says no, or is not there."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


class Worker:
    """A fresh process that has a revision in front of its path; it ends with the block, or with this process.

    Raises Failed, with the revision and the last line that it said, when it ends by itself.
    """

    def __init__(self, revision: Revision) -> None:
        self.revision = revision
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the block; it has no name
        self._process = subprocess.Popen(
            [sys.executable, "-P", script.__file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
            env=_environment(revision.root), cwd=revision.root,
            start_new_session=True,  # Ctrl-C is for us; we end it
        )  # fmt: skip

    def subjects(self) -> list[str]:
        """What the revision can be timed at; the first thing to ask for."""
        ready = self._answer()
        if not Path(ready["package"]).is_relative_to(self.revision.root):
            raise Failed(f"{self.revision.name}: another carenotes than that of the revision was imported")
        subjects: list[str] = ready["subjects"]
        return subjects

    def time(self, request: dict[str, Any]) -> dict[str, Any]:
        """Have one sample taken: see `worker.timed`; `error` tells of one that could not be."""
        try:
            self._pipe_in.write(json.dumps(request) + "\n")
            self._pipe_in.flush()
        except BrokenPipeError:
            raise self._ended() from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._pipe_out.readline()
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> Failed:
        self._process.wait()
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "nothing")
        return Failed(f"{self.revision.name}: its worker ended (status {self._process.returncode}), saying: {last}")

    @property
    def _pipe_in(self) -> Any:
        return self._process.stdin

    @property
    def _pipe_out(self) -> Any:
        return self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()  # it holds nothing that could be lost
        self._process.communicate()
        self._said.close()


def _environment(root: Path) -> dict[str, str]:
    """Ours, with the revision in front; its bytecode goes where it lies, and is compiled once."""
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": ""}
