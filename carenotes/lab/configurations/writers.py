"""The worker's side of readers and writers: clients of one database, of which some ask while others write.

Each is a process of its own. In one process, readers and writers would wait for Python's lock in turn, and what is to
be seen is whom the database makes wait for whom.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import cycle
from multiprocessing.connection import Connection as Pipe
from time import perf_counter_ns
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import URL, Connection, delete, insert, select
from sqlalchemy.exc import DBAPIError
from typing_extensions import override

from carenotes.aggregators import Aggregator
from carenotes.backends import backend_of
from carenotes.lab.configurations.client import in_transaction, of_each_shape, parts_of
from carenotes.lab.configurations.peers import Peer, Work, given_back, heard, peers
from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.runner.workers import TIMED, Configuration
from carenotes.models import CareNote
from carenotes.queries import CareStats, StatsQuery

WRITE_LATENCY = "write latency"  # a kind of nanoseconds of a transaction that was begun while somebody read
READ_BUSY, WRITE_BUSY = "read busy", "write busy"  # kinds: how long it took until the database gave a transaction up
KEPT, LOST = "all that was written is there once", "what is there is not what was written"  # a last digest
_MOST_GIVEN_UP = 100  # times in a row that a transaction is tried again
_APART, _FIRST_ID = 10_000_000, 1 << 40  # ids of writers are so far from each other, and from those of notes
_FACILITIES, _PATIENTS = 12, 1_000  # of what is written
T = TypeVar("T")


class Took(NamedTuple):
    """When something began, how long it took (ns), and after how many ns each the database gave it up before."""

    began: int
    elapsed: int
    given_up: Sequence[int]


@dataclass(frozen=True)
class Writing:
    """What is written meanwhile: by so many, so many notes a transaction, of a tenant whom nobody asks about."""

    writers: int
    notes_a_transaction: int
    tenant: int
    day: date


def persistent(connection: Connection, do: Callable[[Connection], T]) -> tuple[T, Took]:
    """What a transaction gives; where the database gives it up for the sake of others, it is tried again."""
    busy, began, given_up = backend_of(connection).BUSY, perf_counter_ns(), list[int]()
    while True:
        tried = perf_counter_ns()
        try:
            with connection.begin():
                found = do(connection)
        except DBAPIError as error:
            said = str(error.orig).lower()
            if not any(word in said for word in busy) or len(given_up) == _MOST_GIVEN_UP:
                raise
            given_up.append(perf_counter_ns() - tried)
        else:
            return found, Took(began, perf_counter_ns() - began, given_up)


class Reading(Work):
    """The work of a reader: it asks its queries over and over, until it is told to stop, and tells what each took."""

    def __init__(self, url: URL, aggregator: Aggregator, first: Sequence[StatsQuery]) -> None:
        self._engine, self._aggregator = backend_of(url).pool(url, 1), aggregator
        self._connection = self._engine.connect()
        self._queries: Sequence[StatsQuery] = first
        self._answers = [in_transaction(aggregator, self._connection, query) for query in first]

    @override
    def do(self, order: Sequence[StatsQuery] | None, pipe: Pipe) -> Sequence[Took] | Sequence[CareStats]:
        """For None, an answer to each query of the order before."""
        if order is None:
            return self._of_each()
        self._queries, self._answers, took = order, [], list[Took]()
        for query in cycle(order):
            answer, one = self._ask(query)
            self._answers.append(answer)
            took.append(one)
            if pipe.poll():
                break
        return took

    def _of_each(self) -> Sequence[CareStats]:
        """One that differs from the first, if a query has any; queries that it did not come to are answered now."""
        count = len(self._queries)
        found = [*self._answers, *(self._ask(query)[0] for query in self._queries[len(self._answers) :])]
        return [
            next((one for one in found[place::count] if one != found[place]), found[place]) for place in range(count)
        ]

    def _ask(self, query: StatsQuery) -> tuple[CareStats, Took]:
        return persistent(self._connection, lambda connection: self._aggregator(connection, query))

    @override
    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()


class Inserting(Work):
    """The work of a writer: it inserts notes, a transaction after the other, until it is told to stop."""

    def __init__(self, url: URL, what: Writing, number: int) -> None:
        self._engine, self._what = backend_of(url).engine(url, read_only=False, create=False), what
        self._first_id = _FIRST_ID + number * _APART
        self._connection = self._engine.connect()

    @override
    def do(self, order: int, pipe: Pipe) -> tuple[range, Sequence[Took]]:
        """At most so many transactions: the ids of the notes that were committed, and what each took."""
        took: list[Took] = []
        while len(took) < order and not pipe.poll():
            took.append(persistent(self._connection, partial(self._insert, self._notes(len(took))))[1])
        return range(self._first_id, self._first_id + len(took) * self._what.notes_a_transaction), took

    def _insert(self, notes: Sequence[Mapping[str, Any]], connection: Connection) -> None:
        connection.execute(insert(CareNote), notes)

    def _notes(self, place: int) -> list[dict[str, Any]]:
        """Those of a transaction."""
        first = self._first_id + place * self._what.notes_a_transaction
        return [self._note(number) for number in range(first, first + self._what.notes_a_transaction)]

    def _note(self, number: int) -> dict[str, Any]:
        moment = datetime.combine(self._what.day, time()) + timedelta(seconds=number % 86_400)
        return {
            "id": number, "tenant_id": self._what.tenant, "facility_id": 1 + number % _FACILITIES,
            "patient_id": f"patient {number % _PATIENTS}", "category": "observation", "priority": 1 + number % 5,
            "created_at": moment, "created_by": "writer", "note_text": None,
        }  # fmt: skip

    @override
    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()


class ReadersAndWriters(Configuration):
    """So many readers, each of which asks its share of the queries over and over in a closed loop, while others write.

    After so many `seconds` readers and writers stop with what they are at: readers may be kept out for as long as
    anybody writes. Kept of what is written are the transactions that began meanwhile. Then what is there is compared
    with what was committed, and deleted: each round finds the database as it was. Warm-ups are short and without
    writers; they leave nothing to be opened or compiled.
    """

    def __init__(
        self,
        url: URL,
        aggregator: Aggregator,
        stream: Sequence[StatsQuery],
        readers: int,
        units: int,
        seconds: float,
        writing: Writing | None,
    ) -> None:
        self._url, self._stream, self._number, self._count = url, stream, readers, units
        self._seconds, self._writing = seconds, writing
        self._make_reader = partial(Reading, url, aggregator, of_each_shape(stream))
        self._readers: list[Peer] = []
        self._writers: list[Peer] = []
        self._queries: Sequence[StatsQuery] = ()
        self._part = TIMED
        self._read: list[Took] = []
        self._written: list[Took] = []

    @override
    def warm_up(self, round_number: int, part: int) -> None:
        if not self._readers:
            self._readers = peers(self._number, self._make_reader)
            if self._writing:
                makers = [partial(Inserting, self._url, self._writing, one) for one in range(self._writing.writers)]
                self._writers = [writer for make in makers for writer in peers(1, make)]
            heard([*self._readers, *self._writers])
            self._taken_back()  # what a killed process may have left
            for writer in self._writers:  # in turn: nobody waits for somebody else
                writer.order(1)
                writer.hear()
            self._taken_back(settled=True)
        self._part = part
        self._queries = parts_of(self._stream, round_number, part, self._count)

    @override
    def run(self) -> None:
        for writer in self._writers if self._part == TIMED else ():
            writer.order(_APART // 1_000)
        for place, reader in enumerate(self._readers):
            reader.order(self._queries[place :: self._number])
        self._readers[0].is_heard(self._seconds if self._part == TIMED else 0.0)  # only of what goes wrong
        for one in (*self._readers, *self._writers):
            one.stop()
        self._read = [one for each in heard(self._readers) for one in each]
        self.units = len(self._read)

    @override
    def digests(self) -> Sequence[str]:
        """Of every answer, in time or not; the last tells whether what was written is there, each note once."""
        kept = self._part != TIMED or self._is_kept()
        for reader in self._readers:
            reader.order(None)
        found: dict[int, CareStats] = {}
        for place, answers in enumerate(heard(self._readers)):
            found |= {place + number * self._number: answer for number, answer in enumerate(answers)}
        return [*(found[place].digest() for place in sorted(found)), KEPT if kept else LOST]

    def _is_kept(self) -> bool:
        told = heard(self._writers)
        last = max(one.began for one in self._read)
        self._written = [one for _, took in told for one in took if one.began <= last]
        return self._taken_back() == sorted(number for numbers, _ in told for number in numbers)

    def _taken_back(self, *, settled: bool = False) -> list[int]:
        """Delete what was written: the ids of these notes."""
        if not self._writing:
            return []
        engine, of_them = (
            backend_of(self._url).engine(self._url, read_only=False, create=False),
            CareNote.tenant_id == self._writing.tenant,
        )
        with engine.begin() as connection:
            there = sorted(connection.execute(select(CareNote.id).where(of_them)).scalars())
            connection.execute(delete(CareNote).where(of_them))
        if settled:  # before each round, so that all begin alike
            backend_of(engine).settle(engine)
        engine.dispose()
        return there

    @override
    def details(self) -> Mapping[str, Sequence[int]]:
        found = {LATENCY: [one.elapsed for one in self._read], WRITE_LATENCY: [one.elapsed for one in self._written]}
        for kind, those in ((READ_BUSY, self._read), (WRITE_BUSY, self._written)):
            found[kind] = [elapsed for one in those for elapsed in one.given_up]
        return {kind: each for kind, each in found.items() if each}

    @override
    def rest(self) -> None:
        self.close()

    @override
    def close(self) -> None:
        given_back([*self._readers, *self._writers])
        self._readers, self._writers = [], []
