"""Fresh processes, one a round: what the start of a process happens to do belongs to the spread, not to the answer.

Where Python's objects lie in memory, and how its hashes fall, is drawn once a process and may make a condition
faster or slower for as long as it lives. Source: Kalibera and Jones, Rigorous Benchmarking in Reasonable Time (2013).
"""

import atexit
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from time import perf_counter_ns

from carenotes.errors import Failed

PARTS = (-2, -1, 0)  # of a condition in a round: two warm-ups, which are kept and marked, and what counts
TIMED = 0
PILOT = -1  # the round before the first one: the gate, and what calibration goes by


class Contender:
    """One condition of an experiment, made and run in a worker. Override what differs."""

    units = 1  # of work in the part that was prepared last: questions answered, notes written

    def prepare(self, round_number: int, part: int) -> None:
        """Get ready for a part of a round; not timed."""

    def run(self) -> None:
        """Do the work; timed."""
        raise NotImplementedError

    def digests(self) -> Sequence[str] | None:
        """What tells its answers apart from wrong ones, None when there is nothing to check; not timed."""
        return None

    def details(self) -> Mapping[str, Sequence[int]]:
        """Nanoseconds of single requests, by kind, where there are such; not timed."""
        return {}

    def close(self) -> None:
        """Let go of everything."""


Maker = Callable[[], Contender]  # importable by name, for it is called in another process


@dataclass(frozen=True)
class Job:
    """A round: who runs, in which order."""

    makers: Mapping[str, Maker]
    order: Sequence[str]
    round: int


@dataclass(frozen=True)
class Sample:
    """One condition in one part of a round."""

    condition: str
    round: int
    part: int
    position: int
    units: int = 0
    elapsed_ns: int = 0
    digests: Sequence[str] | None = None
    details: Mapping[str, Sequence[int]] = field(default_factory=dict)
    error: str | None = None


def run_round(job: Job) -> list[Sample]:
    """Run every condition of a round in this process; one that raises has an error in the place of a time."""
    samples: list[Sample] = []
    made: dict[str, Contender] = {}
    for position, name in enumerate(job.order):
        try:
            made[name] = job.makers[name]()
        except Exception as error:  # whatever a contender does wrong must not end the run of the others
            samples.append(Sample(name, job.round, PARTS[0], position, error=_said(error)))
    gc.collect()
    gc.freeze()  # what the laboratory itself holds must not weigh on the collections of those that are timed
    for position, name in enumerate(job.order):
        if name in made:
            samples += _samples(made[name], name, job.round, position)
    for contender in made.values():
        contender.close()
    return samples


def _samples(contender: Contender, name: str, round_number: int, position: int) -> list[Sample]:
    samples: list[Sample] = []
    for part in PARTS:
        try:
            contender.prepare(round_number, part)
            gc.collect()
            began = perf_counter_ns()
            contender.run()
            elapsed = perf_counter_ns() - began
            found = (contender.units, elapsed, contender.digests(), contender.details())
        except Exception as error:
            return [*samples, Sample(name, round_number, part, position, error=_said(error))]
        samples.append(Sample(name, round_number, part, position, *found))
    return samples


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def serve(handle: int) -> None:
    """The whole life of a worker: get ready, take one job, answer, end. Ends as well when its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who interrupts the parent is told by the parent
    import carenotes.aggregators
    import carenotes.databases  # noqa: F401 - what nearly every job needs, before anything is timed

    with Connection(handle) as pipe:
        try:
            pipe.send(None)
            job = pipe.recv()
            pipe.send(run_round(job))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            pass
        except Exception as error:  # a job that cannot even be unpickled
            pipe.send(error)


class Worker:
    """A process that runs one round."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        path = os.pathsep.join(one or os.getcwd() for one in sys.path)  # noqa: PTH109
        handle = theirs.fileno()
        command = [sys.executable, "-c", f"from carenotes.lab.workers import serve; serve({handle})"]
        self._process = subprocess.Popen(command, pass_fds=[handle], env={**os.environ, "PYTHONPATH": path})
        theirs.close()
        self._pipe = Connection(ours.detach())

    def run(self, job: bytes) -> list[Sample]:
        """The samples of a round, given as a pickled job. Raises Failed when the process dies of it."""
        try:
            self._pipe.recv()  # it is ready: its start disturbs nobody any more
            self._pipe.send_bytes(job)
            found = self._pipe.recv()
        except (EOFError, ConnectionError):
            raise Failed(f"a worker process died (status {self._process.wait()}); rounds before it are kept") from None
        if isinstance(found, Exception):
            raise found
        samples: list[Sample] = found
        return samples

    def end(self) -> None:
        """End it, whatever it does."""
        self._pipe.close()
        self._process.kill()
        self._process.wait()


class Workers:
    """One worker a round. The next one starts while the answers of the last are looked at, never while one is timed."""

    def __init__(self) -> None:
        self._spare: Worker | None = None

    def run(self, job: Job) -> list[Sample]:
        """Run a round in a fresh process."""
        try:
            packed = pickle.dumps(job)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TypeError(f"a condition cannot go to a worker, it must be importable by name: {error}") from None
        worker, self._spare = self._spare or Worker(), None
        try:
            samples = worker.run(packed)
        finally:
            worker.end()
        self._spare = Worker()
        return samples

    def close(self) -> None:
        """End the worker that waits."""
        if self._spare:
            self._spare.end()
            self._spare = None


WORKERS = Workers()
atexit.register(WORKERS.close)
