"""How near is loading into PostgreSQL to what its drivers can do? `python benchmarks/loading.py` asks this too.

The same ready Arrow table into new databases of one server, in the same batches, each a transaction of its own, in
turn: by `load`, with its ledger; by ADBC's ingest alone; by psycopg's COPY of CSV that Arrow writes. The measure is the
faster of the latter two over all rounds. Bar: `load` has 0.9 times its rate at the lower end of the interval.
"""

import io
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.csv
from adbc_driver_postgresql import dbapi
from sqlalchemy import URL
from typing_extensions import override

from carenotes.backends import BACKENDS, backend_of
from carenotes.lab.runner.workers import TIMED
from carenotes.lab.statistics.estimates import Estimate, median, paired_ratio
from carenotes.report.numbers import rate, times
from carenotes.seeding import BATCH_SIZE, SeedSpec
from carenotes.studies.seed_data.bulk_load import Batches, Load, digest_of

LOAD, INGEST, COPY = "load into PostgreSQL", "ADBC's ingest", "COPY of CSV"
BAR = 0.9


class _Ready(Load):
    """The table as it goes in, ids included, made before the clock starts."""

    @override
    def warm_up(self, _round: int, part: int) -> None:
        super().warm_up(_round, part)
        notes = self._goods.slice(0, self.units)
        self._table = notes.add_column(0, "id", pa.array(np.arange(1, self.units + 1)))
        self._address = self._url.set(drivername="postgresql").render_as_string(hide_password=False)

    def _parts(self) -> Iterator[pa.Table]:
        return (self._table.slice(first, BATCH_SIZE) for first in range(0, self.units, BATCH_SIZE))


class Ingest(_Ready):
    """ADBC as its documentation shows it."""

    @override
    def run(self) -> None:
        with dbapi.connect(self._address) as connection, connection.cursor() as cursor:
            for batch in self._parts():
                cursor.adbc_ingest("care_notes", batch, mode="append")
                connection.commit()


class Copy(_Ready):
    """psycopg's COPY, of CSV that Arrow makes."""

    @override
    def run(self) -> None:
        into = f"COPY care_notes ({', '.join(self._table.column_names)}) FROM STDIN (FORMAT csv)"
        options = pyarrow.csv.WriteOptions(include_header=False)
        with psycopg.connect(self._address) as connection, connection.cursor() as cursor:
            for batch in self._parts():
                text = io.BytesIO()
                pyarrow.csv.write_csv(batch, text, options)
                with cursor.copy(into) as copy:
                    copy.write(text.getbuffer())
                connection.commit()


def compared(notes: int, rounds: int) -> tuple[dict[str, Estimate], str, Estimate]:
    """Seconds a note by each way, which of the drivers' ways is the faster, and the rate of `load` over its rate."""
    seconds: dict[str, list[float]] = {LOAD: [], INGEST: [], COPY: []}
    with tempfile.TemporaryDirectory() as folder:
        place = BACKENDS["postgresql"].place(Path(folder), "notes")
        if place is None:
            sys.exit("there is no PostgreSQL to load into")
        ways = _ways(SeedSpec(notes), place)
        for number in range(-1, rounds):  # the first is for what drivers import and servers make ready
            for name in Random(number).sample(sorted(ways), len(ways)):  # noqa: S311
                took = _timed(name, ways[name])
                seconds[name] += [took] if number >= 0 else []
        backend_of(place).clear(Path(folder))
    faster = min((INGEST, COPY), key=lambda name: median(seconds[name]).value)
    ratio = paired_ratio(seconds[faster], seconds[LOAD])
    return {name: median([one / notes for one in each]) for name, each in seconds.items()}, faster, ratio


def _ways(spec: SeedSpec, place: URL) -> dict[str, Load]:
    batches = Batches("arrow", BATCH_SIZE, spec.notes)
    return {LOAD: Load(spec, place, batches), INGEST: Ingest(spec, place, batches), COPY: Copy(spec, place, batches)}


def _timed(name: str, way: Load) -> float:
    """Seconds of a load into a new database, which must then hold what it was given."""
    way.warm_up(0, TIMED)
    with psycopg.connect(_address(way), autocommit=True) as connection:
        connection.execute("CHECKPOINT")  # what others have written is written
    began = time.perf_counter()
    way.run()
    took = time.perf_counter() - began
    if way.digests() != [digest_of(way._spec, way.units)]:
        sys.exit(f"{name} loaded other notes than it was given")
    way.close()
    return took


def _address(way: Load) -> str:
    return way._url.set(drivername="postgresql").render_as_string(hide_password=False)


def told(notes: int, rounds: int) -> list[str]:
    """Measure and print. The names of what is below its bar."""
    each, faster, ratio = compared(notes, rounds)
    for name, one in each.items():
        print(f"{name:24} {rate(one, 'notes')}")  # noqa: T201
    lower, _ = ratio.interval or (ratio.value, ratio.value)
    held = lower >= BAR
    print(f"{LOAD}: {times(ratio)} of {faster}{'' if held else '  below its bar'}")  # noqa: T201
    return [] if held else [LOAD]
