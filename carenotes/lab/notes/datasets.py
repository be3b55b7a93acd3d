"""The notes that an experiment works on: made from a seed, or somebody's own; and the folder that copies go to."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from carenotes.backends import BACKENDS
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.own import OwnNotes
from carenotes.lab.notes.stored import Notes
from carenotes.seeding import SeedSpec

__all__ = ["OwnNotes", "SeededNotes", "notes_from", "removed", "scratch"]


def notes_from(database: str, spec: SeedSpec, folder: str) -> Notes:
    """Somebody's own notes if `database` names some, else those of `spec`; copies go to `folder` (or to a new one).

    `database` is a URL, or `env:NAME` for one in an environment variable.
    """
    place = scratch(folder)
    if not database:
        return SeededNotes(spec, place)
    url = os.environ.get(database.removeprefix("env:"), "") if database.startswith("env:") else database
    return OwnNotes(url, place, spec.notes)


def scratch(folder: str) -> Path:
    """`folder`, made if absent, or a new one that goes when the process ends."""
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        return Path(folder)
    made = Path(tempfile.mkdtemp(prefix="carenotes-"))
    atexit.register(removed, made)
    return made


def removed(folder: Path) -> None:
    """Remove a folder and every copy that belongs to it, wherever it lies."""
    for backend in BACKENDS.values():
        backend.clear(folder)
    shutil.rmtree(folder, ignore_errors=True)
