"""Loading generated notes in bulk: resumable at any batch, never a note lost or doubled."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from carenotes.backends import backend_of, plain_error, shown, told_plainly
from carenotes.backends.bulk.writing import Step
from carenotes.errors import CarenotesError, Failed, Refused
from carenotes.models import Base, CareNote, SeedLoad, TenantName
from carenotes.seeding.generate import SeedSpec, batches
from carenotes.seeding.unfinished import refuse_unfinished
from carenotes.seeding.writers import WRITERS, Work, notes_batch, written

BATCH_SIZE = 100_000  # measured in notebook 01: larger buys little, smaller pays for commits
Progress = Callable[[int], object]
Source = Callable[[SeedSpec, int, int], Iterable[pa.Table]]


@dataclass(frozen=True)
class Loaded:
    """What a call of `load` did: notes that were there before, and notes that it wrote."""

    before: int
    written: int


def load(
    engine: Engine,
    spec: SeedSpec,
    *,
    batch_size: int = BATCH_SIZE,
    append: bool = False,
    writer: str = "arrow",
    source: Source = batches,
    progress: Progress = lambda _: None,
) -> Loaded:
    """Bring the notes of `spec` into the database; what an earlier, killed call wrote is kept and continued.

    `source` gives the notes of the spec from some note on, in batches; `progress` is called with the number of notes
    that have just become permanent. Raises Refused when other notes are there already and `append` is not set, Failed
    when it must stop midway (whole batches are kept).
    """
    if batch_size < 1:
        raise Refused(f"batch size is {batch_size}; allowed: 1 or more")
    with told_plainly(engine):
        started = _begin_load(engine, spec, append)
    done = started.notes_loaded
    progress(done)
    try:
        with (
            WRITERS[writer](engine) as sink,
            closing(written(sink, _works(source(spec, batch_size, done), started))) as steps,
        ):
            for step in steps:
                done = step.after["notes_loaded"]
                progress(done - step.before)
    except (DBAPIError, CarenotesError) as error:
        raise _stopped(engine, error, done, spec.notes) from error
    return Loaded(started.notes_loaded, done - started.notes_loaded)


def _works(tables: Iterable[pa.Table], started: SeedLoad) -> Iterator[Work]:
    done = started.notes_loaded
    for notes in tables:
        after = {"notes_loaded": done + len(notes)}
        step = Step(SeedLoad.__tablename__, started.load_id, "notes_loaded", done, after)
        yield Work(notes_batch(notes, started.first_id + done), step)
        done += len(notes)


def _stopped(engine: Engine, error: Exception, done: int, total: int) -> Failed:
    plain = error if isinstance(error, CarenotesError) else plain_error(engine, error)
    return Failed(f"{plain}; {done:,} of {total:,} notes are kept: run the same command again to go on")


def _begin_load(engine: Engine, spec: SeedSpec, append: bool) -> SeedLoad:
    """The ledger's row of this load: found, or written. The answer is detached from its session."""
    load_id, *former = spec.ledger_keys()
    with backend_of(engine).alone(engine), Session(engine, expire_on_commit=False) as session, session.begin():
        Base.metadata.create_all(session.connection())  # the ledger, in the transaction that a refusal undoes
        known = next((one for key in (load_id, *former) if (one := session.get(SeedLoad, key))), None)
        if known is None:
            name = shown(engine)
            refuse_unfinished(session, name)
            highest = session.scalar(select(func.max(CareNote.id)))
            if highest is not None and not append:
                raise Refused(f"{name}: holds other notes already; --append adds these to them")
            if session.scalars(select(TenantName.tenant_id).limit(1)).first() is not None:
                raise Refused(f"{name}: holds tenants numbered by their names; made-up ones would share their numbers")
            known = SeedLoad(
                load_id=load_id,
                arguments=spec.as_json(),
                first_id=(highest or 0) + 1,
                notes_total=spec.notes,
                notes_loaded=0,
            )
            session.add(known)
        return known
