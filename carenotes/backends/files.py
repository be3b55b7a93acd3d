"""What is alike of engines that keep a database in one file: the part of a `Backend` that is about files."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import URL, Connection, Engine

from carenotes.errors import Refused

BESIDE = ("-wal", "-shm", "-journal", ".wal")  # what engines lay beside a database while it is written


def file(url: URL) -> Path:
    """The file that a URL names. Raises Refused when it names none."""
    name = url.database or ""
    if name.startswith("file:"):
        name = unquote(name.removeprefix("file:").split("?")[0])
    if name in ("", ":memory:"):
        raise Refused(f"the URL names no file; a database looks like {url.drivername}:///notes.db")
    return Path(name)


def shown(url: URL) -> str:
    """The file, as it was given."""
    return str(file(url))


def check(url: URL) -> None:
    """Refuse a URL of no file, of a folder, or with a host: a file is here."""
    if url.host:
        raise Refused(f"the URL names a host; a database looks like {url.drivername}:///notes.db")
    if file(url).is_dir():
        raise Refused(f"{file(url)}: is a folder, not a database")


def absolute(url: URL) -> URL:
    """By the whole path of the file; options, user and password are nothing to an engine of files."""
    return URL.create(url.drivername, database=str(file(url).absolute()))


def exists(url: URL) -> bool:
    """Whether there is such a file."""
    return file(url).exists()


def check_writable(url: URL) -> None:
    """Refuse a file that cannot be made or written to."""
    there = file(url)
    if not there.parent.is_dir():
        raise Refused(f"{there}: its folder does not exist")
    if there.exists() and not os.access(there, os.W_OK):
        raise Refused(f"{there}: the database is read-only")


def copy(source: URL, target: URL) -> None:
    """Copy the file."""
    shutil.copyfile(file(source), file(target))


def move(source: URL, target: URL) -> None:
    """Rename the file."""
    file(source).rename(file(target))


def drop(url: URL) -> None:
    """Delete the file, and what its engine laid beside it."""
    for end in ("", *BESIDE):
        with suppress(FileNotFoundError):
            file(url).with_name(file(url).name + end).unlink()


def clear(folder: Path) -> None:
    """Nothing: the databases of a folder are files in it."""


def settle(engine: Engine) -> None:
    """Nothing: a file is read as it was written."""


def process(connection: Connection) -> int | None:
    """None: the engine works in the process that asks."""


def beside(url: URL) -> list[Path]:
    """What an engine has laid beside the file; it belongs to the database as the file does."""
    there = file(url)
    return [one for end in BESIDE if (one := there.with_name(there.name + end)).exists()]


def size(connection: Connection) -> int:
    """The bytes of the file, and of what lies beside it."""
    url = connection.engine.url
    return sum(one.stat().st_size for one in (file(url), *beside(url)))
