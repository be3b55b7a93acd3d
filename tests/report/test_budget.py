"""What a run says of its memory."""

import os
import signal

import psutil
import pytest

from carenotes.report.runs import budget

HELD = 64 << 20  # bytes


@pytest.mark.skipif(not hasattr(psutil.Process().memory_full_info(), "pss"), reason="the system does not tell")
def test_what_a_process_shares_with_its_fork_counts_once() -> None:
    held = bytearray(b"x" * HELD)
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        roughly = budget._roughly()
        assert budget._memory(roughly) < roughly - HELD // 2
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert len(held) == HELD
