"""Fresh processes, one a round: what the start of a process happens to do belongs to the spread, not to the answer.

Where Python's objects lie in memory, and how its hashes fall, is drawn once a process and may make a condition
faster or slower for as long as it lives. Source: Kalibera and Jones, Rigorous Benchmarking in Reasonable Time (2013).
Where nothing is estimated whose spread that could be (a pilot; too few rounds for an interval), a round is a fork of a
template that has started already: a process of its own as well, and there at once.
"""

import atexit
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

from carenotes.errors import Failed
from carenotes.lab.runner.workers import Job, Sample

_DIED = "a worker process died; rounds before it are kept"
_SPARE = 2  # workers that start at a time, beside each other
PATIENCE = 3_600.0  # seconds that a round may last; the longest of a full run takes some minutes


class Worker:
    """A process that runs rounds, each in a fork of it. It loads some modules at its start."""

    def __init__(self, loads: Sequence[str] = ()) -> None:
        ours, theirs = socket.socketpair()
        path = os.pathsep.join(one or os.getcwd() for one in sys.path)  # noqa: PTH109
        handle = theirs.fileno()
        code = f"from carenotes.lab.runner.workers import serve; serve({handle}, {list(loads)})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], pass_fds=[handle], env={**os.environ, "PYTHONPATH": path}, process_group=0
        )
        theirs.close()
        self._pipe = Connection(ours.detach())
        self._ready = False

    def wait(self) -> None:
        """Until its start is over, and disturbs nobody any more. Raises Failed when it has died of it."""
        try:
            if not self._ready:
                self._pipe.recv()
                self._ready = True
        except (EOFError, ConnectionError):
            raise Failed(_DIED) from None

    def run(self, job: bytes) -> list[Sample]:
        """The samples of a round, given as a pickled job. Raises Failed when the process dies of it, or hangs."""
        self.wait()
        try:
            self._pipe.send_bytes(job)
            if not self._pipe.poll(PATIENCE):
                raise Failed(f"a round has lasted {PATIENCE:,.0f} s and was given up; rounds before it are kept")
            found = self._pipe.recv()
        except (EOFError, ConnectionError):
            raise Failed(_DIED) from None
        if isinstance(found, Exception):
            raise found
        samples: list[Sample] = found
        return samples

    def end(self) -> None:
        """End it, whatever it does."""
        self._pipe.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # its forks, and what these have started, as well
        self._process.wait()


class Workers:
    """One worker a round. The next ones start while the answers of the last are looked at, never while one is timed."""

    def __init__(self) -> None:
        self._spare: list[Worker] = []
        self._template: Worker | None = None

    def get_ready(self) -> None:
        """Have the template start while somebody makes ready what it is to run."""
        self._template = self._template or Worker()

    def run(self, job: Job, *, started_anew: bool) -> list[Sample]:
        """Run a round in a process of its own: a new one, or a fork of the template."""
        try:
            packed = pickle.dumps(job)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TypeError(f"a condition cannot go to a worker, it must be importable by name: {error}") from None
        return self._anew(packed, job.preload) if started_anew else self._forked(packed)

    def _anew(self, job: bytes, loads: Sequence[str]) -> list[Sample]:
        self._start(loads)
        try:
            for worker in self._spare:
                worker.wait()
        except Failed:
            self.close()
            raise
        worker = self._spare.pop()
        try:
            samples = worker.run(job)
        finally:
            worker.end()
        self._start(loads)
        return samples

    def _start(self, loads: Sequence[str]) -> None:
        if not self._spare:
            self._spare = [Worker(loads) for _ in range(_SPARE)]

    def _forked(self, job: bytes) -> list[Sample]:
        self._template = self._template or Worker()
        try:
            return self._template.run(job)
        except BaseException:  # it may be in the middle of anything
            self._template.end()
            self._template = None
            raise

    def close(self) -> None:
        """End the workers that wait."""
        for worker in (*self._spare, self._template):
            if worker:
                worker.end()
        self._spare, self._template = [], None


WORKERS = Workers()
atexit.register(WORKERS.close)
