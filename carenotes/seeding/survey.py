"""A file of somebody's own, read once as a whole before anything of it is written.

Its SHA-256 tells ingests apart, and whether ids are numbers or names is decided by all of them.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from carenotes.errors import Failed
from carenotes.seeding import rejects as rejected
from carenotes.seeding.checks import Rules, rules, whole
from carenotes.seeding.mapping import resolved
from carenotes.seeding.tabular import Tabular, open_tabular

Progress = Callable[[int], object]


@dataclass(frozen=True)
class Survey:
    """A file that was read once as a whole, and what is to be done with it."""

    table: Tabular
    columns: Mapping[str, str]  # ours to theirs
    rules: Rules
    arguments: str  # canonical JSON
    rejects: Path | None
    digest: str  # SHA-256 of the file
    rows: int
    plain: Mapping[str, bool]  # are all ids of the kind plain numbers?
    state: tuple[int, ...]

    @property
    def key(self) -> str:
        """What makes two ingests the same."""
        return hashlib.sha256(f"{self.digest} {self.arguments}".encode()).hexdigest()


def survey(
    file: Path,
    mapping: Mapping[str, str],
    *,
    any_category: bool = False,
    any_priority: bool = False,
    rejects: Path | None = None,
    progress: Progress = lambda _: None,
) -> Survey:
    """Read the file once; nothing is written. `progress` is called with the number of rows looked at.

    Raises Refused when the file or the mapping will not do, Failed when there is no row at all.
    """
    table = open_tabular(file)
    columns = resolved(file, table.names, mapping)
    table.check(columns)
    rejected.check_file(rejects, [file])
    rejected.check_place(rejects, file)
    before = state(file)
    with ThreadPoolExecutor(1) as background:
        digest = background.submit(_digest, file)
        rows, plain = _look_through(table, columns, progress)
    if not rows:
        raise Failed(f"{file}: 0 rows read: 0 ingested, 0 rejected; it has a header and nothing else")
    place = None if rejects is None else str(rejects.absolute())
    options = {"any_category": any_category, "any_priority": any_priority, "mapping": columns, "rejects": place}
    arguments = json.dumps(options, sort_keys=True)
    return Survey(
        table, columns, rules(any_category, any_priority), arguments, rejects, digest.result(), rows, plain, before
    )


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def state(file: Path) -> tuple[int, ...]:
    """What differs when a file is no longer the same."""
    there = file.stat()
    return there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns


def _look_through(table: Tabular, columns: Mapping[str, str], progress: Progress) -> tuple[int, dict[str, bool]]:
    """The number of rows, and whether all ids of a kind are plain numbers; rows that cannot be read have no say."""
    rows, plain = 0, {"tenant_id": True, "facility_id": True}
    for part in table.parts({name: columns[name] for name in plain}):
        rows += part.read
        progress(part.read)
        for name in plain:
            plain[name] = plain[name] and all(not one or whole(one) is not None for one in set(part.column(name)))
    return rows, plain
