"""What runs in a worker: the conditions of a round, each made, warmed up, timed, and let go of."""

import gc
import importlib
import os
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from time import perf_counter_ns
from typing import NamedTuple, Self

from sqlalchemy import URL

from carenotes.backends import backend_of
from carenotes.errors import Failed
from carenotes.lab.runner.errors import told

PARTS = (-2, -1, 0)  # of a condition in a round: two warm-ups, which are kept and marked, and what counts
TIMED = 0
_WHOLE_HEAP = 24  # conditions of a round between two collections of the whole heap
PILOT = -1  # the round before the first one: answers are checked, and calibration goes by it

# What modules of configurations want started before each job is forked, and ended after it.
BESIDE_A_JOB: list[Callable[[], AbstractContextManager[None]]] = []


class Configuration:
    """What a condition of an experiment runs, made and run in a worker. Override what differs."""

    units = 1  # of work in the part that comes next: queries answered, notes written

    def warm_up(self, round_number: int, part: int) -> None:
        """Get ready for a part of a round: open, start and compile what it needs; not timed."""

    def run(self) -> None:
        """Do the work; timed."""
        raise NotImplementedError

    def digests(self) -> Sequence[str] | None:
        """What tells its answers apart from wrong ones, None when there is nothing to check; not timed."""
        return None

    def details(self) -> Mapping[str, Sequence[int]]:
        """Nanoseconds of single requests, by kind, where there are such; not timed."""
        return {}

    def rest(self) -> None:
        """Its parts of the round are over, well or not: let go of what others need, such as connections and cores."""

    def close(self) -> None:
        """Let go of everything."""


Maker = Callable[[], Configuration]  # importable by name, for it is called in another process


class Cell(NamedTuple):
    """A condition of an experiment, by its label, under its first name or as a replicate for the A/A control."""

    experiment: str
    condition: str
    replicate: int = 1


@dataclass(frozen=True)
class Job:
    """A round: what runs, in which order."""

    makers: Mapping[Cell, Maker]
    order: Sequence[Cell]
    round: int
    collected: bool = True  # garbage, before each timed part; it takes longer than many a sample
    preload: Sequence[str] = ()  # modules to import before the round

    @classmethod
    def of(cls, makers: Mapping[Cell, Maker], order: Sequence[Cell], number: int, *, collected: bool = True) -> Self:
        """A job that preloads its own code, and what the drivers of its databases import at their first statements."""
        given = list(_given(makers.values()))
        late = {name for one in given if isinstance(one, URL) for name in backend_of(one).LOADS_LATE}
        own = {one.__module__ for one in given if callable(one) and hasattr(one, "__module__")}
        return cls(makers, order, number, collected, sorted(late | own))


def databases(makers: Iterable[object]) -> Iterator[URL]:
    """The databases that conditions are about: the URLs among what their makers are given."""
    return (one for one in _given(makers) if isinstance(one, URL))


def _given(makers: Iterable[object]) -> Iterator[object]:
    """What makers are made of: functions, classes, and what these are given."""
    for one in makers:
        if isinstance(one, partial):
            yield from _given((one.func, *one.args, *one.keywords.values()))
        else:
            yield one


@dataclass(frozen=True)
class Sample:
    """One cell in one part of a round."""

    cell: Cell
    round: int
    part: int
    position: int
    units: int = 0
    elapsed_ns: int = 0
    digests: Sequence[str] | None = None
    details: Mapping[str, Sequence[int]] = field(default_factory=dict)
    changed: int = 0  # answers about notes that were written meanwhile, and right when they were asked for again
    error: str | None = None


def run_round(job: Job) -> list[Sample]:
    """Run every condition of a round in this process; one that raises has an error in the place of a time."""
    samples: list[Sample] = []
    made: dict[Cell, Configuration] = {}
    for position, cell in enumerate(job.order):
        try:
            made[cell] = job.makers[cell]()
        except Exception as error:  # whatever a configuration does wrong must not end the run of the others
            samples.append(_failed(error, cell, job, PARTS[0], position))
    for position, cell in enumerate(job.order):
        if cell in made:
            samples += _samples(made[cell], cell, job, position)
    for configuration in made.values():
        configuration.close()
    return samples


def _samples(configuration: Configuration, cell: Cell, job: Job, position: int) -> list[Sample]:
    """A pilot, of which no time is published, has one warm-up."""
    samples: list[Sample] = []
    for part in PARTS[1:] if job.round == PILOT else PARTS:
        samples.append(_sample(configuration, cell, job, part, position))
        if samples[-1].error:
            break
    configuration.rest()
    return samples


def _sample(configuration: Configuration, cell: Cell, job: Job, part: int, position: int) -> Sample:
    try:
        configuration.warm_up(job.round, part)
        if job.collected and part == TIMED:
            _collect(position)
        began = perf_counter_ns()
        configuration.run()
        elapsed = perf_counter_ns() - began
        found = (configuration.units, elapsed, configuration.digests(), configuration.details())
    except Exception as error:
        return _failed(error, cell, job, part, position)
    return Sample(cell, job.round, part, position, *found)


def _failed(error: Exception, cell: Cell, job: Job, part: int, position: int) -> Sample:
    said = told(error, databases([job.makers[cell]]), databases(job.makers.values()))
    return Sample(cell, job.round, part, position, error=said)


def _collect(position: int) -> None:
    """Collect the garbage of those before: what is young always, the whole heap now and then.

    That takes longer than many a sample, and what so few leave is far from what makes Python go through the whole heap
    by itself. Nothing is frozen: a user's heap holds what is loaded, and a collection goes through it.
    """
    gc.collect(2 if position % _WHOLE_HEAP == 0 else 1)


def serve(handle: int, loads: Sequence[str] = ()) -> None:
    """The whole life of a template: get ready, run each job in a fork, answer. Ends when its parent closes the pipe.

    A worker is a template that is given one job.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who interrupts the parent is told by the parent
    with Connection(handle) as pipe:
        with suppress(ImportError):  # the job will say so
            _load(loads)
        try:
            pipe.send(None)
            while True:
                _run_in_fork(pipe)
        except (EOFError, ConnectionError):
            pass


def _load(modules: Sequence[str]) -> None:
    for name in modules:
        importlib.import_module(name)


def _run_in_fork(pipe: Connection) -> None:
    """Take a job; whatever it imports is there for the forks to come. No thread and no connection exists by then."""
    try:
        job: Job = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from the parent, over a pipe of its own
        _load(job.preload)  # here once, not in each fork
    except (ImportError, AttributeError, pickle.UnpicklingError) as error:
        pipe.send(error)
        return
    with ExitStack() as beside:
        for start in BESIDE_A_JOB:
            beside.enter_context(start())
        child = os.fork()
        if child == 0:
            status = 1
            try:
                pipe.send(run_round(job))
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
    if status:
        pipe.send(Failed(f"a worker process died ({_ended(status)}); rounds before it are kept"))


def _ended(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {-code}" if code < 0 else f"status {code}"
