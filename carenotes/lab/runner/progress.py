"""A bar of rounds, with the time left, for somebody who waits for them; nothing where nobody does.

Somebody waits at the terminal of standard error; at the terminal that `carenotes report` hands to the kernels which it
starts; and in a notebook whose kernel may ask for input (papermill, nbclient and nbval do not let it). A bar changes
when it is told of a round and at no other time: no thread of it runs while a worker is timed.
"""

import os
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

_TERMINAL = "CARENOTES_TERMINAL"  # the path of the one that a kernel is handed
_FORMAT = "{desc} |{bar}| {n_fmt} of {total_fmt} rounds, {elapsed} so far, {remaining} left"
_EMPTY_LINE = "\r\x1b[K"


@contextmanager
def shown(notebook: str, experiments: Collection[str], rounds: int, done: int = 0) -> Iterator[Callable[[], object]]:
    """Show a bar of rounds, of which some are done already; what it gives is to be called after each. Leaves nothing.

    In a notebook the bar takes all that the cell has put out so far away with it.
    """
    with ExitStack() as ending:
        kind, file = _place(notebook, ending) if done < rounds else (None, None)
        if kind is None:
            yield lambda: None
            return
        # Told of by nobody but us: without the thread that refreshes bars, and the lock between processes.
        kind = type("Bar", (kind,), {"monitor_interval": 0, "_lock": threading.RLock()})
        title = f"{notebook}: {_named(list(experiments))}"
        looks = {"desc": title, "bar_format": _FORMAT, "leave": False, **_width(file)}
        bar = kind(total=rounds, initial=done, file=file, mininterval=0, miniters=1, **looks)
        ending.callback(bar.close)
        yield bar.update


def _named(experiments: list[str]) -> str:
    more = f" and {len(experiments) - 1} more" if experiments[1:] else ""
    return f"{experiments[0]}{more}"


def _place(notebook: str, ending: ExitStack) -> tuple[Any, Any]:
    """The kind of a bar and the file that it is written to, or twice None; `ending` clears up after it."""
    from tqdm.std import tqdm  # here and below: workers import this module and show nothing

    kernel = _kernel()
    if terminal := _Terminal.handed(notebook):
        ending.callback(terminal.close)
        return tqdm, terminal
    if kernel is None:
        return (tqdm, sys.stderr) if sys.stderr and sys.stderr.isatty() else (None, None)
    if not kernel.get_parent("shell").get("content", {}).get("allow_stdin"):
        return None, None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of widgets that are not installed: it is a bar of text then
        from tqdm.auto import tqdm as of_notebooks
    from IPython.display import clear_output

    ending.callback(clear_output)  # either kind leaves an output behind, if an empty one
    return of_notebooks, None


def _width(file: Any) -> dict[str, Any]:
    """What a bar is told of its width; of a terminal that says it has none, as some do, tqdm would make nothing."""
    if file is None:
        return {}
    with suppress(OSError):
        if os.get_terminal_size(file.fileno()).columns:
            return {"dynamic_ncols": True}
    return {"ncols": 80, "nrows": 24}


def _kernel() -> Any:
    """The kernel that we are in, or None."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None)


class _Terminal:
    """A terminal by its path. What it does not take at once is dropped: it may stand still, or be gone."""

    encoding = "utf-8"

    def __init__(self, path: str, idle: str) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        self._idle = idle

    @classmethod
    def handed(cls, notebook: str) -> "_Terminal | None":
        """The one that this process was handed, if any and if it can be written to."""
        with suppress(KeyError, OSError):
            return cls(os.environ[_TERMINAL], _waiting(notebook))
        return None

    def write(self, text: str) -> None:
        """Write, or not."""
        with suppress(OSError):
            os.write(self._handle, text.encode())

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def fileno(self) -> int:
        """Its handle, from which its width is known."""
        return self._handle

    def close(self) -> None:
        """Say again what was said before there was a bar."""
        self.write(self._idle)
        os.close(self._handle)


@contextmanager
def handed_on(notebook: str) -> Iterator[None]:
    """Hand the terminal of standard error, if it is one, to kernels that are started meanwhile: they show bars on it.

    By its path, so that there is no pipe to wait at, and nothing left over when either process is killed.
    """
    try:
        os.environ[_TERMINAL] = os.ttyname(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # a pipe, a file, no file at all
        yield
        return
    try:
        _say(_waiting(notebook))
        yield
    finally:
        del os.environ[_TERMINAL]
        _say(_EMPTY_LINE)


def _waiting(notebook: str) -> str:
    return f"{_EMPTY_LINE}{notebook} ..."


def _say(text: str) -> None:
    with suppress(OSError):  # the terminal is gone: that ends no run
        sys.stderr.write(text)
        sys.stderr.flush()
