"""What was begun in a database and must be finished before anything else begins there."""

import os
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from sqlalchemy import select
from sqlalchemy.orm import Session

from carenotes.errors import Refused
from carenotes.models import Ingest, SeedLoad


def refuse_unfinished(session: Session, name: str) -> None:
    """Raise Refused when a load or an ingest in the database, called `name`, was interrupted."""
    load = session.scalars(select(SeedLoad).where(SeedLoad.notes_loaded < SeedLoad.notes_total)).first()
    if load is not None:
        raise Refused(f"{name}: an earlier load is unfinished; finish it first, with its arguments: {load.arguments}")
    ingest = session.scalars(select(Ingest).where(Ingest.finished.is_(False))).first()
    if ingest is not None:
        raise Refused(
            f"{name}: an earlier ingest is unfinished; finish it first, with its file {path_of(ingest.file)} "
            f"and its arguments: {ingest.arguments}"
        )


def text_of(path: Path) -> str:
    """A path as text that every database takes, whatever bytes it has."""
    return quote(os.fsencode(path))


def path_of(text: str) -> Path:
    """The path that `text_of` made into text."""
    return Path(os.fsdecode(unquote_to_bytes(text)))
