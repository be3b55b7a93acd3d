"""The process that generates load, seen from the worker that serves it: one a worker, for all servers there."""

import asyncio
import atexit
import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Any

from carenotes.errors import Failed
from carenotes.lab.runner.loops import loop_of_worker

_LONGEST_LINE = 1 << 28
_CODE = "from carenotes.lab.open_loop.generator import main; main()"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Generator:
    """The process, and two sockets to it: `wire` for requests and answers, another to tell it what to do."""

    def __init__(self, process: subprocess.Popen[bytes], wire: Streams, control: Streams) -> None:
        self.wire = wire
        self._process, self._control = process, control

    @classmethod
    async def start(cls) -> "Generator":
        """A new one."""
        (ours, theirs), (our_control, their_control) = socket.socketpair(), socket.socketpair()
        handles = [theirs.fileno(), their_control.fileno()]
        path = os.pathsep.join(one or os.getcwd() for one in sys.path)  # noqa: PTH109
        command = [sys.executable, "-c", _CODE, *map(str, handles)]
        process = subprocess.Popen(command, pass_fds=handles, env={**os.environ, "PYTHONPATH": path})
        theirs.close()
        their_control.close()
        wire = await asyncio.open_connection(sock=ours)
        return cls(process, wire, await asyncio.open_connection(sock=our_control, limit=_LONGEST_LINE))

    async def say(self, line: bytes) -> None:
        """Tell it a line; who hears it next is told if it is gone."""
        with suppress(ConnectionError):
            self._control[1].write(line)
            await self._control[1].drain()

    async def hear(self) -> Any:
        """What it says next. Raises Failed when it is gone."""
        with suppress(ConnectionError):
            if line := await self._control[0].readline():
                return json.loads(line)
        raise Failed("the process that generates the load has died")

    async def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for _, writer in (self.wire, self._control):
            writer.close()
            with suppress(ConnectionError):  # it went first
                await writer.wait_closed()


_OF_WORKER: list[Generator] = []  # one or none


async def generator_of_worker() -> Generator:
    """The one of this process, started when it is needed first: each start costs as much as many requests."""
    if not _OF_WORKER:
        _OF_WORKER.append(await Generator.start())
    return _OF_WORKER[0]


async def give_up() -> None:
    """End the one of this process: what it still waits for must not come to the next server."""
    while _OF_WORKER:
        await _OF_WORKER.pop().end()


@atexit.register
def _at_exit() -> None:
    if _OF_WORKER:
        loop_of_worker().run(give_up())
