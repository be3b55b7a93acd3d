"""How near is loading to what SQLite can take? `python benchmarks/loading.py [NOTES] [ROUNDS]`.

Three things in turn, each round, on new databases: the standard library's executemany of tuples that are ready (the
measure), `load` of notes that are ready, and the whole command `carenotes seed`, start-up and generation included.
Bars: `load` 1.5 times the rate of the measure, the command 0.8 times. Then the peak memory of the command over
numbers of notes: it must not grow with them.
"""

import gc
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from carenotes.backends import create_database
from carenotes.lab.statistics.estimates import median
from carenotes.report.numbers import digits, rate, times
from carenotes.seeding import BATCH_SIZE, SeedSpec
from carenotes.studies.seed_data.experiment import Goods, Load, ReadyTuples, Way


def main(notes: int, rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        spec, file = SeedSpec(notes), Path(folder) / "notes.db"
        # First, while this process is small: a child's peak counts what it shared with its parent before it began.
        for count in (notes // 4, notes, 4 * notes):
            print(f"carenotes seed, {count:>10,} notes: peak {digits(command(file, count)[1])} MB")  # noqa: T201
            file.unlink()
        goods = Goods(spec, file)
        configurations = {
            "sqlite3, ready tuples": ReadyTuples(goods, BATCH_SIZE),
            "load": Load(goods, Way("arrow", BATCH_SIZE, notes)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in (*configurations, "carenotes seed")}
        gc.freeze()
        for number in range(rounds):
            for name, one in configurations.items():
                one.prepare(number)
                began = time.perf_counter()
                one.run()
                seconds[name].append(time.perf_counter() - began)
                if one.check():
                    sys.exit(f"{name} loaded other notes than it was given")
            file.unlink()
            seconds["carenotes seed"].append(command(file, notes)[0])
        measure = seconds["sqlite3, ready tuples"]
        for name, each in seconds.items():
            ratio = median([theirs / ours for theirs, ours in zip(measure, each, strict=True)])
            print(f"{name:24} {rate(median([one / notes for one in each]), 'notes'):40} {times(ratio)}")  # noqa: T201


def command(file: Path, notes: int) -> tuple[float, float]:
    """Run the command on a new database: seconds and peak MB of its process."""
    create_database(f"sqlite:///{file}").dispose()
    file.unlink()
    began = time.perf_counter()
    arguments = [sys.executable, "-m", "carenotes", "seed", "--database", f"sqlite:///{file}", "--notes", str(notes)]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit("carenotes seed failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1000


if __name__ == "__main__":
    main(*(int(one) for one in [*sys.argv[1:], "1000000", "7"][:2]))
