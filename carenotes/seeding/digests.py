r"""One canonical SHA-256 of notes, the same whether they were just generated or come out of a database.

One line a note in order of its id, columns between bars, a missing text as `\\N`; the id itself is left out.
"""

import hashlib
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, String, cast, func, literal, select

from carenotes.backends.expressions import TextOfTime
from carenotes.backends.pages import PAGE, id_ranges
from carenotes.models import CareNote
from carenotes.seeding.generate import COLUMNS

_MISSING = "\\N"


def digest(tables: Iterable[pa.Table]) -> str:
    """The digest of generated notes, given batch by batch."""
    sha = hashlib.sha256()
    for table in tables:
        text = [table[name].cast(pa.string()) for name in COLUMNS]
        lines = pc.binary_join_element_wise(*text, "|", null_handling="replace", null_replacement=_MISSING)
        for chunk in pa.chunked_array(pc.binary_join_element_wise(lines, "\n", "")).chunks:
            sha.update(chunk.buffers()[2])
    return sha.hexdigest()


def stored_digest(connection: Connection) -> str:
    """The digest of the notes in a database; they pass through memory a part at a time, each in a transaction."""
    line: ColumnElement[str] = literal("")
    for number, name in enumerate(COLUMNS):
        column = CareNote.__table__.c[name]
        text = TextOfTime(column) if name == "created_at" else cast(column, String)
        line = line + ("|" if number else "") + func.coalesce(text, _MISSING)
    sha = hashlib.sha256()
    for ends in id_ranges(connection, PAGE):
        with connection.begin():
            found = connection.execute(select(line).where(CareNote.id.between(*ends)).order_by(CareNote.id))
            rows = found.cursor.fetchall()  # rows of SQLAlchemy's own take as long as the query
        sha.update("".join(f"{text}\n" for (text,) in rows).encode())
    return sha.hexdigest()
