"""Notebook 02: one query answered in many ways; which measure gains how much, and where the time goes."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from carenotes import designs
from carenotes.aggregators import AGGREGATORS, NEEDS, Aggregator, pushdown
from carenotes.backends import engine_name
from carenotes.design import NONE
from carenotes.lab.comparison import (
    SHORTEST_SAMPLE,
    Comparison,
    alone,
    compare_together,
    distinct_queries,
    entry,
    floor,
    plans,
)
from carenotes.lab.conditions import SELECT_1, Condition, condition
from carenotes.lab.configurations.client import FrozenHeapClient, ReconnectingClient
from carenotes.lab.notes.copies import Copies, SeededNotes
from carenotes.lab.notes.stored import Notes, bytes_of, facts
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Study
from carenotes.lab.runner.workers import TIMED, Maker
from carenotes.lab.statistics.verdicts import Fields
from carenotes.original import program
from carenotes.queries import StatsQuery
from carenotes.seeding import SeedSpec
from carenotes.statements import query_plan, statements_only
from carenotes.studies.one_query import steps
from carenotes.studies.one_query.ceilings import ceilings_of
from carenotes.studies.one_query.inserts import Inserts
from carenotes.studies.one_query.other_aggregators import compiled_anew

NOTEBOOK = "02_one_query"
BY_DESIGN, ANATOMY, CEILINGS, INSERTS = "designs", "anatomy", "ceilings", "inserts"  # experiments
INSERTED = 4_000  # notes in a sample
# Aggregators that read the notes themselves. One that reads a table of its own answers so soon that a sample of it is
# hundreds of queries: the slow ones would take minutes beside it.
OF_NOTES = [name for name, needs in NEEDS.items() if needs.design == NONE]
LONGEST_SAMPLE = 0.25  # seconds of the slowest in the comparisons of all: each span takes it a hundred times
COMPARED = ("naive", "pushdown")  # under each design
DESIGNS = ("none", "original", "date", "covering")
SERVER = "postgresql"  # the server that is compared on

# What the original's two tables ask about: facilities, and calls a sample. The original report has one call where one
# facility is named, which takes less than a sample is to last.
ORIGINAL_TABLES: Mapping[str, tuple[list[int] | None, int]] = {
    "single": (None, 10),
    "filtered": ([program.FACILITY], 10),
}
WITH_PAUSE, WITHOUT_PAUSE = "with its pause", "without its pause"
PAUSED: Fields = {"aggregator": "original_first", "pause": WITH_PAUSE}
UNPAUSED: Fields = {"aggregator": "original_first", "pause": WITHOUT_PAUSE}
OPTIMIZED: Fields = {"aggregator": "original_optimized"}
OURS: Fields = {"aggregator": "pushdown", "design": "covering"}

FULL_STACK: Fields = {"aggregator": "pushdown", "design": "covering"}
ANEW = "compiled anew"
ABLATION: tuple[tuple[Fields, str], ...] = (  # what is left of the full stack, and what is taken away
    ({"aggregator": "pushdown", "design": "none"}, "the index"),
    ({"aggregator": "single_pass", "design": "covering"}, "grouping in the database: columns are fetched"),
    ({"aggregator": "naive", "design": "covering"}, "that, and columns: whole objects are fetched"),
    ({**FULL_STACK, "client": ReconnectingClient.named}, "connection reuse"),
    ({**FULL_STACK, "statements": ANEW}, "the statement cache"),
)

_STEPS = {  # of the naive answer, as far as they give no answer; each does one thing more than the one before it
    "rows found": steps.found,
    "rows fetched": steps.fetched,
    "values converted": steps.converted,
    "objects made": steps.objects,
}
FIVE_PASSES, ONE_PASS = "five passes", "one pass instead"
STEPS: tuple[Fields, ...] = ({"statement": SELECT_1}, *({"step": one} for one in (*_STEPS, FIVE_PASSES)))


def sample(asked: Notes) -> Copies:
    """Notes of which copies with each index plan are made: on SQLite, which alone takes all of them."""
    return asked.sample().on("sqlite")


def data_facts(study: Study, name: str, notes: Notes) -> dict[str, Any]:
    """Counts, days and digest of the notes."""
    return study.dataset(name, lambda: facts(notes))


def measured(
    study: Study, asked: Notes, sample: Copies, short_days: int, long_days: int, rounds: int
) -> dict[str, Measured]:
    """The comparisons, the designs, the limits, the anatomy and the inserts, in the same rounds."""
    seed = study.random_seed
    comparisons = {
        f"comparison/{short_days} d": partial(comparison, asked, seed, short_days),
        f"comparison/{long_days} d": partial(comparison, asked, seed, long_days),
        BY_DESIGN: partial(by_design, sample, seed, short_days),
        ANATOMY: partial(anatomy, asked, seed, short_days),
    }
    if on_server(study, asked):
        comparisons |= {
            f"server/{days} d": partial(server, asked.sample(), seed, days) for days in (short_days, long_days)
        }
    spelled(study, sample)
    others = {CEILINGS: partial(ceilings, sample), INSERTS: partial(inserts, sample)}
    return study.run({**plans(study, comparisons, rounds), **others}, rounds)


def spelled(study: Study, notes: Copies) -> None:
    """Keep what is measured as somebody would copy it: the DDL of each design, the SQL of each aggregator."""
    for design in DESIGNS:
        study.fact(f"ddl/{design}", partial(_ddl, notes, design))
    for name in OF_NOTES:
        study.fact(f"sql/{name}", partial(_sql, notes, AGGREGATORS[name]))


def _ddl(notes: Copies, design: str) -> list[str]:
    return designs.ddl(design, notes.engine(notes.best_design).dialect)


def _sql(notes: Copies, aggregator: Aggregator) -> str:
    """What it sends for a day of a tenant, with names in the place of values."""
    query = StatsQuery.on(max(notes.population.tenants), notes.population.first_day)
    engine = create_engine(notes.url(notes.best_design), paramstyle="named")
    with engine.connect() as connection:
        [(sql, _)] = statements_only(connection, lambda asked: aggregator(asked, query))
    engine.dispose()
    return sql


def inserts(notes: Copies) -> Experiment:
    """What each design costs whoever writes: a note inserted, and not made permanent."""
    there = notes.population.notes
    of = {design: condition(engine=notes.backend, design=design, notes=there) for design in DESIGNS}
    makers: dict[Condition, Maker] = {of[one]: partial(Inserts, notes.url(one), INSERTED) for one in DESIGNS}
    inserted = min(INSERTED, there)

    def right(_of: object, _round: int, part: int) -> list[str]:
        return [str(inserted if part == TIMED else max(1, inserted // 10))]

    return Experiment(makers, right, baseline=of["none"])


def spans(found: Mapping[str, Measured], short_days: int, long_days: int) -> dict[str, Measured]:
    """The comparisons among what was `measured`, by their span in words."""
    return _by_span(found, "comparison", short_days, long_days)


def server_spans(found: Mapping[str, Measured], short_days: int, long_days: int) -> dict[str, Measured]:
    """Those on the server; none where there is no server."""
    there = _by_span(found, "server", short_days, long_days)
    return {f"{engine_name(SERVER)}, {said}": one for said, one in there.items()}


def _by_span(found: Mapping[str, Measured], name: str, *spans: int) -> dict[str, Measured]:
    words = {days: f"{days} days" if days > 1 else "one day" for days in spans}
    return {said: found[key] for days, said in words.items() if (key := f"{name}/{days} d") in found}


def comparison(notes: Notes, seed: int, days: int) -> Comparison:
    """Every aggregator that reads notes, on the best design that these have; the fastest on DuckDB too.

    Limits beside them: `SELECT 1` is the floor of the stack; nearest to an aggregator is what it sends, through the
    driver alone.
    """
    design = notes.best_design
    entries = [entry(notes, design, name) for name in OF_NOTES]
    baseline = entries[0].condition
    entries += [alone(one) for one in entries]
    entries.append(entry(notes, design, "naive", client=FrozenHeapClient))
    if isinstance(notes, Copies):
        in_duckdb = notes.on("duckdb")
        entries.append(entry(in_duckdb, "none", "pushdown", oracle=notes))
        in_duckdb.close()  # it is opened by workers from now on
    stream = distinct_queries(notes, seed, days)
    return Comparison([*entries, floor(notes, design)], stream, baseline=baseline, longest=LONGEST_SAMPLE)


def on_server(study: Study, asked: Notes) -> bool:
    """Whether there is a server to compare on; somebody's own notes are not brought to another engine for that."""
    there: bool = study.fact("server", lambda: isinstance(asked, Copies) and asked.possible_on(SERVER))
    return there


def server(notes: Copies, seed: int, days: int) -> Comparison:
    """The same aggregators on the server, on the same queries, with the limits that are nearest there."""
    there = notes.on(SERVER)
    entries = [entry(there, there.best_design, name, oracle=notes) for name in OF_NOTES]
    entries += [alone(one) for one in entries]
    entries.append(floor(there, there.best_design))
    stream = distinct_queries(notes, seed, days)
    return Comparison(entries, stream, baseline=entries[0].condition, longest=LONGEST_SAMPLE)


def answering(one: Measured) -> list[str]:
    """The labels of the conditions of a `comparison` that answer as a user's would, from `naive` on."""
    return [label for label, of in one.conditions.items() if of.aggregator and not of.get("client")]


def by_design(notes: Copies, seed: int, days: int) -> Comparison:
    """`naive` and `pushdown` under each design, and the floor.

    In the same rounds: the full stack with one measure taken away (see `ABLATION`).
    """
    entries = [entry(notes, design, name) for name in COMPARED for design in DESIGNS]
    baseline = entries[0].condition
    entries.append(entry(notes, "covering", "single_pass"))
    entries.append(entry(notes, "covering", "pushdown", compiled_anew, statements=ANEW))
    entries.append(entry(notes, "covering", "pushdown", client=ReconnectingClient))
    entries.append(floor(notes, notes.best_design))
    without = (len(COMPARED) - 1) * (len(DESIGNS) - 1)  # each design of the others against no index
    return Comparison(
        entries,
        distinct_queries(notes, seed, days),
        baseline=baseline,
        shortest=5 * SHORTEST_SAMPLE,  # the headline: a pause of the machine must not make one of its rounds
        further=len(ABLATION) + without,
        levelled=True,  # a scan takes a hundred times as long as an answer from the index
    )


def plans_shown(study: Study, notes: Copies) -> dict[str, list[str]]:
    """How SQLite runs `pushdown`'s statement under each design."""
    return {design: study.fact(f"plan/{design}", partial(_plan, notes, design)) for design in DESIGNS}


def design_bytes(study: Study, notes: Copies) -> dict[str, int]:
    """The size in bytes of the database file under each design."""
    return {design: study.fact(f"bytes/{design}", partial(bytes_of, notes, design)) for design in DESIGNS}


def _plan(notes: Copies, design: str) -> list[str]:
    tenant = max(notes.population.tenants)
    query = StatsQuery.on(tenant, notes.population.first_day)
    with notes.engine(design).connect() as connection:
        return query_plan(connection, lambda asked: pushdown(asked, query))


def original_tables(study: Study, notes: Notes, rounds: int) -> dict[str, Measured]:
    """The original's single and filtered tables: its workload, its two programs, with and without its pause.

    As the original report did: one fixed query, sent over and over. Nothing when the notes are somebody's own.
    """
    if not isinstance(notes, SeededNotes):
        return {}
    tables = {f"original/{name}": partial(_original_table, notes, *of) for name, of in ORIGINAL_TABLES.items()}
    found = compare_together(study, tables, rounds)
    return {name: found[f"original/{name}"] for name in ORIGINAL_TABLES}


def _original_table(notes: SeededNotes, facilities: list[int] | None, calls: int) -> Comparison:
    query = StatsQuery.on(program.TENANT, notes.spec.last_day, facilities)
    with_pause = entry(notes, "original", "original_first", program.Original(program.PAUSE), pause=WITH_PAUSE)
    without = entry(notes, "original", "original_first", program.Original(0.0), pause=WITHOUT_PAUSE)
    optimized = entry(notes, "original", "original_optimized", program.optimized)
    # So fast that ten calls make no sample; the query is one and the same anyway.
    ours = entry(notes, "covering", "pushdown", repeats=5)
    # Further: the saving against the original with its pause.
    return Comparison(
        [with_pause, without, optimized, ours], lambda count: [query] * count, calls, without.condition, further=1
    )


def original_workload(notes: Notes, spec: SeedSpec, folder: Path) -> Notes:
    """The notes that the original's tables are about; somebody's own stay themselves."""
    return SeededNotes(spec, folder) if isinstance(notes, SeededNotes) else notes


def notes_met(study: Study, notes: Notes) -> dict[str, int]:
    """How many notes the queries of the original's two tables meet."""
    if not isinstance(notes, SeededNotes):
        return {}
    found: dict[str, int] = study.fact(
        "original/notes met", lambda: {name: _total(notes, of) for name, (of, _) in ORIGINAL_TABLES.items()}
    )
    return found


def _total(notes: SeededNotes, facilities: list[int] | None) -> int:
    with notes.engine("covering").connect() as connection:
        return pushdown(connection, StatsQuery.on(program.TENANT, notes.spec.last_day, facilities)).total_notes


def anatomy(notes: Notes, seed: int, days: int) -> Comparison:
    """The naive answer in steps, each doing all that the one before it does and one thing more."""
    design = notes.best_design
    parts = [floor(notes, design)]
    parts += [entry(notes, design, None, take, checked=False, step=name) for name, take in _STEPS.items()]
    parts.append(entry(notes, design, "naive", step=FIVE_PASSES))
    parts.append(entry(notes, design, None, steps.one_pass, step=ONE_PASS))
    # Its first steps take a thirtieth of the whole.
    return Comparison(parts, distinct_queries(notes, seed, days), shortest=5 * SHORTEST_SAMPLE)


def ceilings(notes: Copies) -> Experiment:
    """What this machine, this interpreter and this stack can do at best, on the notes without an index."""
    limits = ceilings_of(notes.url("none"))
    return Experiment({condition(limit=name): make for name, make in limits.items()}, lambda *_: None)
