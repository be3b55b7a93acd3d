"""What a run says of its memory."""

import subprocess
import sys

import psutil
import pytest

HELD = 64 << 20  # bytes
# A process of its own: a test worker has servers of other tests among its children, which start and end meanwhile.
WITH_A_FORK = f"""
import os, signal
from carenotes.report.runs import budget
held = bytearray(b"x" * {HELD})
child = os.fork()
if child == 0:
    signal.pause()
try:
    roughly = budget._roughly()
    print(roughly, budget._memory(roughly))
finally:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(psutil.Process().memory_full_info(), "pss"), reason="the system does not tell")
def test_what_a_process_shares_with_its_fork_counts_once() -> None:
    ended = subprocess.run([sys.executable, "-c", WITH_A_FORK], capture_output=True, text=True, check=True)
    roughly, shared_once = map(int, ended.stdout.split())
    assert HELD < shared_once < roughly - HELD // 2
