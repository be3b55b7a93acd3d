"""Processes that make a design and stand still in the middle, to be killed there.

They are forks of one that has loaded what they need: to start each anew takes longer than what it does.
"""

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from functools import cache
from pathlib import Path

from sqlalchemy import event

from carenotes import designs, open_database

ROOT = Path(__file__).parents[1]


def killed_preparing(url: str, design: str, reached: str, *, first: str = "") -> None:
    """Have a design made, and kill who does when a statement that begins like `reached` has been executed.

    `first` is said on each connection.
    """
    nursery = _nursery()
    assert nursery.stdin
    assert nursery.stdout
    nursery.stdin.write(json.dumps([url, design, reached, first]) + "\n")
    nursery.stdin.flush()
    assert select.select([nursery.stdout], [], [], 60)[0]
    maker = int(nursery.stdout.readline())
    os.kill(maker, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while Path(f"/proc/{maker}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@cache
def _nursery() -> "subprocess.Popen[str]":
    code = "from tests.stopped import serve; serve()"
    path = {"PYTHONPATH": str(ROOT)}
    nursery = subprocess.Popen(
        [sys.executable, "-c", code], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | path
    )
    atexit.register(nursery.communicate)  # it ends when nobody can say anything to it any more
    return nursery


def serve() -> None:
    """The whole life of the process whose forks make designs."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no fork is waited for
    for line in sys.stdin:
        if os.fork() == 0:
            try:
                _prepare(*json.loads(line))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)


def _prepare(url: str, design: str, reached: str, first: str) -> None:
    if design not in designs.DESIGNS:
        from tests.test_designs import EVERY

        designs.DESIGNS = EVERY  # type: ignore[misc]
    engine = open_database(url)

    @event.listens_for(engine, "connect")
    def begin(connection: object, _record: object) -> None:
        if first:
            connection.execute(first)  # type: ignore[attr-defined]

    @event.listens_for(engine, "after_cursor_execute")
    def stop(_connection: object, _cursor: object, sql: str, *_others: object) -> None:
        if sql.strip().startswith(reached):
            sys.stdout.write(f"{os.getpid()}\n")
            sys.stdout.flush()
            signal.pause()

    designs.prepare(engine, design)
