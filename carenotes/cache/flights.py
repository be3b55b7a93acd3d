"""A flight: one load, owned by the cache, and the callers who wait for it, on any loop of any thread."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

current: ContextVar["Flight | None"] = ContextVar("carenotes_flight", default=None)  # whose load we are in


class LoadsItselfError(RuntimeError):
    """A load that asks for what it is loading itself, by whatever detour: waiting would never end."""


class AgainError(Exception):
    """The loop that a load ran on is gone: a caller on another loop begins anew."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An error as the result of a future: as its exception it is logged if nobody fetches it, and callers may leave."""

    error: BaseException
    traceback: TracebackType | None  # each caller's frames come on top of this one, not on those of another

    @classmethod
    def of(cls, error: BaseException) -> "Raised":
        """Keep an error, and where it was raised so far."""
        return cls(error, error.__traceback__)


@dataclass(eq=False, slots=True)
class Flight:
    """One load of one key."""

    key: Hashable
    loop: asyncio.AbstractEventLoop
    took_off: float  # on the cache's clock
    sequence: int  # a load with a higher one began later
    task: asyncio.Task[None] | None = None
    waiting: dict[asyncio.Future[Any], asyncio.AbstractEventLoop] = field(default_factory=dict)
    overtaken: bool = False  # by an invalidation: its answer goes to those who wait, and is not kept
    waits_for: list["Flight"] = field(default_factory=list)  # flights that its load waits for
    timer: asyncio.TimerHandle | None = None

    def start(self, work: Coroutine[Any, Any, None], cancelled: Callable[[], None]) -> None:
        """Begin the load in a task of its own; no caller's fate touches it.

        `cancelled` is called when the task was, be it before its first step: `work` knows nothing of that.
        """

        def ended(task: asyncio.Task[None]) -> None:
            if task.cancelled():
                cancelled()
            else:
                task.exception()  # whoever waited has it, and what ends the loop is raised by that: it is not logged

        self.task = self.loop.create_task(work)
        self.task.add_done_callback(ended)

    def board(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Any]:
        """A future on the caller's own loop that ends with the flight."""
        waiter: asyncio.Future[Any] = loop.create_future()
        self.waiting[waiter] = loop
        return waiter

    def is_stranded(self) -> bool:
        """Whether its loop is gone or stands still, so that it may never land."""
        return self.loop.is_closed() or not self.loop.is_running()

    def land(self, found: object, elsewhere: object) -> None:
        """Give `found` to everyone who waits on the flight's own loop, `elsewhere` to those on others."""
        waiting, self.waiting = self.waiting, {}
        for waiter, loop in waiting.items():
            if loop is self.loop:
                with suppress(RuntimeError):  # it was closed, and the load collected as garbage
                    _settle(waiter, found)
            else:
                _on(loop, _settle, waiter, elsewhere)
        if self.timer is not None:
            self.timer.cancel()

    def give_up_after(self, seconds: float, give_up: Callable[[], None]) -> None:
        """Nobody waits any more: have `give_up` called in `seconds`, to see whether that is still so."""
        _on(self.loop, self._set_timer, seconds, give_up)

    def _set_timer(self, seconds: float, give_up: Callable[[], None]) -> None:
        if self.task is not None and not self.task.done():
            if self.timer is not None:
                self.timer.cancel()
            self.timer = self.loop.call_later(seconds, give_up)

    def is_awaited_by(self, other: "Flight") -> bool:
        """Whether `other` is this one or waits, itself or through others, for it: then this must not wait for it."""
        seen: set[int] = set()
        ahead = [other]
        while ahead:
            one = ahead.pop()
            if one is self:
                return True
            if id(one) not in seen:
                seen.add(id(one))
                ahead += one.waits_for
        return False


def _on(loop: asyncio.AbstractEventLoop, do: Callable[..., object], *arguments: Any) -> None:
    with suppress(RuntimeError):  # it was closed, be it this very moment: then nobody waits on it
        loop.call_soon_threadsafe(do, *arguments)


def _settle(waiter: asyncio.Future[Any], found: object) -> None:
    if not waiter.done():  # its caller was cancelled
        waiter.set_result(found)
