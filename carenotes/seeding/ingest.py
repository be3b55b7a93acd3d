"""Somebody's own file brought into a database: every row a note or a reject, resumable at any batch.

A file that was read as a whole (`survey`) is read again, a batch a transaction: notes, new names and the ledger.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from carenotes.backends import backend_of, plain_error, shown, told_plainly
from carenotes.backends.bulk.arrow import column, strings
from carenotes.backends.bulk.writing import Step, nothing
from carenotes.errors import CarenotesError, Failed, Refused
from carenotes.models import Base, CareNote, Ingest
from carenotes.seeding import rejects as rejected
from carenotes.seeding.checks import check
from carenotes.seeding.generate import COLUMNS
from carenotes.seeding.numbering import Numbering, read_numbering
from carenotes.seeding.survey import Progress, Survey, state, survey
from carenotes.seeding.tabular import PART
from carenotes.seeding.unfinished import path_of, refuse_unfinished, text_of
from carenotes.seeding.writers import WRITERS, Work, notes_batch, written

ROWS = 50_000  # a batch
_BYTES = 1 << 24  # a batch of very long notes ends here
_EPOCH, _MICROSECOND = datetime(1970, 1, 1), timedelta(microseconds=1)  # noqa: DTZ001 - as care_notes has them


@dataclass(frozen=True)
class Ingested:
    """What became of a file: `read` rows are `before` (notes of an earlier call) + `written` + `rejected`."""

    read: int
    before: int
    written: int
    rejected: int
    rejects: Path  # where the rejected rows are, if any
    already: bool  # an earlier call had finished it


def ingest(
    engine: Engine,
    file: Path,
    mapping: Mapping[str, str],
    *,
    any_category: bool = False,
    any_priority: bool = False,
    rejects: Path | None = None,
    batch_size: int = ROWS,
    progress: Progress = lambda _: None,
) -> Ingested:
    """Bring the notes of a file into the database; `mapping` is from our columns to the file's. See `bring_in`."""
    surveyed = survey(file, mapping, any_category=any_category, any_priority=any_priority, rejects=rejects)
    return bring_in(engine, surveyed, batch_size=batch_size, progress=progress)


def bring_in(
    engine: Engine, surveyed: Survey, *, batch_size: int = ROWS, progress: Progress = lambda _: None
) -> Ingested:
    """Bring the notes of a file into the database; what an earlier, killed call wrote is kept and continued.

    `progress` is called with the number of rows that are done with for good. Raises Refused when the file was ingested
    with other arguments or something else is unfinished there, Failed when it must stop midway (whole batches are kept)
    or no row is good.
    """
    if batch_size < 1:
        raise Refused(f"batch size is {batch_size}; allowed: 1 or more")
    file = backend_of(engine).file(engine.url)
    rejected.check_file(surveyed.rejects, [file] if file else [])
    with told_plainly(engine):
        started, numbering = _begin(engine, surveyed)
    # A name without a folder is from when rejects went beside the database.
    rejects = (file or surveyed.table.file).absolute().parent / path_of(started.rejects_file)
    at = _At(started.rows_read, started.notes_written, started.rows_rejected, started.rejects_bytes)
    progress(at.rows_read)
    if not started.finished:
        at = _carry_on(
            engine, _works(surveyed, started, at, numbering, rejects, batch_size), at, progress, surveyed.rows
        )
    if not at.notes_written:
        counts = f"{at.rows_read:,} rows read: 0 ingested, {at.rows_rejected:,} rejected (reasons in {rejects})"
        raise Failed(f"{surveyed.table.file}: {counts}; most often: {rejected.most_common_reason(rejects)}")
    new = at.notes_written - started.notes_written
    return Ingested(at.rows_read, started.notes_written, new, at.rows_rejected, rejects, started.finished)


@dataclass(frozen=True)
class _At:
    """How far an ingest has come: the counters of the ledger."""

    rows_read: int
    notes_written: int
    rows_rejected: int
    rejects_bytes: int


def _carry_on(engine: Engine, works: Iterable[Work], at: _At, progress: Progress, total: int) -> _At:
    """Do the works; where they ended. Failed tells how far they came, and that the rest can be done by another call."""
    try:
        with WRITERS["arrow"](engine) as sink, closing(written(sink, works)) as steps:
            for step in steps:
                progress(step.after["rows_read"] - at.rows_read)
                at = _At(**{name: step.after[name] for name in asdict(at)})
    except (DBAPIError, CarenotesError) as error:
        said = error if isinstance(error, CarenotesError) else plain_error(engine, error)
        done = f"{at.rows_read:,} of {total:,} rows are done"
        raise Failed(f"{said}; {done}: run the same command again to go on") from error
    return at


def _begin(engine: Engine, surveyed: Survey) -> tuple[Ingest, Numbering]:
    """The ledger's row of this ingest, found or written, and the numbering as it stands."""
    with backend_of(engine).alone(engine), Session(engine, expire_on_commit=False) as session, session.begin():
        Base.metadata.create_all(session.connection())
        known = session.scalars(select(Ingest).where(Ingest.file_digest == surveyed.digest)).first()
        again = None
        if known is not None and known.finished and not known.notes_written:
            again = known.rejects_file  # it brought nothing, so it may be tried again otherwise
            session.delete(known)
            session.flush()
            known = None
        if known is None:
            known = _first_row(session, engine, surveyed, again)
            session.add(known)
        elif known.ingest_id != surveyed.key:
            raise Refused(f"{surveyed.table.file}: was ingested with other arguments: {known.arguments}")
        return known, Numbering(None, None) if known.finished else read_numbering(session, surveyed.plain)


def _first_row(session: Session, engine: Engine, surveyed: Survey, again: str | None) -> Ingest:
    refuse_unfinished(session, shown(engine))
    if surveyed.rejects is not None:
        rejects = text_of(surveyed.rejects.absolute())
    else:
        rejects = again or text_of(rejected.free_name(surveyed.table.file.absolute()))
    return Ingest(
        ingest_id=surveyed.key,
        file_digest=surveyed.digest,
        file=text_of(surveyed.table.file.absolute()),
        arguments=surveyed.arguments,
        rejects_file=rejects,
        first_id=(session.scalar(select(func.max(CareNote.id))) or 0) + 1,
        rows_read=0,
        notes_written=0,
        rows_rejected=0,
        rejects_bytes=0,
        finished=False,
    )


def _works(
    surveyed: Survey, started: Ingest, at: _At, numbering: Numbering, rejects: Path, size: int
) -> Iterator[Work]:
    """One transaction a batch, then the one that says that it is finished."""
    move = partial(Step, Ingest.__tablename__, started.ingest_id, "rows_read")
    if at.rejects_bytes:
        yield Work({}, move(at.rows_read, asdict(at)), partial(_restore, surveyed, at, rejects))
    for pieces in _grouped(_pieces(surveyed, numbering, at.rows_read, size), size):
        notes = pa.concat_tables([one.notes for one in pieces]).combine_chunks()
        data = b"".join(one.rejects for one in pieces)
        data = rejected.HEADER + data if data and not at.rejects_bytes else data
        read = sum(one.read for one in pieces)
        after = _At(
            at.rows_read + read,
            at.notes_written + len(notes),
            at.rows_rejected + read - len(notes),
            at.rejects_bytes + len(data),
        )
        batch = _together(one.names for one in pieces)
        if len(notes):
            batch |= notes_batch(notes, started.first_id + at.notes_written)
        _refuse_changed(surveyed, after.rows_read)
        last = partial(rejected.put, rejects, at.rejects_bytes, data) if data else nothing
        yield Work(batch, move(at.rows_read, asdict(after)), last)
        at = after
    _refuse_changed(surveyed, at.rows_read)
    yield Work({}, move(at.rows_read, asdict(at) | {"finished": 1}))


def _refuse_changed(surveyed: Survey, rows: int) -> None:
    if state(surveyed.table.file) != surveyed.state or rows > surveyed.rows:
        raise Failed(f"{surveyed.table.file}: was changed while it was read")


def _restore(surveyed: Survey, at: _At, rejects: Path) -> None:
    """Make the file of the rejects what the ledger says: cut off what a killed call had begun, or write it anew."""
    if rejects.exists() and rejects.stat().st_size >= at.rejects_bytes:
        return rejected.put(rejects, at.rejects_bytes, b"")
    rejected.put(rejects, 0, rejected.HEADER)
    place = len(rejected.HEADER)
    for part in surveyed.table.parts(surveyed.columns, 0, at.rows_read):
        data = rejected.as_csv(check(part, surveyed.rules).rejects)
        rejected.put(rejects, place, data)
        place += len(data)
    return None


@dataclass(frozen=True)
class _Piece:
    """A few rows, ready to be written."""

    read: int
    notes: pa.Table
    names: Mapping[str, pa.Table]  # those that are new, by the name of their table
    rejects: bytes


def _pieces(surveyed: Survey, numbering: Numbering, start: int, size: int) -> Iterator[_Piece]:
    for part in surveyed.table.parts(surveyed.columns, start, most=min(size, PART)):
        checked = check(part, surveyed.rules)
        notes, names = _notes(checked.columns, numbering)
        yield _Piece(part.read, notes, names, rejected.as_csv(checked.rejects))


def _grouped(pieces: Iterable[_Piece], size: int) -> Iterator[list[_Piece]]:
    """Pieces that make a batch: `size` rows, or as many bytes as are enough."""
    group: list[_Piece] = []
    rows = held = 0
    for piece in pieces:
        group.append(piece)
        rows += piece.read
        held += piece.notes.nbytes + len(piece.rejects)
        if rows >= size or held >= _BYTES:
            yield group
            group, rows, held = [], 0, 0
    if group:
        yield group


def _together(names: Iterable[Mapping[str, pa.Table]]) -> dict[str, pa.Table]:
    tables: dict[str, list[pa.Table]] = {}
    for one in names:
        for name, rows in one.items():
            tables.setdefault(name, []).append(rows)
    return {name: pa.concat_tables(parts) for name, parts in tables.items()}


def _notes(columns: Mapping[str, Sequence[Any]], numbering: Numbering) -> tuple[pa.Table, dict[str, pa.Table]]:
    """The good rows as notes, and the names among them that are new."""
    tenants, facilities, names = numbering.numbers(columns["tenant_id"], columns["facility_id"])
    count = len(tenants)
    moments = np.array([(one - _EPOCH) // _MICROSECOND for one in columns["created_at"]], np.int64)
    ready = {
        "tenant_id": _whole(tenants),
        "facility_id": _whole(facilities),
        "priority": _whole(columns["priority"]),
        "created_at": column(moments, pa.timestamp("us")),
        "created_by": strings([one or "" for one in columns.get("created_by", [""] * count)]),
        "note_text": strings([one or None for one in columns.get("note_text", [None] * count)]),
    }
    arrays = [ready[name] if name in ready else strings(columns[name]) for name in COLUMNS]
    return pa.Table.from_arrays(arrays, names=COLUMNS), names


def _whole(numbers: Sequence[int]) -> pa.Array:
    return column(np.array(numbers, np.int32), pa.int32())
