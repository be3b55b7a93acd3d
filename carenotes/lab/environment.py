"""What the numbers were measured on: facts that matter for speed, none that name a person, a host or a folder."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from carenotes.backends import BACKENDS, create_database
from carenotes.backends.backend import Backend
from carenotes.lab.notes.stored import told

_LIBRARIES = (
    "carenotes",
    "sqlalchemy",
    "pyarrow",
    "adbc-driver-sqlite",
    "aiosqlite",
    "numpy",
    "scipy",
    "pandas",
    "matplotlib",
    "papermill",
    "aiocache",  # and the other caches that ours is measured beside
    "async-lru",
    "cachebox",
    "cashews",
    "theine",
)
_PERHAPS = ("pyroaring", "polars", "chdb")  # which a rollup needs, or what it is measured beside


def environment() -> dict[str, str]:
    """The machine, its limits, the interpreter, the libraries, the database and the commit."""
    facts = {
        "cpu": _cpu(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory_gib": _memory_gib(),
        "cgroup_cpu_max": _read("/sys/fs/cgroup/cpu.max"),
        "cgroup_memory_max": _read("/sys/fs/cgroup/memory.max"),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{name: backend.version() for name, backend in BACKENDS.items()},
        **{f"{name}_settings": _settings(backend) for name, backend in BACKENDS.items()},
        "commit": commit(),
    }
    facts |= {name: metadata.version(name) for name in _LIBRARIES}
    return facts | {name: found for name in _PERHAPS if (found := _version(name))}


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    found = re.search(r"model name\s*: (.*)", _read("/proc/cpuinfo"))
    return found[1] if found else platform.processor() or platform.machine()


def _memory_gib() -> str:
    found = re.search(r"MemTotal:\s*(\d+) kB", _read("/proc/meminfo"))
    return f"{int(found[1]) / 2**20:.0f}" if found else "unknown"


def _read(file: str) -> str:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return "unknown"


def _settings(backend: Backend) -> str:
    """What a connection of our own engine has, to a new database."""
    with TemporaryDirectory() as folder:
        place = backend.place(Path(folder), "new")
        if place is None:
            return "no server"
        engine = create_database(place)
        with engine.connect() as connection:
            found = backend.settings(connection)
        engine.dispose()
        backend.drop(place)
    return told(found)


def commit(package: Path = Path(__file__).parents[1]) -> str:
    """The git commit of the checkout that `package` belongs to; `unknown` without one.

    `+changes` if the package or the notebooks beside it were edited: other files change nothing that is measured.
    """
    git = ["git", "-C", str(package.parent)]
    try:
        # Installed into an environment that lies in somebody else's checkout it is no part of that.
        subprocess.run([*git, "ls-files", "--error-unmatch", package.name], capture_output=True, check=True)
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changes = [*git, "status", "--porcelain", "--", package.name, "notebooks"]
        dirty = subprocess.run(changes, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if dirty.stdout.strip() else "")
