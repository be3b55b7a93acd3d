"""A run on somebody's own PostgreSQL reads, as a role that may do nothing else, and outlives the loss of the server."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL

from carenotes import Refused
from carenotes.lab.results.store import Results
from carenotes.servers.postgresql import postgresql, programs
from tests.conftest import run_in, started, wait_until
from tests.report.conftest import started_by
from tests.somebody import PASSWORD, Somebody, killed, started_again, text_of

pytestmark = pytest.mark.slow

CATALOGUE = "SELECT oid, relname, relfilenode, relkind, relhasindex, relacl::text FROM pg_class ORDER BY oid"


@dataclass(frozen=True)
class Run:
    """A run whose server was killed in the middle, and the same command when it was there again."""

    folder: Path
    reader: URL
    lost: "subprocess.CompletedProcess[str]"
    kept: int  # samples, after the loss
    finished: "subprocess.CompletedProcess[str]"
    samples: int
    before: object  # of the catalogue
    after: object
    databases: list[tuple[object, ...]]


def samples(folder: Path) -> int:
    """How many are kept."""
    try:
        results = Results.read(folder / "results.sqlite")
    except Refused:  # it is just being made
        return 0
    count = len(results.tables()["sample"])
    results.close()
    return count


@pytest.fixture(scope="module")
def run(start_up: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    try:
        programs()
    except Refused as none:
        pytest.skip(str(none))
    place = tmp_path_factory.mktemp("own")
    with postgresql() as server:
        somebody = Somebody(server.url)
        url = somebody.notes()
        reader = somebody.role(url)
        somebody.sql(url, f"GRANT SELECT ON care_notes TO {reader.username}", "VACUUM")
        before = somebody.sql(url, CATALOGUE)
        command = ["report", "--profile", "two rounds", "--only", "02", "--out", "run", "--database", text_of(reader)]
        hook = started_by(start_up)
        with started([sys.executable, "-m", "carenotes", *command], cwd=place, env=hook) as began:
            wait_until(lambda: samples(place / "run"), began, 240)
            again = killed(server, signal.SIGQUIT)
            out, err = began.communicate(timeout=240)
        lost = subprocess.CompletedProcess(command, began.returncode, out, err)
        kept = samples(place / "run")
        with started_again(again, server.url):
            finished = run_in(place, *command, env=hook)
            after = somebody.sql(url, CATALOGUE)
            databases = somebody.sql(url, "SELECT datname FROM pg_database WHERE datname LIKE 'carenotes%'")
        yield Run(place / "run", reader, lost, kept, finished, samples(place / "run"), before, after, databases)


def test_a_server_that_goes_away_is_told_in_a_line_and_what_was_measured_is_kept(run: Run) -> None:
    assert (run.lost.returncode, run.lost.stdout) == (1, "run/index.html\n")
    [line] = run.lost.stderr.strip().splitlines()
    why = "the database: no server answers there; what was measured is kept, and the same command goes on"
    assert line == f"carenotes: failed: 02_one_query ({why}); the page says where"
    assert run.kept > 0


def test_the_same_command_finishes_it_when_the_server_is_there_again(run: Run) -> None:
    assert (run.finished.returncode, run.finished.stderr) == (0, "")
    assert run.samples > run.kept
    results = Results.read(run.folder / "results.sqlite")
    found = results.correctness()
    results.close()
    assert (found["wrong"] > 0).sum() == 0
    assert len(found) > 0


def test_nothing_is_made_or_changed_where_one_may_only_read(run: Run) -> None:
    assert run.after == run.before
    assert run.databases == []


def test_what_a_run_keeps_tells_no_secret(run: Run) -> None:
    ways = (PASSWORD, PASSWORD.replace(" ", "%20"), PASSWORD.replace(" ", "+"))
    names = (str(run.reader.username), str(run.reader.database), str(run.reader.host), f":{run.reader.port}")
    files = [one for one in run.folder.rglob("*") if one.is_file()]
    assert len(files) > 5
    for file in files:
        content = file.read_bytes()
        assert [one for one in (*ways, *names, str(run.folder)) if one.encode() in content] == [], file.name
    assert [one for one in (*ways, *names) if one in run.lost.stderr + run.finished.stderr] == []
