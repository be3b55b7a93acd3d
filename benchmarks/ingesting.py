"""What does it cost to bring in somebody's own file? `python benchmarks/ingesting.py [ROWS]`.

The whole command `carenotes ingest`, start-up and both findings of the file included, for a quarter of ROWS, ROWS and
four times ROWS: seconds, rate and peak memory, which must not grow with the rows. Then the same rows compressed, as
Parquet, with every one of them bad, and through `pandas.read_csv` and `to_sql`, which checks nothing and keeps the
whole file in memory. Bars: 200,000 good rows a second, 300 MB.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from carenotes.seeding import SeedSpec, batches

PANDAS = """
import sqlite3, sys, pandas
pandas.read_csv(sys.argv[1]).to_sql("care_notes", sqlite3.connect(sys.argv[2]), index_label="id", chunksize=100_000)
"""


def main(rows: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "notes.db"
        for count in (rows // 4, rows, 4 * rows):
            file = written(Path(folder) / "notes.csv", count)
            tell("carenotes ingest, .csv", count, *ingest(file, database))
        for suffix in (".csv.gz", ".parquet"):
            file = written(Path(folder) / f"notes{suffix}", rows)
            tell(f"carenotes ingest, {suffix}", rows, *ingest(file, database))
        file = written(Path(folder) / "bad.csv", rows, priority=9)
        tell("carenotes ingest, all bad", rows, *ingest(file, database, expected=1))
        file = written(Path(folder) / "notes.csv", rows)
        tell("pandas to_sql", rows, *timed([sys.executable, "-c", PANDAS, str(file), str(database)], 0))


def written(file: Path, rows: int, priority: int | None = None) -> Path:
    """Generated notes as a file, all of one priority if told."""
    spec = SeedSpec(rows)
    schema = next(batches(spec, 1)).schema
    with pa.output_stream(file, compression="gzip" if file.suffix == ".gz" else None) as stream:
        kind = pa.parquet.ParquetWriter if file.suffix == ".parquet" else pa.csv.CSVWriter
        with kind(stream, schema) as writer:
            for notes in batches(spec, 100_000):
                level = pa.repeat(pa.scalar(priority, pa.int32()), len(notes)) if priority else notes["priority"]
                writer.write_table(notes.set_column(4, "priority", level))
    return file


def ingest(file: Path, database: Path, expected: int = 0) -> tuple[float, float]:
    """Run the command on a new database: seconds and peak MB."""
    for old in database.parent.glob(f"{database.name}*"):
        old.unlink()
    command = [sys.executable, "-m", "carenotes", "ingest", str(file), "--database", f"sqlite:///{database}"]
    measured = timed(command, expected)
    database.unlink()
    return measured


def timed(command: list[str], expected: int) -> tuple[float, float]:
    """Seconds and peak MB of a process, which must end with the expected status."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL if expected else None)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expected:
        sys.exit(f"{command} ended with {process.returncode}")
    return time.perf_counter() - began, usage.ru_maxrss / 1000


def tell(what: str, rows: int, seconds: float, peak: float) -> None:
    """One line."""
    print(f"{what:28} {rows:>12,} rows {seconds:8.1f} s {rows / seconds:>10,.0f} rows/s  peak {peak:5.0f} MB")  # noqa: T201


if __name__ == "__main__":
    main(int([*sys.argv[1:], "1000000"][0]))
