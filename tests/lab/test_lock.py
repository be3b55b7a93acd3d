"""Two runs at once would measure each other."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from carenotes import Refused
from carenotes.lab.runner.lock import alone_on_this_machine

HOLD = "from carenotes.lab.runner.lock import *\nwith alone_on_this_machine(): print('held', flush=True); input()"


@pytest.fixture
def holder() -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_run_is_refused_and_a_kill_leaves_no_lock_behind(holder: subprocess.Popen[str]) -> None:
    with pytest.raises(Refused, match="another run is measuring on this machine"), alone_on_this_machine():
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    with alone_on_this_machine():
        pass


def test_inside_of_a_run_the_lock_is_held_already(tmp_path: Path) -> None:
    with alone_on_this_machine(), alone_on_this_machine():
        done = subprocess.run([sys.executable, "-c", HOLD], input="\n", capture_output=True, text=True, check=False)
        assert done.stdout == "held\n"  # a kernel of the run inherits it
    with alone_on_this_machine():
        pass
