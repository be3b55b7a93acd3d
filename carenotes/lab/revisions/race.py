"""Samples of two revisions, taken in turn: workers wait while one of them is timed, and each answer is checked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from random import Random
from typing import Any

from carenotes.aggregators import NEEDS, naive
from carenotes.design import COVERING, NONE, Design
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.workload import query_stream
from carenotes.lab.revisions.export import Worker
from carenotes.lab.revisions.worker import HIT, fingerprint
from carenotes.queries import CareStats, StatsQuery

ENGINE = "sqlite"
DAYS = 7  # of a query: what an answer costs once, and what each note costs, both weigh
SHORTEST_SAMPLE = 0.010  # seconds that the fastest sample of a subject must last
_AIM = 10 * SHORTEST_SAMPLE  # a longer sample is a calmer one, and to start a worker takes longer still
_PILOT, _FEWEST, _MOST = 8, 4, 512  # queries: of the pilot, and in a sample
_MOST_HIT = 8  # different queries among hits: each is loaded before
_PILOT_HITS = 1_000  # of each query


@dataclass(frozen=True)
class Sampling:
    """How a sample of a subject is taken: so many different queries, each so many times."""

    queries: int
    repeats: int


class Race:
    """The subjects that are raced, the seconds an answer of each by side and round, and why some are out."""

    def __init__(self, notes: SeededNotes, subjects: Sequence[str], random_seed: int) -> None:
        self._notes, self._random_seed = notes, random_seed
        self._truth: dict[StatsQuery, CareStats] = {}
        # Made by the package of now, before anything is timed: an old revision may know of no designs.
        self._databases = {
            one: notes.url(design_for(one).name).render_as_string(hide_password=False)  # older revisions take a text
            for one in subjects
        }
        self.samplings: dict[str, Sampling] = {}
        self.seconds: dict[str, dict[str, list[float]]] = {subject: {} for subject in subjects}
        self.failed: dict[str, str] = {}

    @property
    def over(self) -> bool:
        """Whether every subject is out."""
        return len(self.failed) == len(self.seconds)

    def calibrate(self, workers: Mapping[str, Worker]) -> None:
        """Find out, once, how long the samples of each subject must be; the first answers are checked by the way."""
        for subject in self.seconds:
            pilot = Sampling(_PILOT, _PILOT_HITS if subject == HIT else 1)
            taken = [self._sample(worker, subject, self._stream(_PILOT), pilot.repeats) for worker in workers.values()]
            if subject not in self.failed:
                self.samplings[subject] = _sampling(subject, min(one for one in taken if one))

    def round(self, number: int, workers: Mapping[str, Worker]) -> None:
        """Let every worker take a sample of every subject that is still in, in an order drawn from the seed."""
        for subject, side in self._turns(number, list(workers)):
            if subject in self.failed:
                continue
            sampling = self.samplings[subject]
            start = _PILOT + number * sampling.queries
            queries = self._stream(start + sampling.queries)[start:]
            seconds = self._sample(workers[side], subject, queries, sampling.repeats)
            if seconds:
                self.seconds[subject].setdefault(side, []).append(seconds)

    def _turns(self, number: int, sides: list[str]) -> Iterator[tuple[str, str]]:
        """Subjects in a drawn order; the sides of one, in a drawn order, follow each other: noise comes in spells."""
        random = Random(f"{self._random_seed}/{number}")  # noqa: S311 - a repeatable draw, no secret
        for subject in random.sample(list(self.samplings), len(self.samplings)):
            yield from ((subject, side) for side in random.sample(sides, len(sides)))

    def _stream(self, count: int) -> list[StatsQuery]:
        return query_stream(self._notes.population, self._random_seed, count, DAYS)

    def _sample(self, worker: Worker, subject: str, queries: list[StatsQuery], repeats: int) -> float | None:
        """Seconds an answer; None when there is none, and the subject is then out."""
        # Timed queries are new to an aggregator, whose warm-up asks others; a hit is one by having been asked.
        warm_up = queries if subject == HIT else _of_each_length(self._stream(_FEWEST)[0], queries)
        told = worker.time(
            {
                "database": self._databases[subject],
                "subject": subject,
                "warm_up": _rows(warm_up),
                "queries": _rows(queries),
                "repeats": repeats,
            }
        )
        name = worker.revision.name
        if "error" in told:
            self.failed.setdefault(subject, f"{name} raised {told['error']}")
        elif told["answers"] != fingerprint(len(queries), [self._true(asked) for asked in queries]):
            self.failed.setdefault(subject, f"answers differ: those of {name} are not the oracle's")
        else:
            return float(told["elapsed_ns"]) / len(queries) / repeats / 1e9
        return None

    def _true(self, query: StatsQuery) -> CareStats:
        if query not in self._truth:
            with self._notes.engine(COVERING.name).connect() as connection:
                self._truth[query] = naive(connection, query)
        return self._truth[query]


def design_for(subject: str) -> Design:
    """The design on which a subject is raced: what it needs, by the package of now, else the covering index."""
    needed = NEEDS[subject].design if subject in NEEDS else NONE
    return COVERING if needed == NONE else needed


def _sampling(subject: str, seconds: float) -> Sampling:
    """Enough answers of so many seconds each; different queries, and over and over only when there are too many."""
    wanted = ceil(_AIM / seconds)
    queries = min(max(wanted, _FEWEST), _MOST_HIT if subject == HIT else _MOST)
    return Sampling(queries, ceil(wanted / queries))


def _of_each_length(first: StatsQuery, queries: Sequence[StatsQuery]) -> list[StatsQuery]:
    """A query with as many facilities as each of these: then no statement is compiled while it is timed."""
    lengths = {len(one.facility_ids or ()): one.facility_ids for one in queries}
    return [StatsQuery(first.tenant_id, first.first_day, first.last_day, some) for some in lengths.values()]


def _rows(queries: Sequence[StatsQuery]) -> list[list[Any]]:
    return [[one.tenant_id, str(one.first_day), str(one.last_day), one.facility_ids] for one in queries]
