"""QueryCache: answers kept for a time, each loaded by one caller's query and shared by all who ask meanwhile."""

import asyncio
import inspect
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Generic, TypeVar

from carenotes.cache.flights import AgainError, Flight, LoadsItselfError, Raised, current
from carenotes.cache.statistics import ByTenant, Statistics
from carenotes.cache.versions import Fences, Scope, Versioned

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")
_STRANDED_CHECK = 1.0  # seconds after which a caller looks whether the foreign loop that it waits for still runs


@dataclass(slots=True, eq=False)
class _Entry(Generic[Answer]):
    answer: Answer
    expires: float
    loaded: float
    version: int | None
    sequence: int
    hits: int = 0
    hits_seen: int = 0  # when eviction last came by


@dataclass(frozen=True, slots=True)
class Lookup(Generic[Answer]):
    """An answer with what is known of it: `age` in seconds since its load began, and so at most how stale it is."""

    answer: Answer
    age: float
    source: str  # "hit", or "load" for one that was waited for


class QueryCache(Generic[Key, Answer]):
    """Keeps the answers of `load`, an async callable of one hashable key, for `ttl` seconds after their load began.

    One load at a time for a key: the cache owns it, callers wait for it and may leave. When the last one left, it
    may go on for `finish_abandoned` seconds and is kept if it ends by then; 0 cancels it at once. At most `max_entries`
    answers are kept (second chance for those that were asked for since eviction last came by). Errors are raised in
    everyone who waits, and not kept. `load` returns the answer, or `Versioned(answer, version)`.

    Usable from many event loops and threads at once; a load runs on the loop of whoever asked first. Raises ValueError
    for a `ttl` or a bound that is none, TypeError for a key that cannot be hashed or a `load` that is not async.
    """

    def __init__(
        self,
        load: Callable[[Key], Awaitable[Answer | Versioned[Answer]]],
        ttl: float = 60.0,
        *,
        max_entries: int = 10_000,
        finish_abandoned: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not callable(load):
            raise TypeError(f"load must be an async callable of one key, not {load!r}")
        self._load = load
        self._ttl = _positive("ttl", ttl)
        self._max_entries = _whole("max_entries", max_entries)
        self._finish_abandoned = _positive("finish_abandoned", finish_abandoned, zero=True)
        self._clock = clock  # monotonic: a wall clock that jumps must not matter
        self._entries: OrderedDict[Key, _Entry[Answer]] = OrderedDict()
        self._of_tenant: dict[Hashable, set[Key]] = {}
        self._flights: dict[Hashable, Flight] = {}
        self._fences = Fences()
        self._counted = ByTenant()
        self._sequence = 0
        self._lock = threading.RLock()  # taken by everything but a hit

    async def get(self, key: Key) -> Answer:
        """The answer to `key`: a fresh one that is there, or that of a load which everyone who asks shares."""
        entry = self._entries.get(key)
        if entry is not None and self._clock() < entry.expires:
            entry.hits += 1
            return entry.answer
        return (await self._wait(key)).answer

    async def lookup(self, key: Key) -> Lookup[Answer]:
        """The answer to `key`, how old it may be, and where it came from."""
        return self.peek(key, count=True) or await self._wait(key)

    def peek(self, key: Key, *, count: bool = False) -> Lookup[Answer] | None:
        """What is there now, if it is fresh; nothing is waited for, loaded or (unless told) counted."""
        entry = self._entries.get(key)
        now = self._clock()
        if entry is None or now >= entry.expires:
            return None
        entry.hits += count
        return Lookup(entry.answer, now - entry.loaded, "hit")

    async def invalidate(
        self,
        tenant_id: Hashable,
        facility_ids: Iterable[int] | None = None,
        days: Iterable[date] | None = None,
        *,
        version: int | None = None,
    ) -> None:
        """Throw away what may depend on the tenant's notes of these facilities and days (None: all of them).

        A call of `get` that begins after this returned sees no answer of a load that began before. With the `version`
        that the tenant's data now has, no answer read from an older one is kept either, whenever its load began.
        """
        scope = Scope.of(tenant_id, facility_ids, days)
        with self._lock:
            if version is not None:
                self._fences.raise_to(scope, version)
            keys = self._of_tenant.get(tenant_id, set()) | self._of_tenant.get(None, set())
            for key in [one for one in keys if scope.overlaps(one)]:
                self._remove(key)
                self._counted.of(key).invalidated += 1
            for overtaken in [one for one in self._flights if scope.overlaps(one)]:
                self._flights.pop(overtaken).overtaken = True

    async def invalidate_all(self) -> None:
        """Throw away everything: as `invalidate`, of all tenants."""
        with self._lock:
            for key in [*self._entries]:
                self._remove(key)
                self._counted.of(key).invalidated += 1
            for overtaken in [*self._flights]:
                self._flights.pop(overtaken).overtaken = True

    def statistics(self, tenant_id: Hashable = None) -> Statistics:
        """What has been counted, of one tenant or (None) of all."""
        with self._lock:
            found = self._counted.all() if tenant_id is None else self._counted.known(tenant_id)
            for key in self._entries if tenant_id is None else self._of_tenant.get(tenant_id, ()):
                found.hits += self._entries[key].hits
                found.entries += 1
        return found

    async def _wait(self, key: Key) -> Lookup[Answer]:
        loop = asyncio.get_running_loop()
        counted = False
        while True:
            with self._lock:
                there = self.peek(key, count=True)  # another thread may have been faster
                if there is not None:
                    return there
                flight = self._flight(key, loop)
                self._count_miss(key, again=counted)
                waiter = flight.board(loop)
                counted = True
            try:
                return await self._landed(flight, waiter)
            except AgainError:
                continue

    def _count_miss(self, key: Key, *, again: bool) -> None:
        if not again:
            self._counted.of(key).misses += 1

    def _flight(self, key: Key, loop: asyncio.AbstractEventLoop) -> Flight:
        """The flight to wait for: one that is under way, or a new one."""
        flight, here = self._flights.get(key), current.get()
        if flight is None or (flight.loop is not loop and flight.is_stranded()):
            flight = self._take_off(key, loop)
        if here is not None:
            if here.is_awaited_by(flight):
                raise LoadsItselfError(f"the load of {here.key!r} asks for {key!r}, which waits for it")
            here.waits_for.append(flight)
        return flight

    def _take_off(self, key: Key, loop: asyncio.AbstractEventLoop) -> Flight:
        self._sequence += 1
        flight = Flight(key, loop, self._clock(), self._sequence)
        self._flights[key] = flight
        self._counted.of(key).loads += 1
        flight.start(self._fly(key, flight), partial(self._cancelled, flight))
        return flight

    async def _landed(self, flight: Flight, waiter: "asyncio.Future[Lookup[Answer] | Raised]") -> Lookup[Answer]:
        here = current.get()
        try:
            while flight.loop is not asyncio.get_running_loop():
                done, _ = await asyncio.wait([waiter], timeout=_STRANDED_CHECK)
                if done:
                    break
                if flight.is_stranded():
                    raise AgainError
            found = await waiter
        finally:
            if here is not None:
                here.waits_for.remove(flight)
            self._leave(flight, waiter)
        if isinstance(found, Raised):
            raise found.error.with_traceback(found.traceback)
        return found

    def _leave(self, flight: Flight, waiter: "asyncio.Future[Any]") -> None:
        """A caller has its answer, or waits no longer; the last to leave a flight sets its deadline."""
        with self._lock:
            left = flight.waiting.pop(waiter, None)
            if left is None or flight.waiting:
                return
        flight.give_up_after(self._finish_abandoned, partial(self._give_up, flight))

    def _give_up(self, flight: Flight) -> None:
        with self._lock:
            if flight.waiting:
                return
            self._forget(flight)
            flight.overtaken = True  # should it go on in spite of being cancelled
            self._counted.of(flight.key).abandoned += 1
        assert flight.task is not None
        flight.task.cancel()

    async def _fly(self, key: Key, flight: Flight) -> None:
        await asyncio.sleep(0)  # never before its first caller waits, not even in a loop that starts tasks eagerly
        current.set(flight)
        try:
            loading = self._load(key)
            if not inspect.isawaitable(loading):
                raise TypeError(f"load must be async: it returned {type(loading).__name__}, which cannot be awaited")
            self._filled(flight, key, await loading)
        except asyncio.CancelledError:
            raise  # see `_cancelled`
        except BaseException as error:
            self._failed(flight, error, error)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise  # it ends the loop

    def _cancelled(self, flight: Flight) -> None:
        self._failed(flight, RuntimeError(f"the load of {flight.key!r} was cancelled"), AgainError())

    def _filled(self, flight: Flight, key: Key, loaded: Answer | Versioned[Answer]) -> None:
        answer, version = (loaded.answer, loaded.version) if isinstance(loaded, Versioned) else (loaded, None)
        with self._lock:
            self._forget(flight)
            expires = flight.took_off + self._ttl
            if self._may_keep(flight, key, version):
                self._keep(key, _Entry(answer, expires, flight.took_off, version, flight.sequence))
            else:
                self._counted.of(key).refused_fills += 1
            found = Lookup(answer, self._clock() - flight.took_off, "load")
            flight.land(found, found)

    def _failed(self, flight: Flight, error: BaseException, elsewhere: BaseException) -> None:
        with self._lock:
            self._forget(flight)
            self._counted.of(flight.key).errors += 1
            flight.land(Raised.of(error), Raised.of(elsewhere))

    def _may_keep(self, flight: Flight, key: Key, version: int | None) -> bool:
        """Not what an invalidation overtook, a fence keeps out, took too long, or is older than what is there."""
        if flight.overtaken or self._clock() >= flight.took_off + self._ttl:
            return False
        if version is not None and self._fences.keep_out(key, version):
            return False
        there = self._entries.get(key)
        if there is None:
            return True
        if version is not None and there.version is not None and version != there.version:
            return version > there.version  # start order is not data order: a late replica is an old version
        return flight.sequence > there.sequence

    def _keep(self, key: Key, entry: _Entry[Answer]) -> None:
        self._remove(key)
        while len(self._entries) >= self._max_entries:
            self._evict()
        self._entries[key] = entry
        self._of_tenant.setdefault(getattr(key, "tenant_id", None), set()).add(key)

    def _evict(self) -> None:
        """Second chance: the oldest goes, unless it was hit since it last was that; then it becomes the newest."""
        while True:
            key, entry = next(iter(self._entries.items()))
            if entry.hits == entry.hits_seen or entry.expires <= self._clock():
                break
            entry.hits_seen = entry.hits
            self._entries.move_to_end(key)
        self._remove(key)
        self._counted.of(key).evicted += 1

    def _remove(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._counted.of(key).hits += entry.hits
        tenant = getattr(key, "tenant_id", None)
        keys = self._of_tenant[tenant]
        keys.discard(key)
        if not keys:
            del self._of_tenant[tenant]

    def _forget(self, flight: Flight) -> None:
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]


def _positive(name: str, value: float, *, zero: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value > 0 or (zero and value == 0)):
        raise ValueError(f"{name} is {value!r}; allowed: a number of seconds above 0{' or 0' if zero else ''}")
    return float(value)


def _whole(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is {value!r}; allowed: a whole number, 1 or more")
    return value
