"""An event loop whose clock jumps to the next timer: hours pass in a moment, and the same way each time."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class NothingLeftError(RuntimeError):
    """Everybody waits for something that will never come."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Runs what is ready; when nothing is, its clock goes on to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def _run_once(self) -> None:
        if not self._ready and not self.is_closed():  # type: ignore[attr-defined]
            timers = [timer.when() for timer in self._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
            if not timers:
                raise NothingLeftError("nothing is ready and no timer is set: a deadlock")
            self._now = max(self._now, min(timers))
        super()._run_once()  # type: ignore[misc]


def run(main: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a coroutine to its end in virtual time, as `asyncio.run` does in real time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        # Whatever nobody asked for any more is not worth a word on standard error.
        runner.get_loop().set_exception_handler(lambda *_: None)
        return runner.run(main)
