"""The file of the rows that were not taken: CSV `line,reason,row`, its length kept in the ledger."""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from carenotes.errors import Failed, Refused
from carenotes.seeding.tabular import Reject

HEADER = b"line,reason,row\n"
_SHOWN = 2_000  # characters of a row's JSON; a longer one is cut to so many
_FIELDS = 50  # and of each of them so many
_CHARACTERS = 200
_AS_JSON = json.JSONEncoder(ensure_ascii=False).encode


def as_csv(rejects: Sequence[Reject]) -> bytes:
    """The rejects as lines of CSV, the row as a JSON list of its fields, long ones cut."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows((one.line, one.reason, _shown(one.fields)) for one in rejects)
    # A byte that was not UTF-8 is a lone surrogate here; written \udcXX it is what JSON writes as well.
    return text.getvalue().encode(errors="backslashreplace")


def _shown(fields: Sequence[str | None]) -> str:
    shown = _AS_JSON(fields)
    if len(shown) <= _SHOWN:
        return shown
    cut = [one if one is None or len(one) <= _CHARACTERS else one[:_CHARACTERS] + "…" for one in fields[:_FIELDS]]
    return _AS_JSON(cut + ["…"] * (len(fields) > _FIELDS))


def put(file: Path, place: int, data: bytes) -> None:
    """Make `data` the end of the file, from byte `place` on; on the disk when it returns."""
    try:
        file.touch()
        with file.open("r+b") as opened:
            if opened.seek(0, os.SEEK_END) < place:
                raise Failed(f"{file}: was shortened by somebody else")
            opened.seek(place)
            opened.truncate()
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:  # a full disk does not tell whose it is
        raise Failed(f"{file}: {error.strerror}") from error


def check_file(rejects: Path | None, others: Iterable[Path]) -> None:
    """Refuse a file that rejects cannot go to, or that is one of the `others`."""
    if rejects is None:
        return
    if rejects.is_dir() or not rejects.absolute().parent.is_dir():
        raise Refused(f"{rejects}: is no place for rejects; allowed: a file in a folder that exists")
    for other in others:
        if rejects.resolve() == other.resolve() or (other.exists() and rejects.exists() and rejects.samefile(other)):
            raise Refused(f"{rejects}: would be overwritten by the rejects; allowed: a file of their own")


def check_place(rejects: Path | None, read: Path) -> None:
    """Refuse to read a file beside which nothing can be written, when its rejects would go there."""
    if rejects is None and not os.access(read.absolute().parent, os.W_OK):
        raise Refused(f"{read}: its folder cannot be written to, and rejects go there; name a file with --rejects")


def free_name(read: Path) -> Path:
    """The file beside the one that is read where rejects go by default; those of another ingest are not overwritten."""
    number, file = 1, read.with_name(f"{read.name}.rejects.csv")
    while file.exists():
        number += 1
        file = read.with_name(f"{read.name}.rejects.{number}.csv")
    return file


def most_common_reason(file: Path) -> str:
    """Why most rows were not taken; of several, the first."""
    with file.open(encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        next(rows)
        [(reason, _)] = Counter(row[1] for row in rows).most_common(1)
    return reason
