"""`carenotes report` shows the rounds of a notebook on a terminal. (Into a pipe: `test_own_database.py`.)"""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.slow

REPORT = ["-m", "carenotes", "report", "--profile", "tiny", "--only", "01"]


def run_at_terminal(out: Path, environment: dict[str, str]) -> tuple[int, str]:
    """The exit status of a run, and what it showed on a terminal of a hundred columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    with subprocess.Popen(
        [sys.executable, *REPORT, "--out", str(out)], env=environment, stdout=subprocess.DEVNULL, stderr=theirs
    ) as run:
        os.close(theirs)
        said = b""
        try:
            while some := os.read(ours, 10_000):
                said += some
        except OSError:  # nobody has it open any more
            pass
    os.close(ours)
    return run.returncode, said.decode()


def test_on_a_terminal_the_rounds_of_a_notebook_are_shown_and_kept_nowhere(
    with_tiny: dict[str, str], tmp_path: Path
) -> None:
    status, said = run_at_terminal(tmp_path / "out", with_tiny)
    assert status == 0
    assert "01_seed_data: pilot of loading |" in said
    for done in range(3):
        assert f"{done} of 2 rounds" in said
    assert "Executing" not in said  # papermill's bar of cells
    assert said.endswith("\r\x1b[K")
    for file in (tmp_path / "out").rglob("*"):
        if file.is_file():
            assert "█".encode() not in file.read_bytes(), file.name
    notebook = nbformat.read(tmp_path / "out" / "executed" / "01_seed_data.ipynb", as_version=4)
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    assert [one for one in outputs if one.get("name") == "stderr"] == []
