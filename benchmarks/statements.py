"""How near is an aggregator to its own SQL? `python benchmarks/statements.py [NOTES] [ROUNDS]`.

One day of one tenant on the covering index: an aggregator over a connection that is held, and what it sends through
the driver alone, rows fetched and nothing made of them; no transaction is begun or ended on either side. In turn, in
each round, on the same queries. Bar: an answer takes at most 2.0 times what its SQL takes; the upper end of the
interval is judged.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from carenotes import AGGREGATORS
from carenotes.aggregators import Aggregator
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.workload import query_stream
from carenotes.lab.statistics.estimates import Estimate, paired_ratio
from carenotes.queries import StatsQuery
from carenotes.report.numbers import seconds, times
from carenotes.seeding import SeedSpec
from carenotes.statements import statements_only

BAR = 2.0
JUDGED = ("single_pass", "pushdown")
QUERIES = 200


def main(notes: int, rounds: int) -> None:
    """Measure, print, and exit with 1 when the bar is not held."""
    with tempfile.TemporaryDirectory() as folder:
        seeded = SeededNotes(SeedSpec(notes), Path(folder))
        queries = query_stream(seeded.population, 1, QUERIES, 1)
        with seeded.engine("covering").connect() as connection:
            found = {name: above_its_sql(connection, name, queries, rounds) for name in JUDGED}
        seeded.close()
    for name, (ratio, alone) in found.items():
        print(f"{name:12} {times(ratio)} the time of its SQL, which takes {seconds(alone)}")  # noqa: T201
    if any(ratio.interval is None or ratio.interval[1] > BAR for ratio, _ in found.values()):
        sys.exit(f"over the bar of {BAR}x")


def _asked(aggregator: Aggregator, query: StatsQuery, connection: Connection) -> Any:
    return aggregator(connection, query)


def above_its_sql(
    connection: Connection, name: str, queries: list[StatsQuery], rounds: int
) -> tuple[Estimate, Estimate]:
    """The time of an aggregator as a multiple of that of its SQL, and the seconds that its SQL takes."""
    aggregator = AGGREGATORS[name]
    sent = [one for query in queries for one in statements_only(connection, partial(_asked, aggregator, query))]
    driver: Any = connection.connection.driver_connection
    ours: list[float] = []
    alone: list[float] = []
    for _ in range(rounds + 1):
        ours.append(timed(lambda: [aggregator(connection, query) for query in queries]))
        alone.append(timed(lambda: [driver.execute(sql, values).fetchall() for sql, values in sent]))
    each = [one / len(queries) for one in alone[1:]]  # the first round is a warm-up
    return paired_ratio(ours[1:], alone[1:]), Estimate(sorted(each)[len(each) // 2], None, rounds)


def timed(work: Callable[[], object]) -> float:
    """The seconds that some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(*(int(one) for one in (sys.argv[1:] + ["200000", "12"][len(sys.argv) - 1 :])[:2]))
