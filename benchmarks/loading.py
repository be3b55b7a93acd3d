"""How near is loading to what an engine can take? `python benchmarks/loading.py [NOTES] [ROUNDS]`.

Four things in turn, each round, on new databases: the standard library's executemany of tuples that are ready (the
measure), `load` of notes that are ready into SQLite and into DuckDB, and the whole command `carenotes seed`, start-up
and generation included. Bars: `load` 1.5 times the rate of the measure, the command 0.8 times, `load` into DuckDB
400,000 notes/s. Then the same into PostgreSQL, where there is a server: see `loading_into_postgresql`. First of all the
peak memory of the command over numbers of notes: it must not grow with them.
"""

import gc
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import loading_into_postgresql
from sqlalchemy import URL

from carenotes.backends import backend_of, create_database, new_place
from carenotes.lab.runner.workers import TIMED
from carenotes.lab.statistics.estimates import median
from carenotes.report.numbers import digits, rate, times
from carenotes.seeding import BATCH_SIZE, SeedSpec
from carenotes.servers.postgresql import shared
from carenotes.studies.seed_data.bulk_load import Batches, Load, ReadyTuples, digest_of

MEASURE, LOAD, ON_DUCKDB, COMMAND = "sqlite3, ready tuples", "load", "load into DuckDB", "carenotes seed"
BARS = {LOAD: 1.5, COMMAND: 0.8}  # times the rate of the measure
BAR_ON_DUCKDB = 400_000  # notes/s


def main(notes: int, rounds: int) -> None:
    """Measure, print, and end with status 1 when a bar is missed."""
    with tempfile.TemporaryDirectory() as folder:
        spec, place = SeedSpec(notes), new_place(Path(folder), "notes")
        # First, while this process is small: a child's peak counts what it shared with its parent before it began.
        for count in (notes // 4, notes, 4 * notes):
            print(f"carenotes seed, {count:>10,} notes: peak {digits(command(place, count)[1])} MB")  # noqa: T201
        seconds = timed(spec, place, new_place(Path(folder), "notes", "duckdb"), rounds)
    missed = []
    for name, each in seconds.items():
        ratio = median([theirs / ours for theirs, ours in zip(seconds[MEASURE], each, strict=True)])
        took = median([one / notes for one in each])
        bar = 1 / took.value >= BAR_ON_DUCKDB if name == ON_DUCKDB else ratio.value >= BARS.get(name, 0)
        missed += [] if bar else [name]
        print(f"{name:24} {rate(took, 'notes'):40} {times(ratio)}{'' if bar else '  below its bar'}")  # noqa: T201
    missed += loading_into_postgresql.told(notes, rounds) if shared() else []
    sys.exit(f"below their bars: {', '.join(missed)}" if missed else 0)


def timed(spec: SeedSpec, place: URL, in_duckdb: URL, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round, by what was timed."""
    batches = Batches("arrow", BATCH_SIZE, spec.notes)
    configurations = {
        MEASURE: ReadyTuples(spec, place),
        LOAD: Load(spec, place, batches),
        ON_DUCKDB: Load(spec, in_duckdb, batches),
    }
    seconds: dict[str, list[float]] = {name: [] for name in (*configurations, COMMAND)}
    configurations[ON_DUCKDB].warm_up(0, TIMED - 1)  # its driver imports pandas at the first batch
    configurations[ON_DUCKDB].run()
    gc.freeze()
    for number in range(rounds):
        for name, one in configurations.items():
            one.warm_up(number, TIMED)
            began = time.perf_counter()
            one.run()
            seconds[name].append(time.perf_counter() - began)
            if one.digests() != [digest_of(spec, spec.notes)]:
                sys.exit(f"{name} loaded other notes than it was given")
            one.close()
        seconds[COMMAND].append(command(place, spec.notes)[0])
    return seconds


def command(place: URL, notes: int) -> tuple[float, float]:
    """Run the command on a new database: seconds and peak MB of its process."""
    backend_of(place).drop(place)
    create_database(place).dispose()
    backend_of(place).drop(place)
    url = place.render_as_string(hide_password=False)
    arguments = [sys.executable, "-m", "carenotes", "seed", "--database", url, "--notes", str(notes)]
    began = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit("carenotes seed failed")
    took = time.perf_counter() - began
    backend_of(place).drop(place)
    return took, usage.ru_maxrss / 1000


if __name__ == "__main__":
    main(*(int(one) for one in [*sys.argv[1:], "1000000", "7"][:2]))
