"""The worker's side of the limits: what this machine, this interpreter and this stack can do at best."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO, FileIO
from pathlib import Path
from time import perf_counter_ns
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, select
from sqlalchemy.orm import Session
from typing_extensions import override

from carenotes.backends import backend_of, open_async_pool, parsed
from carenotes.lab.configurations.client import engine_of
from carenotes.lab.runner.loops import loop_of_worker
from carenotes.lab.runner.workers import TIMED, Configuration, Maker

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

MEMORY_COPY, FILE_READ = "memory copied", "file read, warm"
CLOCK, DICT, AWAITED = "clock read twice", "dict look-up", "awaited no-op"
DRIVER, CORE, ORM, ASYNC = (f"SELECT 1, {way}" for way in ("driver", "SQLAlchemy Core", "ORM session", "async driver"))
UNITS: Mapping[str, str] = MappingProxyType({MEMORY_COPY: "B", FILE_READ: "B"})  # of work; of all others: times
_BLOCK = 1 << 18  # bytes: it stays in a core's own cache; larger ones and smaller ones were slower
_BYTES = 1 << 28  # in a sample
_TIMES = 200_000
_STATEMENTS = 1_000
_BY_DRIVER, _BY_LOOP = 20, 20  # times as many, and times fewer: one takes that much less, the other that much more


class _Repeated(Configuration):
    """Something small, so many times; a warm-up is a tenth."""

    def __init__(self, times: int) -> None:
        self._times = times

    @override
    def warm_up(self, _round: int, part: int) -> None:
        self.units = self._times if part == TIMED else max(1, self._times // 10)


class _Through(_Repeated):
    """A file's bytes put into one block, over and over: at most as many of them as make a sample.

    All that is written to is touched beforehand, and all that is read was read: the first use of a page is no copying.
    """

    def __init__(self, source: FileIO | BytesIO) -> None:
        super().__init__(_BYTES)
        self._source = source
        self._block = memoryview(bytearray(b"\1") * _BLOCK)

    @override
    def run(self) -> None:
        """What ends is read again from its beginning."""
        source, block, left = self._source, self._block, self.units
        source.seek(0)
        while left > 0:
            got = source.readinto(block[:left])
            left -= got
            if not got:
                source.seek(0)

    @override
    def close(self) -> None:
        self._source.close()


class FileRead(_Through):
    """Out of the page cache, by one call of the system a block."""

    def __init__(self, file: Path) -> None:
        super().__init__(FileIO(file))
        # As far as it is going to be read; then it is in the cache, whoever came before.
        for _ in range(_BYTES // _BLOCK):
            if not self._source.readinto(self._block):
                break


class MemoryCopy(_Through):
    """Out of this process's memory, and else the same: what reading the file takes when there is nothing but copying.

    Not two buffers larger than every cache: a file that fits into one is then read faster than they are copied.
    """

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            super().__init__(BytesIO(opened.read(_BYTES)))


class ClockReadTwice(_Repeated):
    """What timing something costs."""

    @override
    def run(self) -> None:
        for _ in range(self.units):
            began = perf_counter_ns()
            perf_counter_ns() - began


class DictLookUp(_Repeated):
    """A look-up by a short text, its loop included."""

    @override
    def run(self) -> None:
        kept = {"tenant 3": 1}
        for _ in range(self.units):
            kept["tenant 3"]


class AwaitedNoOp(_Repeated):
    """An awaited function that does nothing."""

    @override
    def run(self) -> None:
        loop_of_worker().run(self._all())

    async def _all(self) -> None:
        for _ in range(self.units):
            await _nothing()


async def _nothing() -> None:
    pass


class SelectOne(_Repeated):
    """The emptiest statement in a transaction of its own, through a layer of the stack; its connection is held."""

    def __init__(self, url: str | URL, layer: str) -> None:
        super().__init__(_STATEMENTS * (_BY_DRIVER if layer == DRIVER else 1))
        self._connection = engine_of(url).connect()
        self._ask = _LAYERS[layer]

    @override
    def warm_up(self, round_number: int, part: int) -> None:
        """The statement is compiled."""
        super().warm_up(round_number, part)
        self._ask(self._connection, 1)

    @override
    def run(self) -> None:
        self._ask(self._connection, self.units)

    @override
    def close(self) -> None:
        self._connection.close()


def _driver(connection: Connection, times: int) -> None:
    driver = backend_of(connection).driver(connection)
    for _ in range(times):
        driver.execute("BEGIN")
        driver.execute("SELECT 1").fetchone()
        driver.execute("COMMIT")


_ONE = select(1)


def _core(connection: Connection, times: int) -> None:
    for _ in range(times):
        with connection.begin():
            connection.execute(_ONE).scalar_one()


def _orm(connection: Connection, times: int) -> None:
    for _ in range(times):
        with Session(connection) as session:
            session.execute(_ONE).scalar_one()


_LAYERS: Mapping[str, Callable[[Connection, int], None]] = {DRIVER: _driver, CORE: _core, ORM: _orm}


class SelectOneAsync(_Repeated):
    """The same through the async driver, awaited each time."""

    def __init__(self, url: str | URL) -> None:
        super().__init__(_STATEMENTS // _BY_LOOP)
        self._pool: AsyncEngine = open_async_pool(url, 1)
        self._connection: AsyncConnection = loop_of_worker().run(_connected(self._pool))

    @override
    def warm_up(self, round_number: int, part: int) -> None:
        """The statement is compiled."""
        super().warm_up(round_number, part)
        loop_of_worker().run(self._ask(1))

    @override
    def run(self) -> None:
        loop_of_worker().run(self._ask(self.units))

    async def _ask(self, times: int) -> None:
        for _ in range(times):
            async with self._connection.begin():
                (await self._connection.execute(_ONE)).scalar_one()

    @override
    def close(self) -> None:
        loop_of_worker().run(self._connection.close())
        loop_of_worker().run(self._pool.dispose())


async def _connected(pool: "AsyncEngine") -> "AsyncConnection":
    await asyncio.sleep(0)
    return await pool.connect()


def ceilings_of(url: str | URL) -> dict[str, Maker]:
    """Every limit as a condition, for a database: without those of a file where it is none, nor of an async driver."""
    backend = backend_of(url)
    file = backend.file(parsed(url))
    of_a_file: dict[str, Maker] = (
        {MEMORY_COPY: partial(MemoryCopy, file), FILE_READ: partial(FileRead, file)} if file else {}
    )
    layers: dict[str, Maker] = {layer: partial(SelectOne, url, layer) for layer in _LAYERS}
    of_a_loop: dict[str, Maker] = {ASYNC: partial(SelectOneAsync, url)}
    return {
        **of_a_file,
        CLOCK: partial(ClockReadTwice, _TIMES),
        DICT: partial(DictLookUp, _TIMES),
        AWAITED: partial(AwaitedNoOp, _TIMES),
        **layers,
        **(of_a_loop if backend.HAS_ASYNC else {}),
    }
