"""What the rollup pyramid takes, and what it is worth: `python benchmarks/rollups.py [NOTES] [ROUNDS] [ENGINE]`.

Notes of 20 tenants by the usual skew, 12 facilities, 80 patients each, 365 days. Read: distinct queries, each begun,
sent and ended on a connection that is held, as multiples of `SELECT 1` in the same rounds; every answer is compared
with that of `pushdown`. Then the build, the bytes, and refreshes. With `fan-outs` in the place of NOTES: what each
fan-out reads and writes, counted, and timed on 200,000 notes.
Bars of reading are those of 10 million notes, ratios judged by the upper end of their interval; those of refreshes are
of 1 million, on SQLite. Exit status 1 when one is not held.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

from sqlalchemy import URL, Connection, Engine, func, insert, select, text, tuple_

from carenotes import AGGREGATORS, CareStats, StatsQuery
from carenotes.backends import backend_of, open_database
from carenotes.backends.upkeep import upkeep_of
from carenotes.designs import prepare
from carenotes.lab.configurations.client import in_transaction, select_one
from carenotes.lab.configurations.placement import put_apart
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.datasets import removed
from carenotes.lab.notes.workload import Population, query_stream
from carenotes.lab.statistics.estimates import median, paired_ratio
from carenotes.models import CareNote
from carenotes.report.numbers import seconds, times
from carenotes.rollup import tree
from carenotes.rollup.refreshing import nodes_above, refresh
from carenotes.rollup.tables import NODES, OWN
from carenotes.seeding import SeedSpec

FLOOR = "SELECT 1"
QUERIES = 40  # of a kind, in a sample
KINDS = {
    "one day": (1, None),
    "30 days": (30, None),
    "a year": (364, None),
    "a year, 3 of 12": (364, 3),
    "a year, 1": (364, 1),
}
BARS = {  # times SELECT 1
    "sqlite": {"one day": 4.0, "30 days": 12.0, "a year": 12.0, "a year, 3 of 12": 15.0, "a year, 1": 12.0},
    "postgresql": {"one day": 3.0, "a year": 5.0},
}
MANY, FEW = 100, 10  # notes a leaf: from there on bytes are judged, and the build by its rates
OF_NOTES = 0.10  # of the bytes of the notes table
BUILD = {"many": 1e6, "few": 0.4e6}  # notes for a second of its processor
BUILDS = 3  # one after the other, of which the median is judged
MEMORY = 500  # MiB
REFRESH = {"of today": 0.5, "late": 2.0, "one": 0.003}  # seconds
JUDGED = 1_000_000  # notes up to which refreshes are judged


def main(notes: int, rounds: int, engine: str) -> None:
    """Measure, print, and exit with 1 when a bar is not held."""
    with tempfile.TemporaryDirectory() as folder:
        seeded = SeededNotes(SeedSpec(notes, days=365), Path(folder), engine)
        queries = {name: _queries(seeded.population, *kind) for name, kind in KINDS.items()}
        built = seeded.url("covering")
        seeded.close()
        over = _build(built, notes) + _read(built, queries, rounds, BARS.get(engine, {}))
        if engine != "duckdb":
            found = _refresh(built, Random(1))  # noqa: S311 - a repeatable draw
            over += found if engine == "sqlite" and notes <= JUDGED else []
        seeded.close()
        removed(Path(folder))
    if over:
        sys.exit(f"over the bar: {', '.join(over)}")


def _queries(who: Population, days: int, some: int | None) -> list[StatsQuery]:
    """Distinct queries, tenants by size; as many facilities as are wanted, or all."""
    drawn = Random(days)  # noqa: S311 - a repeatable draw
    each = []
    for one in query_stream(who, 1, QUERIES, days):
        facilities = drawn.sample(who.facilities(one.tenant_id), some) if some else None
        each.append(StatsQuery(one.tenant_id, one.first_day, one.last_day, facilities))
    return each


def _read(url: URL, queries: dict[str, list[StatsQuery]], rounds: int, bars: dict[str, float]) -> list[str]:
    """Print what each kind of query takes; which of them are over their bar."""
    pool, over = backend_of(url).pool(url, 1), []
    asked: dict[str, Callable[[Connection, StatsQuery], object]] = {FLOOR: select_one}
    asked |= {name: AGGREGATORS[name] for name in ("pyramid", "rollup")}
    with pool.connect() as connection:
        put_apart(connection)
        for kind, some in queries.items():
            _gate(connection, some)
            took: dict[str, list[float]] = {name: [] for name in asked}
            for number in range(rounds + 1):
                for name, ask in asked.items():
                    spent = _timed(lambda ask=ask, some=some: [in_transaction(ask, connection, one) for one in some])  # type: ignore[misc]
                    if number:  # the first round is a warm-up
                        took[name].append(spent / len(some))
            for name in ("pyramid", "rollup"):
                found = paired_ratio(took[name], took[FLOOR])
                print(f"{kind:18} {name:8} {seconds(median(took[name])):24} {times(found)} of {FLOOR}")  # noqa: T201
                if name == "pyramid" and kind in bars and (found.interval is None or found.interval[1] > bars[kind]):
                    over.append(f"{kind} ({bars[kind]:g}x)")
    pool.dispose()
    return over


def _gate(connection: Connection, some: Iterable[StatsQuery]) -> None:
    for one in some:
        answers: list[CareStats] = [
            in_transaction(AGGREGATORS[name], connection, one) for name in ("pushdown", "pyramid", "rollup")
        ]
        if answers.count(answers[0]) < len(answers):
            sys.exit(f"wrong: {one}")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


_BUILD = """
import sys, time
from pathlib import Path
from carenotes.backends import open_database
from carenotes.design import COVERING
from carenotes.designs import prepare
from carenotes.rollup.building import build
engine = open_database(sys.argv[1])
def most():  # the memory that this process has had at most, not whoever started it
    return Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
before = most()
for _ in range(int(sys.argv[2])):
    prepare(engine, COVERING)
    wall, own = time.perf_counter(), time.process_time()
    build(engine)
    print(time.perf_counter() - wall, time.process_time() - own, before, most())
"""


def _build(url: URL, notes: int) -> list[str]:
    """Build in a process of its own; print its median rate, memory, and bytes on the disk; what is over a bar."""
    command = [sys.executable, "-c", _BUILD, url.render_as_string(hide_password=False), str(BUILDS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ))
    each = [[float(one) for one in line.split()] for line in done.stdout.splitlines()]
    wall, own = (median(one).value for one in list(zip(*each, strict=True))[:2])
    before, most = each[-1][2:]
    memory = f"{before / 1024:.0f} MiB before, {most / 1024:.0f} at most"
    print(f"build: {notes / wall:,.0f} notes/s, {notes / own:,.0f} for a second of its processor; {memory}")  # noqa: T201
    engine = open_database(url, read_only=True)
    with engine.connect() as connection:
        nodes = connection.execute(select(func.count()).select_from(NODES)).scalar_one()
        leaves = connection.execute(
            select(func.count()).where(NODES.c.node.between(0, tree.number(1, 0) - 1))
        ).scalar_one()
        share = _share(connection)
    engine.dispose()
    told = "" if share is None else f"; {100 * share:.1f} % of the notes table"
    print(f"{notes / leaves:.0f} notes a leaf, {leaves:,} leaves, {nodes:,} nodes{told}")  # noqa: T201
    many = notes / leaves >= MANY
    rate = BUILD["many" if many else "few"]
    bars = {
        f"build ({rate:,.0f} notes/s)": notes / leaves >= FEW and notes / own < rate,
        f"memory ({MEMORY} MiB)": most / 1024 > MEMORY,
        f"bytes ({100 * OF_NOTES:.0f} %)": many and (share or 0) > OF_NOTES,
    }
    return [name for name, is_over in bars.items() if is_over]


def _share(connection: Connection) -> float | None:
    """The bytes of all tables of the rollup, of those of the notes without indexes; None where nobody tells them."""
    names = ", ".join(f"'{name}'" for name in OWN.tables)
    if connection.dialect.name == "postgresql":
        of = f"SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables WHERE relname IN ({names})"  # noqa: S608
        notes = "SELECT pg_table_size('care_notes')"
    elif connection.dialect.name == "sqlite":
        of = (
            f"SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_schema WHERE tbl_name IN ({names}))"  # noqa: S608
        )
        notes = "SELECT sum(pgsize) FROM dbstat WHERE name = 'care_notes'"
    else:
        return None
    return float(connection.execute(text(of)).scalar_one()) / float(connection.execute(text(notes)).scalar_one())


def _refresh(url: URL, drawn: Random) -> list[str]:
    """Print what refreshes take: notes of today, late ones over the year, and one alone; what is over a bar.

    One alone with each journal of the engine, beside the commit alone of as many rows, by the driver: no refresh that
    outlives a power cut takes less.
    """
    engine, last, over = open_database(url), date(2026, 6, 30), []

    def told(name: str, words: str, spent: list[float], more: str = "") -> None:
        found = median(spent).value
        print(f"refresh, {words}: {1_000 * found:.1f} ms{more}")  # noqa: T201
        if found > REFRESH[name]:
            over.append(f"refresh, {words} ({1_000 * REFRESH[name]:g} ms)")

    for name, days in (("of today", 1), ("late", 365)):
        _write(engine, drawn, 5_000, last, days)
        told(name, f"5,000 notes {name}", [_timed(partial(refresh, engine))])
    for journal, statements in backend_of(url).JOURNALS.items():
        with engine.connect() as connection:
            connection.rollback()
            for statement in statements:
                backend_of(connection).driver(connection).execute(statement)
        spent, limit = [], []
        for _ in range(40):
            _write(engine, drawn, 1, last, 365)
            spent.append(_timed(partial(refresh, engine)))
            limit.append(_commit(engine, drawn))
        told("one", f"one note, {journal}", spent, f" (the commit alone {1_000 * median(limit).value:.1f} ms)")
    engine.dispose()
    return over


def _commit(engine: Engine, drawn: Random) -> float:
    """The commit of the rows that a note changes, written again as they are: a leaf and what stands above it."""
    of, day = NODES.c, date(2026, 6, 30).toordinal() - drawn.randrange(365)
    leaf = (1, day)
    keys = [leaf, *nodes_above(leaf)]
    with upkeep_of(engine).fresh(engine).connect() as connection:
        rows = connection.execute(
            select(NODES).where(of.tenant_id == 1, tuple_(of.facility_id, of.node).in_(keys))
        ).all()
        upkeep_of(connection).put(connection, NODES, [tuple(row) for row in rows])
        return _timed(connection.commit)


def _write(engine: Engine, drawn: Random, notes: int, last: date, days: int) -> None:
    with engine.begin() as connection:
        first = connection.execute(select(func.max(CareNote.id))).scalar_one() + 1
        rows = [
            {
                "id": first + number,
                "tenant_id": drawn.randint(1, 20),
                "facility_id": drawn.randint(1, 12),
                "patient_id": f"late-{drawn.randint(1, 1000)}",
                "category": "observation",
                "priority": drawn.randint(1, 5),
                "created_at": datetime.combine(last - timedelta(days=drawn.randrange(days)), datetime.min.time()),
                "created_by": "staff_1",
            }
            for number in range(notes)
        ]
        connection.execute(insert(CareNote), rows)


_OTHER_TREE = """
import sys, types
from pathlib import Path
text = Path(sys.argv[1]).read_text()
for name, value in (("FANOUT", sys.argv[2]), ("TOP", sys.argv[3])):
    text = "\\n".join(f"{name} = {value}" if line.startswith(f"{name} = ") else line for line in text.splitlines())
tree = sys.modules["carenotes.rollup.tree"] = types.ModuleType("carenotes.rollup.tree")
exec(text, vars(tree))  # before anything has imported it: numbers and bounds of all else follow from it
import rollups
rollups.timed_fan_out(*map(int, sys.argv[4:]))
"""


def fan_outs(notes: int = 200_000, rounds: int = 5) -> None:
    """For each fan-out: nodes that a year reads and a note changes, bytes, and times; each in a process of its own."""
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    for fan_out, top in {2: 12, 4: 6, 8: 4, 16: 3}.items():
        command = [sys.executable, "-c", _OTHER_TREE, str(tree.__file__), *map(str, (fan_out, top, notes, rounds))]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": path})


def timed_fan_out(notes: int, rounds: int) -> None:
    """What the fan-out of this process takes."""
    starts = range(date(2025, 1, 1).toordinal(), date(2025, 1, 1).toordinal() + 365)
    reads = {days: sum(len(tree.cover([(one, one + days - 1)])) for one in starts) / len(starts) for days in (30, 364)}
    with tempfile.TemporaryDirectory() as folder:
        seeded = SeededNotes(SeedSpec(notes, days=365, tenants=4), Path(folder))
        engine = open_database(seeded.url("covering"))
        spent = _timed(partial(prepare, engine, "rollup"))
        with engine.connect() as connection:
            took = {
                kind: min(_each(connection, _queries(seeded.population, *KINDS[kind])) for _ in range(rounds))
                for kind in ("30 days", "a year", "a year, 3 of 12")
            }
            share = _share(connection) or 0.0
        drawn, one = Random(1), []  # noqa: S311 - a repeatable draw
        for _ in range(25):
            _write(engine, drawn, 1, date(2026, 6, 30), 365)
            one.append(_timed(partial(refresh, engine)))
        engine.dispose()
        seeded.close()
    print(f"fan-out {tree.FANOUT:2}: 30 days are {reads[30]:.1f} nodes, a year {reads[364]:.1f};", end=" ")  # noqa: T201
    told = ", ".join(f"{name} {1e6 * value:.0f} us" for name, value in took.items())
    print(f"a note changes {2 * (tree.TOP + 1)}; {told}", end="; ")  # noqa: T201
    print(f"refresh of one {1e3 * sorted(one)[12]:.1f} ms; build {spent:.2f} s; {100 * share:.1f} % of the notes")  # noqa: T201


def _each(connection: Connection, some: list[StatsQuery]) -> float:
    ask = AGGREGATORS["pyramid"]
    return _timed(lambda: [in_transaction(ask, connection, one) for one in some]) / len(some)


if __name__ == "__main__":
    if sys.argv[1:2] == ["fan-outs"]:
        fan_outs()
    else:
        given = [*sys.argv[1:], *["1000000", "12", "sqlite"][len(sys.argv) - 1 :]]
        main(int(given[0]), int(given[1]), given[2])
