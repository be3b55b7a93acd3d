"""A process that starts a server, and takes it away when the process that wanted it is gone, however that ended.

It is run as a script and imports nothing of ours. An order comes as a line of JSON on standard input, what became of it
goes out as lines of JSON. When the input ends, so does the server, and its folder is removed. A pipe tells that of
every end of a process, `kill -9` included; a signal at the parent's death would be lost with a change of user.
"""

import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

_PATIENCE = 10.0  # seconds that a server has to end when it is told to
_LAST = 5  # lines of its log that are told


def main() -> None:
    """Carry out one order; see `Order` in `carenotes.servers.process` for what it holds."""
    # Ctrl-C is for the process that wanted the server. Not SIG_IGN: the server would begin deaf to it.
    signal.signal(signal.SIGINT, _nothing)
    signal.signal(signal.SIGTERM, _end)
    order = json.loads(sys.stdin.readline())
    try:
        folder = _folder(order["places"], order["user"])
    except OSError as error:
        return _say({"ended": str(error), "log": []})
    try:
        _serve(order, folder)
    except subprocess.CalledProcessError as error:
        ended = f"{Path(error.cmd[0]).name} ended with status {error.returncode}"
        _say({"ended": ended, "log": _last_lines(folder)})
    except OSError as error:
        _say({"ended": str(error), "log": _last_lines(folder)})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _nothing(_number: int, _frame: object) -> None:
    pass


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(0)


def _serve(order: dict[str, Any], folder: Path) -> None:
    """Prepare, start, and wait for the end of the server or of the input."""
    programs = _reachable(Path(order["programs"]), order["parts"], folder, order["user"])
    for name, text in order["files"].items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
        _give(folder / name, order["user"])

    def filled(command: list[str]) -> list[str]:
        return [one.format(programs=programs, folder=folder) for one in command]

    options: dict[str, Any] = {"user": order["user"]} if order["user"] else {}
    with (folder / "server.log").open("w") as log:
        said: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "cwd": folder, **options}
        for command in order["before"]:
            subprocess.run(filled(command), check=True, **said)
        with subprocess.Popen(filled(order["serve"]), start_new_session=True, **said) as server:
            try:
                _say({"started": server.pid, "folder": str(folder)})
                _wait(server, folder)
            finally:
                _stop(server, order["signal"])


def _wait(server: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Until the input ends, or the server does; then its last words are told."""
    told = False
    while not select.select([sys.stdin], [], [], 0.2)[0]:  # whatever comes, it is the end: there is one order
        if server.poll() is not None and not told:
            told = True
            _say({"ended": f"status {server.returncode}", "log": _last_lines(folder)})


def _stop(server: "subprocess.Popen[bytes]", number: int) -> None:
    if server.poll() is None:
        server.send_signal(number)
    try:
        server.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _folder(places: list[str], user: str | None) -> Path:
    """A new folder that belongs to the user, in the first place that the user can enter."""
    place = next((one for one in places if Path(one).is_dir() and _is_open(Path(one), user)), None)
    if place is None:
        raise OSError(f"the user {user} can enter none of {', '.join(places)}")
    folder = Path(tempfile.mkdtemp(prefix="carenotes-", dir=place))
    _give(folder, user)
    return folder


def _is_open(folder: Path, user: str | None) -> bool:
    """Whether the user can enter a folder and all above it; nobody is in no group."""
    return user is None or all(one.stat().st_mode & 0o001 for one in (folder.resolve(), *folder.resolve().parents))


def _reachable(programs: Path, parts: list[str], folder: Path, user: str | None) -> Path:
    """The folder of the programs, or a copy of its parts where the user cannot reach them."""
    if all(_is_open(programs / part, user) for part in parts):
        return programs
    copy = folder / "programs"
    for part in parts:
        shutil.copytree(programs / part, copy / part)
    for one in (copy, *copy.rglob("*")):
        _give(one, user)
    return copy


def _give(what: Path, user: str | None) -> None:
    if user is not None:
        known = pwd.getpwnam(user)
        os.chown(what, known.pw_uid, known.pw_gid)


def _last_lines(folder: Path) -> list[str]:
    try:
        return (folder / "server.log").read_text(errors="replace").splitlines()[-_LAST:]
    except OSError:
        return []


def _say(message: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):  # nobody listens any more; the input ends as well
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
