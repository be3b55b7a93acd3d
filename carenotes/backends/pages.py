"""Many notes read a page at a time, each in a transaction of its own: whoever writes waits for a page at most."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from carenotes.models import CareNote

PAGE = 50_000  # notes


def pages(connection: Connection, query: Select[Any], most: int | None = None) -> Iterator[Sequence[Any]]:
    """Rows of a query over notes whose first column is their id, from the highest id down; at most `most` of them.

    Notes that are written meanwhile are met or not, by their id. The connection must not be in a transaction.
    """
    before, left = None, most
    while left is None or left > 0:
        page = query.order_by(CareNote.id.desc()).limit(PAGE if left is None else min(PAGE, left))
        with connection.begin():
            rows = connection.execute(page if before is None else page.where(CareNote.id < before)).all()
        if not rows:
            return
        yield rows
        before, left = rows[-1][0], left and left - len(rows)


def id_ranges(connection: Connection, size: int = 5 * PAGE) -> Iterator[tuple[int, int]]:
    """The lowest and the highest id of each `size` notes, in order of id, up to the highest there is at the start."""
    with connection.begin():
        last = connection.execute(select(CareNote.id).order_by(CareNote.id.desc()).limit(1)).scalar()
    after: int | None = None
    while last is not None and after != last:
        rest = select(CareNote.id).where(CareNote.id <= last).order_by(CareNote.id).limit(1)
        rest = rest if after is None else rest.where(CareNote.id > after)
        with connection.begin():
            low = connection.execute(rest).scalar()
            high = connection.execute(rest.offset(size - 1)).scalar()
        if low is None:  # the last one has been deleted meanwhile
            return
        after = last if high is None else high
        yield low, after
