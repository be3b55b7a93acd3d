"""How far is one day from `SELECT 1` on PostgreSQL? `python benchmarks/server_floor.py [NOTES] [ROUNDS]`.

Each query is begun, sent and ended on a connection that is held; client and server are on a core each; statements are
prepared, and their plans generic, before anything is timed. In turn, in each round: `SELECT 1`, the aggregators, and
what these send through the driver alone. Beside them, what the server says that it works on the statement by itself.
Bar: `pushdown` takes at most 6 times `SELECT 1`; the upper end of the interval is judged.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from carenotes import AGGREGATORS
from carenotes.backends import backend_of
from carenotes.lab.configurations.client import in_transaction, select_one
from carenotes.lab.configurations.placement import put_apart
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.datasets import removed
from carenotes.lab.notes.workload import query_stream
from carenotes.lab.statistics.estimates import median, paired_ratio
from carenotes.queries import StatsQuery
from carenotes.report.numbers import seconds, times
from carenotes.seeding import SeedSpec
from carenotes.statements import Statement, statements_only

BAR, JUDGED = 6.0, "pushdown"
QUERIES = 60
WARM = 12  # executions of each shape: psycopg prepares at the 6th, and the server may change its plan at the 11th
FLOOR = "SELECT 1"
SHOWN = ("single_pass", "pushdown")


def main(notes: int, rounds: int) -> None:
    """Measure, print, and exit with 1 when the bar is not held."""
    with tempfile.TemporaryDirectory() as folder:
        seeded = SeededNotes(SeedSpec(notes), Path(folder), "postgresql")
        queries = query_stream(seeded.population, 1, QUERIES, 1)
        url = seeded.url(seeded.best_design)
        engine = backend_of(url).pool(url, 2)
        with engine.connect() as connection, engine.connect() as other:
            if not put_apart(connection):
                print("client and server could not be held on a core each")  # noqa: T201
            each, ratio = measured(connection, other, queries, rounds)
            worked = server_time(other, queries)
        engine.dispose()
        seeded.close()
        removed(Path(folder))
    for name, took in each.items():
        found = paired_ratio(took, each[FLOOR])
        print(f"{name:30} {seconds(median(took)):30} {times(found)} the time of {FLOOR}")  # noqa: T201
    print(f"{'planned and run by the server':30} {1e6 * worked:.0f} us of {JUDGED}")  # noqa: T201
    if ratio is None or ratio > BAR:
        sys.exit(f"{JUDGED}: over the bar of {BAR}x")


def measured(
    connection: Connection, other: Connection, queries: list[StatsQuery], rounds: int
) -> tuple[dict[str, list[float]], float | None]:
    """Seconds a query of each round by what was timed, and the upper end of the ratio that is judged."""
    works: dict[str, Callable[[], object]] = {FLOOR: partial(_ask, connection, select_one, queries)}
    for name in SHOWN:
        works[name] = partial(_ask, connection, AGGREGATORS[name], queries)
        sent = [_sent(connection, name, query) for query in queries]
        works[f"{name}, driver alone"] = partial(_drive, other, sent)
    put_apart(other)
    each: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            took = (time.perf_counter() - began) / len(queries)
            if number:  # the first round is a warm-up, of `WARM` and more executions of each shape
                each[name].append(took)
    found = paired_ratio(each[JUDGED], each[FLOOR])
    return each, found.interval and found.interval[1]


def _ask(connection: Connection, execute: Callable[..., object], queries: list[StatsQuery]) -> None:
    for query in queries:
        in_transaction(execute, connection, query)


def _sent(connection: Connection, name: str, query: StatsQuery) -> list[Statement]:
    found = statements_only(connection, lambda asked: AGGREGATORS[name](asked, query))
    connection.rollback()
    return found


def _drive(connection: Connection, sent: list[list[Statement]]) -> None:
    driver = backend_of(connection).driver(connection)
    for statements in sent:
        driver.execute("BEGIN")
        for sql, values in statements:
            driver.execute(sql, values).fetchall()
        driver.execute("COMMIT")


def server_time(connection: Connection, queries: list[StatsQuery]) -> float:
    """The mean seconds that the server says it plans and runs the judged statement, its own clock off inside."""
    driver, spent = backend_of(connection).driver(connection), list[float]()
    for query in queries:
        [(sql, values)] = statements_only(connection, partial(_asked, query))
        [(plan,)] = driver.execute(f"EXPLAIN (ANALYZE, TIMING off, FORMAT json) {sql}", values).fetchall()
        found = json.loads(plan)[0] if isinstance(plan, str) else plan[0]
        spent.append(found["Planning Time"] + found["Execution Time"])
    return sum(spent) / len(spent) / 1_000


def _asked(query: StatsQuery, connection: Connection) -> object:
    return AGGREGATORS[JUDGED](connection, query)


if __name__ == "__main__":
    main(*(int(one) for one in (sys.argv[1:] + ["1000000", "12"][len(sys.argv) - 1 :])[:2]))
