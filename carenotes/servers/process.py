"""A server as a process of its own, kept by a keeper: see `carenotes.servers.keeper`."""

import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from carenotes.errors import Failed
from carenotes.servers import keeper

_PATIENCE = 60.0  # seconds in which a keeper must have prepared and started its server


@dataclass(frozen=True)
class Order:
    """What a keeper is to start. In commands, `{programs}` and `{folder}` stand for the two folders.

    Of the folder of the programs these `parts` are needed; where `user` cannot reach them, the server has copies.
    The server's folder is a new one in the first of the `places` that `user` can enter; `files` are put into it first.
    """

    programs: str
    parts: Sequence[str]
    before: Sequence[Sequence[str]]
    serve: Sequence[str]
    files: Mapping[str, str]
    user: str | None
    signal: int = signal.SIGINT
    places: Sequence[str] = ("/tmp", "/var/tmp")  # noqa: S108 - a new folder is made there, with a name of its own


class ServerProcess:
    """A server that runs until `stop`, or until this process is gone."""

    def __init__(self, name: str, order: Order) -> None:
        self._name, self.has_answered = name, False  # the latter as whoever started it knows
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", keeper.__file__],
            bufsize=0,  # a line that is read into a buffer is not seen by `select`
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._say_to, self._hear_from = _pipes(self._keeper)
        places = [tempfile.gettempdir(), *order.places]
        try:
            self._say_to.write(json.dumps(asdict(order) | {"places": places}).encode() + b"\n")
            self.folder = Path(self._hear(_PATIENCE)["folder"])
        except BaseException:
            self.stop()
            raise

    def check(self) -> None:
        """Raise Failed, with the last lines of its log, when the server has ended by itself."""
        if select.select([self._hear_from], [], [], 0)[0]:
            self._hear(0.0)

    def _hear(self, patience: float) -> dict[str, Any]:
        """What the keeper says next. Raises Failed when it is the end of the server, or nothing."""
        line = self._hear_from.readline() if select.select([self._hear_from], [], [], patience)[0] else b""
        said: dict[str, Any] = json.loads(line) if line else {"ended": "its keeper says nothing", "log": []}
        if "ended" in said:
            what = "has ended" if self.has_answered else "did not come up"
            raise Failed(f"{self._name}: {what} ({said['ended']}): {' | '.join(said['log'])}")
        return said

    def stop(self) -> None:
        """End the server and remove its folder; returns when both is done."""
        self._say_to.close()
        self._keeper.wait()
        self._hear_from.close()


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def user_of_servers() -> str | None:
    """Whom a server runs as: nobody where we are root, for some servers refuse that; None: as we do."""
    return "nobody" if os.geteuid() == 0 else None


def is_taken(port: int) -> bool:
    """Whether somebody listens at a port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what waits to be forgotten is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
        return False


def free_port() -> int:
    """A port of the loopback interface that nobody listened at just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
