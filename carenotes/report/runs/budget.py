"""What a notebook of a run took: minutes, and the most memory and disk at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

import psutil

from carenotes.lab.results.store import Results

_EVERY = 1.0  # seconds between two looks; each takes under a millisecond, but for those that find more than before
_MORE = 1.05  # times as much as before
NAME = "took"


@dataclass
class Took:
    """Seconds, and bytes: the most that this process, its kernels and their workers held together; the most on disk.

    Memory is up to a twentieth more: processes are gone through one by one when it has grown by so much.
    """

    seconds: float = 0.0
    memory: int = 0
    disk: int = 0


@contextmanager
def watched(notebook: str, folder: Path, results: Path) -> Iterator[None]:
    """Watch what a notebook takes while it runs, and keep it; of one that goes on after a kill nothing is kept."""
    kept = Results.create(results)
    folder = folder.resolve()  # a notebook is run in another place, and takes this process along
    fresh = not kept.started(notebook)
    took, over = Took(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(took, folder, over), daemon=True)
    began = monotonic()
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        took.seconds = round(monotonic() - began, 1)
        if fresh:
            kept.fact(notebook, NAME, lambda: asdict(took))
        kept.close()


def _watch(took: Took, folder: Path, over: threading.Event) -> None:
    most = 0.0
    while True:
        if (roughly := _roughly()) > _MORE * most:
            most, took.memory = roughly, max(took.memory, _memory(roughly))
        took.disk = max(took.disk, _disk(folder))
        if over.wait(_EVERY):
            return


def _memory(roughly: int) -> int:
    """The shares of all processes: a page that several hold counts once. To add them up takes some ten milliseconds."""
    this = psutil.Process()
    try:
        return sum(_share(one) for one in [this, *this.children(recursive=True)])
    except AttributeError:  # the system does not tell
        return roughly


def _share(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it has just ended
        return 0


def _roughly() -> int:
    """Quick to read, and tells when to look closely: what a process and its fork share counts in each."""
    this = psutil.Process()
    own = shared = 0
    for one in [this, *this.children(recursive=True)]:
        try:
            held = one.memory_info()
        except psutil.Error:  # it has just ended
            continue
        with_others = getattr(held, "shared", 0)  # where the system tells
        own, shared = own + held.rss - with_others, max(shared, with_others)
    return own + shared


def _disk(folder: Path) -> int:
    used = 0
    for file in folder.rglob("*"):
        try:
            used += file.stat().st_size
        except OSError:  # it has just gone
            continue
    return used
