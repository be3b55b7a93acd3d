"""Processes that work beside a worker, each with a connection of its own and no lock of Python's in common.

They are forks of a nursery, a process that has loaded what they need, and not of the job of a worker: that has threads
and open connections. One that has nothing to do waits for the next condition: its start costs as much as many requests.
"""

import atexit
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from carenotes.errors import Failed
from carenotes.lab.runner.errors import told
from carenotes.lab.runner.workers import BESIDE_A_JOB, databases

_NUMBER, _LONGEST = 8, 1 << 16  # bytes: of a process's number, and of the names of modules
_FIRST_HANDLE, _LAST_HANDLE = 3, 1 << 10  # of files that a process has open, but for the standard ones


class Work:
    """What a peer does: it is made in it, by whatever `Peer.become` was given."""

    def do(self, order: Any, pipe: Connection) -> Any:
        """Carry out an order, and give what is to be told of it; `pipe.poll()` when it is to stop."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of everything."""


class Peer:
    """Such a process. It tells of what is ordered, in turn."""

    def __init__(self, loads: Sequence[str] = ()) -> None:
        self._pipe, self.process = _nursery().fork(loads)
        self._due = 0  # what it has still to tell

    @property
    def is_idle(self) -> bool:
        """Whether it has told everything."""
        return not self._due

    def become(self, make: Callable[[], Work]) -> None:
        """Have it do the work that `make` makes, which is importable by name; an order like others."""
        self.order(_Make(make))

    def order(self, order: Any) -> None:
        """Say what it is to do."""
        self._due += 1
        self._say(order)

    def stop(self) -> None:
        """Have it come to an end with what it is at, if it still is."""
        self._say(_STOP)

    def _say(self, word: Any) -> None:
        with suppress(BrokenPipeError):  # who hears it next is told
            self._pipe.send(word)

    def is_heard(self, seconds: float) -> bool:
        """Whether there is something to hear, by then at the latest."""
        return self._pipe.poll(max(0.0, seconds))

    def hear(self) -> Any:
        """What there is to be told of the oldest order. Raises Failed when it went wrong, or the process has died."""
        try:
            told, wrong = self._pipe.recv()
        except (EOFError, ConnectionError):
            raise Failed("a process that works beside a worker has died") from None
        self._due -= 1
        if wrong:
            raise Failed(wrong)
        return told

    def fileno(self) -> int:
        """By which an event loop sees that there is something to hear."""
        return self._pipe.fileno()

    def end(self) -> None:
        """End it, whatever it does."""
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        self._pipe.close()


_STOP = "stop"


class _Make:
    def __init__(self, make: Callable[[], Work]) -> None:
        self.make = make


_IDLE: list[Peer] = []  # of this process


def peers(number: int, make: Callable[[], Work], loads: Sequence[str] = ()) -> list[Peer]:
    """So many peers that do the same work; each is ready when it is heard of.

    `loads` are modules that new ones find loaded.
    """
    found = [_IDLE.pop() if _IDLE else Peer(loads) for _ in range(number)]
    for one in found:
        one.become(make)
    return found


def heard(of: Sequence[Peer]) -> list[Any]:
    """What each of them tells next."""
    return [one.hear() for one in of]


def given_back(those: Sequence[Peer]) -> None:
    """Let others have these peers. One that has not answered everything is ended: nobody else must hear it."""
    for one in those:
        if one.is_idle:
            with suppress(Failed):
                one.become(Work)
                one.hear()
                _IDLE.append(one)
                continue
        one.end()


class _Nursery:
    """The process of which peers are forks, seen from the worker; it ends when the worker does, however that is."""

    def __init__(self, start: Callable[[socket.socket], Callable[[], object]]) -> None:
        """`start` starts the process, given its end of the wire, and gives what waits for its end."""
        self._control, theirs = socket.socketpair()
        with theirs:
            self._wait = start(theirs)

    def fork(self, loads: Sequence[str]) -> tuple[Connection, int]:
        """A new peer, which finds these modules loaded: a pipe to it, and its process."""
        ours, theirs = socket.socketpair()
        with theirs, suppress(ConnectionError):
            socket.send_fds(self._control, [json.dumps(loads).encode()], [theirs.fileno()])
            if told := self._control.recv(_NUMBER):
                return Connection(ours.detach()), int.from_bytes(told, "big")
        raise Failed("the process whose forks work beside a worker has died")

    def end(self) -> None:
        self._control.close()
        self._wait()


def _started_anew(theirs: socket.socket) -> Callable[[], object]:
    path = os.pathsep.join(one or os.getcwd() for one in sys.path)  # noqa: PTH109
    code = f"from {__name__} import nurse; nurse({theirs.fileno()})"
    start = [sys.executable, "-c", code]
    return subprocess.Popen(start, pass_fds=[theirs.fileno()], env={**os.environ, "PYTHONPATH": path}).wait


def _forked(theirs: socket.socket) -> Callable[[], object]:
    process = os.fork()
    if process == 0:
        handle = theirs.fileno()
        os.closerange(_FIRST_HANDLE, handle)  # the worker has died when nobody holds the other end of its pipe
        os.closerange(handle + 1, _LAST_HANDLE)
        try:
            nurse(handle)
        finally:
            os._exit(0)

    def ended() -> None:
        os.kill(process, signal.SIGKILL)  # a job that left something behind would keep it waiting
        os.waitpid(process, 0)

    return ended


_NURSERIES: list[_Nursery] = []  # of this process, one or none


@contextmanager
def _beside_a_job() -> Iterator[None]:
    """A nursery that is a fork of the worker, for its next job: all is loaded, and nothing is open yet."""
    _NURSERIES.append(_Nursery(_forked))
    try:
        yield
    finally:
        _NURSERIES.pop().end()


BESIDE_A_JOB.append(_beside_a_job)


def _nursery() -> _Nursery:
    if not _NURSERIES:  # no worker: somebody who only looks
        _NURSERIES.append(_Nursery(_started_anew))
    return _NURSERIES[0]


@atexit.register
def _at_exit() -> None:
    while _NURSERIES:
        _NURSERIES.pop().end()


def nurse(handle: int) -> None:
    """The whole life of a nursery: a fork for each handle that comes. It ends when nobody can send one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who interrupts the worker is told by others
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no fork is waited for
    with socket.socket(fileno=handle) as control:
        while True:
            loads, handles, *_ = socket.recv_fds(control, _LONGEST, 1)
            if not handles:
                return
            for name in json.loads(loads):
                importlib.import_module(name)
            process = os.fork()
            if process == 0:
                control.close()
                try:
                    _serve(Connection(handles[0]))
                finally:
                    os._exit(0)
            os.close(handles[0])
            control.sendall(process.to_bytes(_NUMBER, "big"))


def _serve(pipe: Connection) -> None:
    """The whole life of a peer, which ends when nobody holds the other end of its pipe."""
    work: Work = Work()
    make: Callable[[], Work] = Work
    with suppress(EOFError, ConnectionError):
        while True:
            order = pipe.recv()
            if order == _STOP:  # too late
                continue
            try:
                if isinstance(order, _Make):
                    with closing(work):  # the old one, which lets go of its connection first
                        work = Work()
                    make, found = order.make, None
                    work = make()
                else:
                    found = work.do(order, pipe)
                pipe.send((found, None))
            except (EOFError, ConnectionError):
                raise
            except Exception as error:
                pipe.send((None, told(error, databases([make]))))
