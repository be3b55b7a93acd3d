"""Building: all nodes of a tenant from its notes, a chunk at a time; tenants one after the other."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, Select, bindparam, delete, func, select, type_coerce, update

from carenotes.backends import told_plainly
from carenotes.backends.expressions import DayNumber
from carenotes.backends.upkeep import Reader, fresh, upkeep_of
from carenotes.design import COVERING
from carenotes.designs import prepare, stands
from carenotes.models import CareNote
from carenotes.rollup.design import DESIGN as ROLLUP
from carenotes.rollup.node import check_installed
from carenotes.rollup.nodes import Nodes, Row, concatenated
from carenotes.rollup.notes import COLUMNS, COUNTED, Codes, of_days
from carenotes.rollup.refreshing import refresh
from carenotes.rollup.tables import (
    CLAIMED,
    MARKS,
    NEW_TENANT,
    NODES,
    OF_TENANTS,
    OWN,
    PATIENTS,
    TENANTS,
    Built,
    built,
    say_built,
)
from carenotes.rollup.tree import FANOUT, FIRST_DAY, LAST_DAY, TOP, Span, days_of, moments, number

CHUNK = 200_000  # notes that are in memory at once, unless one day of a tenant has more
_TOP_DAYS: int = FANOUT**TOP  # of a node on top
_FIRST_LEVEL = 2  # of many notes that of which the first are read
_ALL_OF_A_DAY = 2**62  # notes: more than there can be
Progress = Callable[[int], object]


def nothing(_notes: int) -> None:
    """What is done with progress where nobody looks."""


_NEXT_TENANT = select(type_coerce(func.min(CareNote.tenant_id), BigInteger).label("tenant"))
_AFTER = _NEXT_TENANT.where(CareNote.tenant_id > bindparam("last", type_=BigInteger))


def _end(of: Any, *more: Any) -> Select[Any]:
    """The first or the last day that has notes, 0 where none has."""
    mine = CareNote.tenant_id == bindparam("tenant_id", type_=BigInteger)
    moment = select(of(CareNote.created_at)).where(mine, *more).scalar_subquery()
    return select(func.coalesce(DayNumber(moment), 0).label("day"))


_FIRST, _LAST = _end(func.min), _end(func.max)
_NEXT = _end(func.min, CareNote.created_at >= bindparam("first_moment"))


def tenants(connection: Connection) -> Iterator[int]:
    """Every tenant that has notes, in order; each is looked for when it is wanted."""
    last: int | None = None
    while True:
        values = {} if last is None else {"last": last}
        last = connection.execute(_NEXT_TENANT if last is None else _AFTER, values).scalar()
        if last is None:
            return
        yield last


class Tenant:
    """The nodes of a tenant's notes of some days, as rows; what is read is forgotten a chunk at a time."""

    def __init__(self, read: Reader, tenant_id: int, days: Span, codes: Codes, progress: Progress) -> None:
        self._read, self._tenant_id, self._progress = read, tenant_id, progress
        self.codes = codes
        self.rows: list[Row] = []
        self._a_day = CHUNK / FANOUT**_FIRST_LEVEL  # notes, as the last look had it; a guess
        ends = self._end(_FIRST), self._end(_LAST)
        self._days = max(ends[0], days[0]), min(ends[1], days[1])
        place = ends[0] // _TOP_DAYS
        while place <= ends[1] // _TOP_DAYS:
            place = place + 1 if self._block(TOP, place) else self._after(place)
        self.rows.sort(key=lambda row: row[:2])  # as the table is kept

    def _end(self, end: Select[Any], **more: Any) -> int:
        found: int = self._read(end, {"tenant_id": self._tenant_id, **more})["day"][0].as_py()
        return found

    def _after(self, place: int) -> int:
        """The next place on top that has notes: one whose year is 9999, by mistake, is far from all others."""
        first, _ = moments(days_of(number(TOP, place + 1)))
        return max(place + 1, self._end(_NEXT, first_moment=first) // _TOP_DAYS)

    def _block(self, level: int, place: int) -> tuple[Nodes, Nodes] | None:
        """The nodes of a place, of each facility and of all; those under it are written by the way."""
        first, last = days_of(number(level, place))
        days = max(first, self._days[0]), min(last, self._days[1])
        if days[0] > days[1]:
            return None
        table = self._at_once(level, days)
        if table is None:
            below = [self._block(level - 1, place * FANOUT + one) for one in range(FANOUT)]
            there = [one for one in below if one is not None]
            found = [concatenated(each) for each in zip(*there, strict=True)]
            return self._above(*found) if found else None
        if not len(table):
            return None
        own = self.codes.leaves(table)
        pair = (own, own.of_all(self.codes.names))
        self._keep(*pair)
        for _ in range(level):
            pair = self._above(*pair)
        self._progress(len(table))
        return pair

    def _at_once(self, level: int, days: Span) -> Any:
        """The notes of some days; None where they are too many. To count all of them would take a tenth of all time."""
        values, width = of_days(self._tenant_id, days), days[1] - days[0] + 1
        if level == TOP and self._read(COUNTED, values | {"most": CHUNK + 1})["notes"][0].as_py() > CHUNK:
            return None
        if 0 < level < TOP and self._a_day * width > CHUNK:
            return None
        table = self._read(COLUMNS, values | {"most": CHUNK + 1 if level else _ALL_OF_A_DAY})
        self._a_day = len(table) / width
        return table if level == 0 or len(table) <= CHUNK else None

    def _above(self, own: Nodes, of_all: Nodes) -> tuple[Nodes, Nodes]:
        names = self.codes.names
        pair = own.above(names), of_all.above(names)
        self._keep(*pair)
        return pair

    def _keep(self, *nodes: Nodes) -> None:
        for one in nodes:
            self.rows.extend(one.rows(self.codes.names))


def write(connection: Connection, tenant_id: int, made: Tenant) -> None:
    """Put a tenant into the tables, of which they hold nothing."""
    upkeep = upkeep_of(connection)
    upkeep.insert(connection, NODES, [(tenant_id, *row) for row in made.rows])
    patients = sorted(made.codes.new_patients.items())
    upkeep.insert(connection, PATIENTS, [(tenant_id, text, number) for text, number in patients])


def build(engine: Engine, first_day: date = date.min, last_day: date = date.max, progress: Progress = nothing) -> int:
    """Make a rollup of these days while others write, or finish one that was interrupted; how many notes were read.

    From the first moment on changes are marked; then each tenant is read, and written in a transaction of its own;
    what was marked meanwhile is made anew at the end. One that is there already, whole, is only refreshed. No other
    design of ours stays. Of the memory that it takes only a tenant's nodes grow, with its facilities and days.
    """
    check_installed()
    what = Built(first_day.toordinal(), last_day.toordinal())
    with told_plainly(engine):
        _protect(engine)
        with engine.connect() as connection:
            found = built(connection)
            whole = stands(connection, ROLLUP) and found is not None and replace(found, notes=None) == what
            begun = found == replace(what, whole=False) and upkeep_of(connection).hears(connection, MARKS)
        if not whole and not begun:
            prepare(engine, COVERING)
            with fresh(engine).begin() as connection:
                begin(connection, what)
        read = 0 if whole else _tenants_that_lack(engine, what, progress)
        if upkeep_of(engine).HEARS:
            refresh(engine)
    return read


def _protect(engine: Engine) -> None:
    """Put the policies that the notes have by now on what is there, which is not to be made anew for that."""
    with engine.connect() as connection:
        if built(connection) is None or upkeep_of(connection).protected(connection, OF_TENANTS):
            return
    with fresh(engine).begin() as connection:
        upkeep_of(connection).protect(connection, OF_TENANTS)


def _tenants_that_lack(engine: Engine, what: Built, progress: Progress) -> int:
    read = 0
    with engine.connect() as connection:
        done = set(connection.execute(select(TENANTS.c.tenant_id).where(TENANTS.c.next_number > CLAIMED)).scalars())
        lacking = [one for one in tenants(connection) if one not in done]

    def count(notes: int) -> None:
        nonlocal read
        read += notes
        progress(notes)

    for tenant_id in lacking:
        while not _build_tenant(engine, tenant_id, what, count):
            pass
    with fresh(engine).begin() as connection:
        finish(connection, what)
    return read


def _build_tenant(engine: Engine, tenant_id: int, what: Built, progress: Progress) -> bool:
    """Read a tenant, and write it if nobody else has; False when all notes were truncated between.

    Of that no mark is left: the claim is gone with all else.
    """
    with fresh(engine).begin() as connection:
        connection.execute(NEW_TENANT, {"tenant_id": tenant_id, "next_number": CLAIMED})
    with upkeep_of(engine).apart(engine) as reader:
        made = Tenant(reader, tenant_id, (what.first_day, what.last_day), Codes({}, 1), progress)
    mine = TENANTS.c.tenant_id == tenant_id
    with fresh(engine).begin() as connection:
        to_build = update(TENANTS).where(mine, TENANTS.c.next_number == CLAIMED).returning(TENANTS.c.tenant_id)
        if connection.execute(to_build.values(next_number=made.codes.next_number)).first() is not None:
            write(connection, tenant_id, made)
            return True
        return connection.execute(select(TENANTS.c.tenant_id).where(mine)).first() is not None


def begin(connection: Connection, what: Built) -> None:
    """Make the tables, empty, and from then on have every change of a note marked."""
    check_installed()
    OWN.create_all(connection)
    upkeep_of(connection).hear(connection, MARKS, OF_TENANTS)
    upkeep_of(connection).protect(connection, OF_TENANTS)
    say_built(connection, replace(what, whole=False))


def build_at_once(connection: Connection) -> None:
    """Make all of it in the transaction of the connection."""
    begin(connection, Built())
    upkeep = upkeep_of(connection)

    def read(asked: Select[Any], values: dict[str, Any]) -> Any:
        return upkeep.columns(connection, asked, values)

    for tenant_id in list(tenants(connection)):
        made = Tenant(read, tenant_id, (FIRST_DAY, LAST_DAY), Codes({}, 1), nothing)
        connection.execute(NEW_TENANT, {"tenant_id": tenant_id, "next_number": made.codes.next_number})
        write(connection, tenant_id, made)
    finish(connection, Built())


def finish(connection: Connection, what: Built) -> None:
    """Say that all of it is there. Where nobody tells of changes, by how many notes there are some can be noticed."""
    connection.execute(delete(TENANTS).where(TENANTS.c.next_number == CLAIMED))  # whose notes are gone since
    hears = upkeep_of(connection).HEARS
    notes = None if hears else connection.execute(select(func.count()).select_from(CareNote)).scalar_one()
    say_built(connection, replace(what, whole=True, notes=notes))
