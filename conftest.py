"""What holds for the tests and for the notebooks under nbval alike, which know no fixtures."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from carenotes.backends import BACKENDS, DEFAULT

_ROOM = 6 * 2**30  # bytes

# A shell starts what runs beside others deaf to Ctrl-C, and what we start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Give each process of tests, and the kernels that it starts, a folder for temporary files of its own.

    The lock of a machine lies in that folder: tests must not meet somebody's run there, nor workers each other's.
    """
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())  # where `tmp_path` stays to be looked at
    folder = tempfile.TemporaryDirectory(prefix="carenotes-", dir=_in_memory(), ignore_cleanup_errors=True)
    Path(folder.name).chmod(0o711)  # a server of ours, which lies in it, runs as nobody where we are root
    os.environ["TMPDIR"] = tempfile.tempdir = folder.name
    config.add_cleanup(folder.cleanup)


def _in_memory() -> Path | None:
    """Where files cost least, if there is room: tests make hundreds of databases on a server, of 300 files each.

    For some minutes a disk's ext4 goes through the files that were just deleted whenever it makes a new one.
    """
    place = Path("/dev/shm")  # noqa: S108 - a folder with a name of its own is made there
    return place if place.is_dir() and os.access(place, os.W_OK) and shutil.disk_usage(place).free > _ROOM else None


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Let a kernel say things on stderr (that it listens on TCP); nbval compares everything else."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare = (*collector.skip_compare, "stderr")


@pytest.hookimpl(tryfirst=True)  # before what is slow is left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, so that no worker is left alone with one at the end.

    Notebooks are slow, and so is whatever is tried on another engine than the first.
    """
    slow: set[Path] = {item.path for item in items if item.path.suffix == ".ipynb" or item.get_closest_marker("slow")}
    for item in items:
        if item.path.suffix == ".ipynb" or any(engine in item.nodeid for engine in _SLOW_ENGINES):
            item.add_marker(pytest.mark.slow)
    items.sort(
        key=lambda item: (item.path not in slow, item.path.stem not in _OF_ONE_RUN, item.path.stem not in _APART)
    )


_SLOW_ENGINES = [name for name in BACKENDS if name != DEFAULT]
_OF_ONE_RUN = ("test_run", "test_compare", "test_claims", "test_first_answer")  # they look at the same run
_APART = ("test_docs", "test_failures")  # whose tests have nothing in common, and take long


class _Scheduling(LoadScopeScheduling):
    """A file goes to one worker; files about the same run go together, so that none waits while the other makes it."""

    def _split_scope(self, nodeid: str) -> str:
        stem = Path(nodeid.partition("::")[0]).stem
        if stem in _OF_ONE_RUN:
            return "of one run"
        return nodeid if stem in _APART else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)  # of a plugin that may be off
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Who gets which tests, where there are several workers."""
    return _Scheduling(config, log)
