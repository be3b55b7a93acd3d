"""Which cores a client and the server's process for it run on: two different ones, and always the same.

A round trip to a server takes up to five times as long when the system moves the two around. Where a query is timed
by itself they are held in place; where throughput is measured they are not, for there are more of them than cores.
"""

import os
from contextlib import suppress

from sqlalchemy import Connection

from carenotes.backends import backend_of

CLIENT, SERVER = 0, 1  # places among the cores that this process may use
_ALL = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def put_apart(connection: Connection) -> bool:
    """Hold this thread and the process that works for a connection on a core each; whether that was possible.

    It is not for an engine that works in this process, for a server elsewhere or of another user, or with one core.
    """
    server = backend_of(connection).process(connection)
    if server is None or len(_ALL) < 2:
        return False
    with suppress(OSError):
        os.sched_setaffinity(server, {_ALL[SERVER]})
        os.sched_setaffinity(0, {_ALL[CLIENT]})
        return True
    return False


def let_go() -> None:
    """Let this thread run on every core again."""
    if _ALL:
        os.sched_setaffinity(0, _ALL)
