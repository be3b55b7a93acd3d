"""Two runs at once would measure each other."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from carenotes import Refused
from carenotes.lab.runner.lock import alone_on_this_machine
from tests.conftest import ROOT

HOLD = "from carenotes.lab.runner.lock import *\nwith alone_on_this_machine(): print('held', flush=True); input()"


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


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


@pytest.mark.slow
def test_a_notebook_test_does_not_meet_the_lock_of_somebodys_run(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    """A kernel under nbval knows no fixtures: what `conftest.py` sets for the process of tests must reach it."""
    cell = "from carenotes.lab.runner.lock import alone_on_this_machine\nwith alone_on_this_machine():\n    pass"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, tmp_path / "alone.ipynb")
    shutil.copy(ROOT / "conftest.py", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-m", "slow", "--nbval", "alone.ipynb"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    assert holder.poll() is None  # the lock was held all the while
