"""Processes that work beside a worker, each with a connection of its own and no lock of Python's in common.

They are forked from a server of `multiprocessing`, not from the worker: that has threads and open connections. One that
has nothing to do waits for the next condition, since its start costs as much as many requests.
"""

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from typing import Any

from carenotes.errors import Failed

_STARTS = multiprocessing.get_context("forkserver")
_STARTS.set_forkserver_preload(["carenotes.aggregators", "carenotes.backends", __name__])


class Work:
    """What a peer does: it is made in it, by whatever `Peer.become` was given."""

    def do(self, order: Any, pipe: Connection) -> Any:
        """Carry out an order, and give what is to be told of it; `pipe.poll()` when it is to stop."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of everything."""


class Peer:
    """Such a process. It tells of what is ordered, in turn."""

    def __init__(self) -> None:
        self._pipe, theirs = _STARTS.Pipe()
        self._process = _STARTS.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
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
        self._process.kill()
        self._process.join()
        self._pipe.close()


_STOP = "stop"


class _Make:
    def __init__(self, make: Callable[[], Work]) -> None:
        self.make = make


_IDLE: list[Peer] = []  # of this process


def peers(number: int, make: Callable[[], Work]) -> list[Peer]:
    """So many peers that do the same work; each is ready when it is heard of."""
    found = [_IDLE.pop() if _IDLE else Peer() for _ in range(number)]
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


def _serve(pipe: Connection) -> None:
    """The whole life of a peer, which ends when nobody holds the other end of its pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who interrupts the worker is told by others
    work = Work()
    with suppress(EOFError, ConnectionError):
        while True:
            order = pipe.recv()
            if order == _STOP:  # too late
                continue
            try:
                if isinstance(order, _Make):
                    with closing(work):  # the old one, which lets go of its connection first
                        work = Work()
                    work, told = order.make(), None
                else:
                    told = work.do(order, pipe)
                pipe.send((told, None))
            except (EOFError, ConnectionError):
                raise
            except Exception as error:
                pipe.send((None, f"{type(error).__name__}: {error}"))
