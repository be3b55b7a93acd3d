"""Kernels that are forks: where they run, what they see, that they end, and what is said when none can be started."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from carenotes import Failed
from carenotes.report.runs import kernels

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def none_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests share is not there."""
    monkeypatch.setattr(kernels, "_NURSERIES", [])


SEEN = "import os, sys; print(os.getcwd(), os.environ['MINE'], os.getppid(), 'matplotlib' in sys.modules)"


async def answered(code: str, folder: Path) -> tuple[str, int, bool]:
    """What a kernel in a folder prints, its process, and whether that is there when it has been shut down."""
    manager = kernels.Manager(kernel_name="python3")
    await manager.start_kernel(cwd=str(folder), extra_arguments=["--log-level=50"])
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        said.append(message["content"].get("text", ""))

    await client.execute_interactive(code, output_hook=hear, timeout=60)
    process = manager.provisioner.pid  # type: ignore[union-attr]
    client.stop_channels()
    await manager.shutdown_kernel()
    return "".join(said), process, Path(f"/proc/{process}/cmdline").exists()


@contextmanager
def nursery() -> Iterator[int]:
    """The process that kernels are forks of meanwhile."""
    with kernels.forked():
        yield kernels._NURSERIES[-1]._process.pid


def test_a_kernel_is_a_fork_in_its_folder_with_what_is_loaded_and_the_environment_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nursery() as parent:
        for value in ("1", "2"):
            monkeypatch.setenv("MINE", value)  # after the nursery was started
            said, process, is_there = asyncio.run(answered(SEEN, tmp_path))
            assert said.split() == [str(tmp_path), value, str(parent), "True"]
            assert process not in (parent, os.getpid())
            assert not is_there
    with pytest.raises(ProcessLookupError):
        os.kill(parent, 0)


def test_whoever_wants_forks_where_there_is_a_nursery_has_those_of_it() -> None:
    with nursery() as outer:
        with nursery() as inner:
            assert inner == outer
        os.kill(outer, 0)  # it is ended by who began it


def test_without_a_nursery_a_kernel_is_started_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "1")
    said, _, _ = asyncio.run(answered(SEEN, tmp_path))
    assert said.split() == [str(tmp_path), "1", str(os.getpid()), "False"]


def test_that_no_kernel_can_be_started_is_said_in_a_line(tmp_path: Path) -> None:
    with nursery() as parent:
        os.kill(parent, signal.SIGKILL)
        with pytest.raises(Failed, match="no kernel can be started: the process that kernels are forks of has died"):
            asyncio.run(answered("1", tmp_path))
