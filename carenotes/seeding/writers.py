"""Ways to load, by name, and a load that writes one batch while it makes the next."""

from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from carenotes.backends import backend_of
from carenotes.backends.bulk.arrow import column
from carenotes.backends.bulk.writing import Batch, RowWriter, Step, Writer, executemany, nothing
from carenotes.models import Base, CareNote


@dataclass(frozen=True)
class Work:
    """One transaction: rows, the step of the ledger, and what is done last of all before it becomes permanent."""

    batch: Batch
    step: Step
    last: Callable[[], None] = nothing


def add_all(connection: Connection, table: str, rows: pa.Table) -> None:
    """ORM objects through the unit of work: what a first version does."""
    [model] = [one.class_ for one in Base.registry.mappers if one.class_.__tablename__ == table]
    with Session(connection) as session:
        session.add_all(model(**row) for row in rows.to_pylist())
        session.flush()


WRITERS: Mapping[str, Callable[[Engine], Writer]] = MappingProxyType(
    {
        "add_all": lambda engine: RowWriter(engine, add_all, backend_of(engine).BEFORE_WRITING),
        "executemany": lambda engine: RowWriter(engine, executemany, backend_of(engine).BEFORE_WRITING),
        "arrow": lambda engine: backend_of(engine).writer(engine),  # the shortest way that the engine has
    }
)


def notes_batch(notes: pa.Table, first_id: int) -> Batch:
    """Notes as a batch, numbered from `first_id`."""
    ids = column(np.arange(first_id, first_id + len(notes), dtype=np.int64), pa.int64())
    return {CareNote.__tablename__: notes.add_column(0, "id", ids)}


def written(sink: Writer, works: Iterable[Work]) -> Generator[Step, None, None]:
    """Write in a thread, the next work being made meanwhile; give each step when it has become permanent."""
    with ThreadPoolExecutor(1) as background:
        writing: Future[Step] | None = None
        try:
            for work in works:
                if writing is not None:
                    yield writing.result()
                writing = background.submit(_write_one, sink, work)
        except Exception:  # what is being written all the same is told
            if writing is not None:
                yield writing.result()
            raise
        if writing is not None:
            yield writing.result()


def _write_one(sink: Writer, work: Work) -> Step:
    sink.write(work.batch, work.step, work.last)
    return work.step
