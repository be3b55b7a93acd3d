"""Kernels that are forks of a nursery, a process that has loaded what notebooks load: that takes each two seconds.

A kernel is a process of its own as ever; who waits for its end sees it by a pipe that nobody else holds.
"""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from carenotes.errors import Failed

_LOADED = ("ipykernel.kernelapp", "carenotes.studies.performance_report.summary", "carenotes.report.runs.parameters")
_LAUNCHER = "ipykernel_launcher"  # a module, in the command of a kernel; what follows are its arguments
_NUMBER = 8  # bytes of a process's number


class _Nursery:
    """The process of which kernels are forks; it ends when this one does, however that is, and they with it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        path = os.pathsep.join(one or os.getcwd() for one in sys.path)  # noqa: PTH109
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", f"from {__name__} import serve; serve({theirs.fileno()})"],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": path},
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # who interrupts us does not mean it
            )

    def fork(self, arguments: list[str], folder: str, environment: dict[str, str]) -> "_Kernel":
        """A kernel with these arguments. Raises Failed when this process has died."""
        ours, theirs = os.pipe()
        try:
            with suppress(ConnectionError):
                socket.send_fds(self._control, [b"."], [theirs])
                self._control.sendall(json.dumps([arguments, folder, environment]).encode() + b"\n")
                if told := self._control.recv(_NUMBER):
                    return _Kernel(int.from_bytes(told, "big"), ours)
        finally:
            os.close(theirs)
        os.close(ours)
        raise Failed("no kernel can be started: the process that kernels are forks of has died")

    def end(self) -> None:
        """End it, and the kernels that there still are; it may be about to load what nobody needs any more."""
        self._control.close()
        self._process.kill()
        self._process.wait()


class _Kernel:
    """A kernel's process, with what is asked of a `Popen`. How it ended is not known."""

    stdin = stdout = stderr = None

    def __init__(self, number: int, pipe: int) -> None:
        self.pid, self._pipe, self._over = number, pipe, False

    def poll(self) -> int | None:
        """None while it runs."""
        if not self._over and select.select([self._pipe], [], [], 0)[0]:  # nobody holds its other end
            os.close(self._pipe)
            self._over = True
        return 0 if self._over else None

    def wait(self) -> int:
        """Wait for its end."""
        if not self._over:
            select.select([self._pipe], [], [])
        self.poll()
        return 0

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


_NURSERIES: list[_Nursery] = []  # of this process, one or none


@contextmanager
def forked() -> Iterator[None]:
    """Have kernels that are started meanwhile be forks of one nursery: of one that there is already, or a new one."""
    if _NURSERIES:
        yield
        return
    _NURSERIES.append(_Nursery())
    try:
        yield
    finally:
        _NURSERIES.pop().end()


class _Provisioner(LocalProvisioner):
    """Starts a kernel in a fork of the nursery."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> KernelConnectionInfo:
        arguments = cmd[cmd.index(_LAUNCHER) :]
        kernel = _NURSERIES[-1].fork(arguments, str(options.get("cwd") or Path.cwd()), options["env"])
        self.process, self.pid, self.pgid = kernel, kernel.pid, kernel.pid  # type: ignore[assignment]
        return self.connection_info


class Manager(AsyncKernelManager):
    """Of a kernel whose own words go nowhere (its sockets have some at its end); those of cells are in the notebook."""

    async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
        """Start it with nobody listening to its standard error: in a fork, if there is a nursery and it is Python's."""
        if _NURSERIES and self.kernel_spec and _LAUNCHER in self.kernel_spec.argv and self.provisioner is None:
            self.provisioner = _Provisioner(kernel_id="", kernel_spec=self.kernel_spec, parent=self)
        await super().start_kernel(stderr=subprocess.DEVNULL, **options)


def serve(handle: int) -> None:
    """The whole life of a nursery, and of each of its forks, which is a kernel. It ends when nobody can order one."""
    for name in _LOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is loaded is never garbage: forks need not go through it (nothing is timed in a kernel)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no fork is waited for
    nursery = os.getpid()
    with socket.socket(fileno=handle) as control, control.makefile("rb") as orders:
        while handles := socket.recv_fds(control, 1, 1)[1]:
            order = orders.readline()  # nothing comes behind it before it is answered
            process = os.fork()
            if process == 0:
                break
            os.close(handles[0])
            control.sendall(process.to_bytes(_NUMBER, "big"))
        else:
            return
    _be_kernel(nursery, *json.loads(order))


def _be_kernel(parent: int, arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """Be as one that was started anew. It ends after its parent, the nursery."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [*arguments, f"--IPKernelApp.parent_handle={parent}"]
    from ipykernel.kernelapp import launch_new_instance

    try:
        launch_new_instance()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(0)  # to take down all that is loaded takes as long as to load it
