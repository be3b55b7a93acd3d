"""Commands as they are said to a server, whatever is wrong with it."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from sqlalchemy import URL

from tests.conftest import Command
from tests.somebody import PASSWORD, SPEC, Somebody, text_of

DAY = SPEC.last_day.isoformat()


@pytest.fixture(scope="session")
def their_notes(somebody: Somebody) -> URL:
    """Notes of ours in a database; to be read only."""
    return somebody.notes()


Arguments = Callable[[str, Path], list[str]]
READING: dict[str, Arguments] = {
    "stats": lambda url, _: ["stats", "--database", url, "--tenant", "1", "--day", DAY],
    "report": lambda url, _: ["report", "--profile", "smoke", "--only", "02", "--database", url, "--out", "run"],
}
WRITING: dict[str, Arguments] = {
    "seed": lambda url, _: ["seed", "--database", url, "--notes", "100", "--append"],
    "ingest": lambda url, file: ["ingest", str(file), "--database", url],
    "index": lambda url, _: ["index", "--database", url, "--plan", "covering"],
}
EVERY = READING | WRITING


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A note of somebody's own."""
    there = tmp_path / "own.csv"
    there.write_text(
        f"tenant_id,facility_id,patient_id,category,priority,created_at\n1,1,p,treatment,1,{DAY} 08:00:00\n"
    )
    return there


Say = Callable[[str, URL | str], "CompletedProcess[str]"]


@pytest.fixture
def say(carenotes_here: Command, file: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a command, by its name, on a database. Nothing that is said is a secret of the URL."""
    monkeypatch.setenv("CARENOTES_DATABASE", "")  # a report puts its own there

    def command(name: str, url: URL | str) -> CompletedProcess[str]:
        given = url if isinstance(url, str) else text_of(url)
        done = carenotes_here(*EVERY[name](given, file))
        for secret in (PASSWORD, PASSWORD.replace(" ", "%20"), PASSWORD.replace(" ", "+")):
            assert secret not in done.stdout + done.stderr
        assert not (file.parent / "run").exists()
        return done

    return command


def one_line(done: "CompletedProcess[str]", status: int = 2) -> str:
    """What is said of a failure: one line, and nothing on standard output."""
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert done.stderr.startswith("carenotes: ")
    [line] = done.stderr.splitlines()
    return line
