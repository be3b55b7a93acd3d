"""The worker of the gate: times whichever revision of carenotes stands first on its path, told in lines of JSON.

It is run by path, in a process of its own, and need not exist in the revision that it times. So it uses only what
every revision has: the five names that it imports from `carenotes`, and the fields of `CareStats`.
"""

import asyncio
import gc
import hashlib
import json
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from carenotes import Aggregator, CareStats, StatsQuery

HIT = "hit"
WARM_UPS = 2
_LIVES = 86_400.0  # seconds that a cached answer lives: longer than any run
_ORACLE = "naive"

Run = Callable[["Sequence[StatsQuery]"], "list[CareStats]"]


def fingerprint(count: int, answers: "Sequence[CareStats]") -> str:
    """One SHA-256 of the answers to `count` queries asked in turn, once or over and over.

    The same exactly when the answers are, except that an answer which comes again counts once.
    """
    different = {(number % count, id(answer)): answer for number, answer in enumerate(answers)}
    told = sorted({(number, _fields(answer)) for (number, _), answer in different.items()})
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _fields(answer: "CareStats") -> str:
    counts = (answer.by_category, answer.by_priority, answer.by_facility)
    return json.dumps([answer.total_notes, answer.unique_patients, *(sorted(one.items()) for one in counts)])


def timed(request: dict[str, Any]) -> dict[str, Any]:
    """Two short warm-ups, then one sample: the nanoseconds that it took, and the fingerprint of its answers."""
    queries = _queries(request["queries"])
    asked = queries * request["repeats"]
    with _asking(request["database"], request["subject"]) as run:
        for _ in range(WARM_UPS):
            run(_queries(request["warm_up"]))
        gc.collect()
        began = perf_counter_ns()
        answers = run(asked)
        elapsed = perf_counter_ns() - began
    return {"elapsed_ns": elapsed, "answers": fingerprint(len(queries), answers)}


def _queries(rows: list[list[Any]]) -> "list[StatsQuery]":
    from carenotes import StatsQuery

    return [
        StatsQuery(tenant, date.fromisoformat(first), date.fromisoformat(last), facilities)
        for tenant, first, last, facilities in rows
    ]


@contextmanager
def _asking(url: str, subject: str) -> "Iterator[Run]":
    """A way to ask the subject, over a connection that nobody has used before."""
    from carenotes import AGGREGATORS, open_database

    engine = open_database(url)
    try:
        with engine.connect() as connection:
            ask = AGGREGATORS[_ORACLE if subject == HIT else subject]
            if subject != HIT:
                yield lambda queries: [_in_transaction(ask, connection, query) for query in queries]
            else:
                with asyncio.Runner() as runner:
                    yield _cached(lambda query: _in_transaction(ask, connection, query), runner)
    finally:
        engine.dispose()


def _in_transaction(ask: "Aggregator", connection: "Connection", query: "StatsQuery") -> "CareStats":
    """The answer in a transaction of its own, the same for every aggregator of every revision."""
    with connection.begin():
        return ask(connection, query)


def _cached(answer: "Callable[[StatsQuery], CareStats]", runner: asyncio.Runner) -> Run:
    """Ask through a QueryCache: what was asked before is a hit."""
    from carenotes import QueryCache

    async def load(query: "StatsQuery") -> "CareStats":
        return answer(query)

    async def ask(queries: "Sequence[StatsQuery]") -> "list[CareStats]":
        return [await cache.get(query) for query in queries]

    cache: QueryCache[StatsQuery, CareStats] = QueryCache(load, ttl=_LIVES)
    return lambda queries: runner.run(ask(queries))


def _end_with_parent() -> None:
    """End when nobody holds the other end of stdin any more, even in the middle of an answer that never comes."""
    waiting = select.poll()
    waiting.register(sys.stdin.fileno(), 0)  # nothing but the hang-up, which is always told
    waiting.poll()
    os._exit(0)


def _own_stdout() -> TextIO:
    """The pipe to the parent; what the revision prints goes to stderr instead."""
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return pipe


def main() -> None:
    """Say what can be timed, then time what is asked for, one request a line, until stdin ends."""
    pipe = _own_stdout()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import carenotes

    _say(pipe, {"package": str(Path(carenotes.__file__).parent), "subjects": [*carenotes.AGGREGATORS, HIT]})
    for line in sys.stdin:
        try:
            _say(pipe, timed(json.loads(line)))
        except Exception as error:  # what one subject does wrong must not end the others
            said = str(error).splitlines()
            _say(pipe, {"error": ": ".join([type(error).__name__, *said[:1]])})


def _say(pipe: TextIO, message: dict[str, Any]) -> None:
    print(json.dumps(message), file=pipe, flush=True)


if __name__ == "__main__":
    main()
