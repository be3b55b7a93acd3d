"""The manifest of a run folder: a SHA-256 of everything in it, to find accidents (not forgers)."""

import hashlib
import json
from pathlib import Path

from carenotes.errors import Refused

NAME = "manifest.json"
ANEW = ".anew"  # in a run folder: the same run, being made anew; of no meaning when it was left there


def write(folder: Path) -> None:
    """List every file of the folder with its SHA-256."""
    files = {name: _sha256(folder / name) for name in _files(folder)}
    (folder / NAME).write_text(json.dumps({"files": files}, indent=1) + "\n")


def put_in_place(new: Path, folder: Path) -> None:
    """Move the files of a finished run over those of the same run, its manifest last."""
    for name in [*_files(new), NAME]:
        (new / name).replace(folder / name)


def check(folder: Path) -> None:
    """Raise Refused, naming the file, when one was changed, is missing or is new."""
    manifest = folder / NAME
    if not manifest.is_file():
        raise Refused(f"{folder}: not a finished run; it has no {NAME}")
    try:
        listed: dict[str, str] = json.loads(manifest.read_text())["files"]
    except (ValueError, KeyError, TypeError):
        raise Refused(f"{manifest}: not a manifest of carenotes") from None
    there = _files(folder)
    for name in sorted(listed.keys() | set(there)):
        if name not in there:
            raise Refused(f"{folder / name}: missing, though the manifest lists it")
        if name not in listed:
            raise Refused(f"{folder / name}: not in the manifest")
        if _sha256(folder / name) != listed[name]:
            raise Refused(f"{folder / name}: changed since the manifest was written")


def _files(folder: Path) -> list[str]:
    files = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file() and file.name != NAME)
    return sorted(str(file) for file in files if file.parts[0] != ANEW)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
