"""Notebook 07: what a database server adds: designs, partitions, tenants kept apart, a fresh day, a new connection."""

import calendar
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from sqlalchemy import text

from carenotes.aggregators import Aggregator, pushdown
from carenotes.backends import BACKENDS, backend_of
from carenotes.backends.postgresql import months
from carenotes.lab.comparison import Comparison, Stream, distinct_queries, entry, floor, plans
from carenotes.lab.conditions import Condition, condition
from carenotes.lab.configurations.client import ReconnectingClient
from carenotes.lab.notes.copies import Copies, SeededNotes
from carenotes.lab.notes.stored import facts
from carenotes.lab.notes.workload import Population, query_stream
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Plan, Study
from carenotes.lab.runner.workers import TIMED, Maker
from carenotes.original import program
from carenotes.queries import StatsQuery
from carenotes.seeding import SeedSpec
from carenotes.statements import query_plan, statements_of
from carenotes.studies.one_query.inserts import Inserts
from carenotes.studies.server import attacks, copies, month, tenants
from carenotes.studies.server.tenants import ON_ROLE, ON_SETTING, SeenBy

NOTEBOOK, SERVER = "07_server", "postgresql"
# Experiments.
BY_DESIGN, INSERTS, AS_MEANT, REMOVED, POLICIES, FRESH = (
    "designs", "inserts", "as meant", "a month removed", "row-level security", "fresh day",
)  # fmt: skip
PRUNED = {1: "partitions/1", 12: "partitions/12"}  # experiments, by the months that a query is about
COMPARED = ("naive", "pushdown")
DESIGNS = ("none", "original_meant", "date", "facility", "covering", "covering_include", "brin")
MONTHS = "partitions"  # a design
WRITTEN_TO = ("none", "original_meant", "date", "covering", "covering_include", "brin", MONTHS)
PLAIN = "covering"  # the design with the same index and no partitions
SHUFFLED = "shuffled"  # an `order` of the notes
DROPPED, DELETED, VACUUMED = "DETACH and DROP", "DELETE", "DELETE and VACUUM"  # a `removal`
WRITTEN, AFTER_VACUUM = "freshly written", "after VACUUM"  # a `day`
SCOPED, UNSCOPED = "tenant in the WHERE clause", "policy alone"  # a `where`
NO_POLICY = "none"
DAYS = 400  # of the notes: twelve whole months lie inside
INSERTED = 4_000  # notes in a sample, at most
_FRESH_SHARE = 20  # the fresh day has a note for so many notes of all other days


@dataclass(frozen=True)
class Place:
    """The notes on the server, and copies of them to be written to, each made when it is first asked for."""

    notes: SeededNotes
    folder: Path
    changed: dict[str, copies.Changed] = field(default_factory=dict)

    def copy(self, name: str, change: copies.Change = copies.untouched) -> copies.Changed:
        """A copy by name, which one change was made to."""
        return self.changed.setdefault(name, copies.Changed(self.notes, self.folder, name, change))

    @cached_property
    def first_month(self) -> tuple[datetime, datetime]:
        """The first whole month, and the one after it."""
        first = _next_month(self.notes.spec.last_day - timedelta(days=self.notes.spec.days - 1))
        return datetime.combine(first, time()), datetime.combine(_next_month(first), time())

    @property
    def shuffled(self) -> copies.Changed:
        """In an order that has nothing to do with time."""
        return self.copy("shuffled", copies.shuffled)

    @property
    def to_write(self) -> copies.Changed:
        """To insert into, and to remove a month from."""
        return self.copy("written", partial(month.keep, *self.first_month))

    @property
    def secured(self) -> copies.Changed:
        """With row-level security while a measurement runs; the owner, by whom all else is asked, is above it."""
        return self.with_fresh_day(vacuumed=True)

    def with_fresh_day(self, *, vacuumed: bool) -> copies.Changed:
        """With one day more."""
        change = copies.vacuumed_day if vacuumed else copies.fresh_day
        notes = max(1, self.notes.spec.notes // _FRESH_SHARE)
        name = "vacuumed" if vacuumed else "fresh"
        return self.copy(name, partial(change, self.notes.spec, notes))

    def make(self) -> None:
        """Make every copy: later, somebody is connected to what would be copied."""
        for design in (*DESIGNS, MONTHS):
            self.notes.url(design)
        for design in WRITTEN_TO:
            self.to_write.url(design)
        self.shuffled.url("brin")
        for vacuumed in (True, False):
            self.with_fresh_day(vacuumed=vacuumed).url(PLAIN)


def place(study: Study, spec: SeedSpec, folder: Path) -> Place | None:
    """Where the notes of the spec are on the server; None where there is no server, then and in what was found then."""
    there = study.fact("server", lambda: BACKENDS[SERVER].place(folder, "x") is not None)
    return Place(SeededNotes(replace(spec, days=DAYS), folder, SERVER), folder) if there else None


def data_facts(study: Study, where: Place | None) -> dict[str, Any]:
    """Counts, days and digest of the notes."""
    return {} if where is None else study.dataset("asked", lambda: facts(where.notes))


def measured(study: Study, where: Place | None, days: int, rounds: int) -> dict[str, Measured]:
    """Every experiment, in the same rounds; where there is no server, experiments of which nothing is known."""
    names = (BY_DESIGN, INSERTS, AS_MEANT, *PRUNED.values(), REMOVED, POLICIES, FRESH)
    if where is None:
        return {name: study.measured(name) for name in names}
    with ExitStack() as while_measured:
        if not all(study.is_complete(name, rounds) for name in names):
            where.make()
        comparisons = {
            BY_DESIGN: partial(by_design, where, study.random_seed, days),
            AS_MEANT: partial(as_meant, where, study.random_seed),
            **{name: partial(pruned, where, study.random_seed, many) for many, name in PRUNED.items()},
            POLICIES: partial(policies, where, study.random_seed, days, while_measured),
            FRESH: partial(fresh_day, where, study.random_seed),
        }
        others: dict[str, Plan] = {INSERTS: partial(inserts, where), REMOVED: partial(removed, where)}
        return study.run({**plans(study, comparisons, rounds), **others}, rounds)


def by_design(where: Place, seed: int, days: int) -> Comparison:
    """`naive` and `pushdown` under each design; BRIN on shuffled notes too; the connection made anew; the floor."""
    notes = where.notes
    entries = [entry(notes, design, name) for name in COMPARED for design in DESIGNS]
    baseline = entries[0].condition
    entries += [entry(where.shuffled, "brin", name, oracle=notes, order=SHUFFLED) for name in COMPARED]
    entries.append(entry(notes, PLAIN, "pushdown", client=ReconnectingClient))
    entries.append(replace(floor(notes, PLAIN), repeats=4))  # a server's floor is no thirtieth of an answer
    further = len(DESIGNS) + 1  # each design of `pushdown` against none; the connection
    return Comparison(entries, distinct_queries(notes, seed, days), baseline=baseline, further=further)


def as_meant(where: Place, seed: int) -> Comparison:
    """The original's own statement under its indexes as they were meant, and under none; a range beside it.

    All of them fetch whole objects, as the original does.
    """
    entries = []
    for notes in (where.notes, where.notes.on("sqlite")):
        theirs = partial(entry, aggregator="original_optimized", execute=program.optimized, oracle=where.notes)
        entries += [theirs(notes, "none"), theirs(notes, "original_meant")]
        entries.append(entry(notes, "date", "naive", oracle=where.notes))
    stream = distinct_queries(where.notes, seed, 1)
    # On each engine: meant against none, a range against none, a range against meant.
    return Comparison(entries, lambda count: [_of_one_facility(one) for one in stream(count)], further=6)


def _of_one_facility(one: StatsQuery) -> StatsQuery:
    """The original's program names all facilities or one."""
    return StatsQuery(one.tenant_id, one.first_day, one.last_day, one.facility_ids and one.facility_ids[:1])


def pruned(where: Place, seed: int, many: int) -> Comparison:
    """Queries about one month or twelve, on partitions and on the plain table with the same index."""
    entries = [entry(where.notes, design, "pushdown") for design in (PLAIN, MONTHS)]
    stream = whole_months(where.notes.population, seed, many)
    return Comparison(entries, stream, baseline=entries[0].condition)


def whole_months(who: Population, seed: int, many: int) -> Stream:
    """Queries about whole months: the month of a day that is drawn, or the last so many."""

    def stream(count: int) -> list[StatsQuery]:
        return [_widened(one, who, many) for one in query_stream(who, seed, count, 1)]

    return stream


def _widened(one: StatsQuery, who: Population, many: int) -> StatsQuery:
    last = one.first_day if many == 1 else who.last_day
    first = last.replace(day=1)
    for _ in range(many - 1):
        first = (first - timedelta(days=1)).replace(day=1)
    return StatsQuery(one.tenant_id, first, _next_month(last) - timedelta(days=1), one.facility_ids)


def _next_month(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1]) + timedelta(days=1)


def inserts(where: Place) -> Experiment:
    """What each design costs whoever writes: a note inserted, and not made permanent."""
    there = where.notes.spec.notes
    inserted = max(1, min(INSERTED, there // 8))
    of = {design: condition(engine=SERVER, design=design, notes=there) for design in WRITTEN_TO}
    makers: dict[Condition, Maker] = {
        one: partial(Inserts, where.to_write.url(design), inserted) for design, one in of.items()
    }

    def right(_of: object, _round: int, part: int) -> list[str]:
        return [str(inserted if part == TIMED else max(1, inserted // 10))]

    return Experiment(makers, right, baseline=of["none"], further=1)  # partitions against the same index without


def removed(where: Place) -> Experiment:
    """The first whole month removed, in three ways."""
    there, ends = where.notes.spec.notes, where.first_month
    of = {how: condition(engine=SERVER, notes=there, removal=how) for how in (VACUUMED, DELETED, DROPPED)}
    plain, parts = (where.to_write.url(design) for design in (PLAIN, MONTHS))
    makers: dict[Condition, Maker] = {
        of[VACUUMED]: partial(month.Deleted, plain, *ends, vacuum=True),
        of[DELETED]: partial(month.Deleted, plain, *ends, vacuum=False),
        of[DROPPED]: partial(month.Dropped, parts, *ends),
    }
    with where.to_write.engine(PLAIN).connect() as connection:
        [left] = connection.execute(
            text(f"SELECT {there} - count(*) FROM {month.KEPT}")  # noqa: S608
        ).one()
    where.to_write.close()
    return Experiment(makers, lambda *_: [str(left)], baseline=of[VACUUMED])


def policies(where: Place, seed: int, days: int, while_measured: ExitStack) -> Comparison:
    """Queries of the largest tenant, by roles under each policy and by the owner, whom none holds."""
    notes = where.secured
    own, other = largest(notes.population)
    roles = while_measured.enter_context(tenants.roles(notes.url(PLAIN), (own, other)))
    free = SeenBy(notes, own)
    entries = [entry(free, PLAIN, "pushdown", policy=NO_POLICY, where=SCOPED)]
    for policy in (ON_ROLE, ON_SETTING):
        seen = SeenBy(notes, own, roles.url(policy, own))
        entries.append(entry(seen, PLAIN, "pushdown", oracle=free, policy=policy, where=SCOPED))
        entries.append(entry(seen, PLAIN, "pushdown", tenants.unscoped, oracle=free, policy=policy, where=UNSCOPED))
    return Comparison(entries, distinct_queries(free, seed, days), baseline=entries[0].condition)


def largest(who: Population) -> tuple[int, int]:
    """The tenant with the most notes, and the one with the next most."""
    first, second = sorted(who.tenants, key=lambda one: (-who.tenants[one], one))[:2]
    return first, second


def fresh_day(where: Place, seed: int) -> Comparison:
    """Queries about a day that was written last, before and after a VACUUM."""
    each = {day: where.with_fresh_day(vacuumed=day == AFTER_VACUUM) for day in (WRITTEN, AFTER_VACUUM)}
    entries = [entry(notes, PLAIN, "pushdown", day=day) for day, notes in each.items()]
    who = each[WRITTEN].population
    last = Population(who.sizes, who.last_day, who.last_day)
    return Comparison(entries, lambda count: query_stream(last, seed, count, 1), baseline=entries[0].condition)


Steps = dict[str, list[str]]  # of a plan, by design


def plans_shown(study: Study, where: Place | None) -> Steps:
    """How the server runs `pushdown`'s statement for a day under each design."""
    if where is None:
        return {}
    return {design: study.fact(f"plan/{design}", partial(_plan, where.notes, design)) for design in DESIGNS}


def plans_as_meant(study: Study, where: Place | None) -> Steps:
    """How each engine runs the original's filter under its indexes as they were meant."""
    if where is None:
        return {}
    each = {engine: where.notes.on(engine) for engine in (SERVER, "sqlite")}
    return {
        engine: study.fact(f"as meant/{engine}", partial(_plan, notes, "original_meant", program.optimized))
        for engine, notes in each.items()
    }


def _plan(notes: Copies, design: str, ask: Aggregator = pushdown) -> list[str]:
    query = StatsQuery.on(largest(notes.population)[0], notes.population.last_day)
    with notes.engine(design).connect() as connection:
        return query_plan(connection, lambda asked: ask(asked, query))


def design_bytes(study: Study, where: Place | None) -> dict[str, int]:
    """The bytes of `care_notes` and its indexes under each design."""
    if where is None:
        return {}
    every = (*DESIGNS, MONTHS)
    return {design: study.fact(f"bytes/{design}", partial(_bytes, where.notes, design)) for design in every}


def _bytes(notes: Copies, design: str) -> int:
    """Of the table alone: what else the server keeps in a database differs from copy to copy."""
    parts = "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'care_notes'::regclass"
    asked = f"SELECT CAST(pg_total_relation_size('care_notes') + coalesce(({parts}), 0) AS bigint)"
    with notes.engine(design).connect() as connection:
        found: int = connection.execute(text(asked)).scalar_one()
        return found


def touched(study: Study, where: Place | None) -> dict[str, int]:
    """How many partitions there are, and how many a query about one month and about twelve touches."""
    if where is None:
        return {}
    found: dict[str, int] = study.fact("partitions touched", partial(_touched, where))
    return found


def _touched(where: Place) -> dict[str, int]:
    who = where.notes.population
    with where.notes.engine(MONTHS).connect() as connection:
        there = months.partitions(connection)
        counts = {"there": len(there)}
        for many in PRUNED:
            query = _widened(StatsQuery.on(largest(who)[0], who.last_day), who, many)
            shown = query_plan(connection, lambda asked, query=query: pushdown(asked, query))  # type: ignore[misc]
            counts[f"{many} months"] = sum(any(f"on {name} " in f"{step} " for step in shown) for name in there)
    return counts


def came_through(study: Study, where: Place | None) -> dict[str, dict[str, attacks.Seen]]:
    """What came of each attack on row-level security, by its name and by the policy."""
    if where is None:
        return {}
    found: dict[str, dict[str, attacks.Seen]] = study.fact("attacks", partial(_attacked, where))
    return found


def _attacked(where: Place) -> dict[str, dict[str, attacks.Seen]]:
    notes = where.secured
    own, other = largest(notes.population)
    backend_of(notes.url(PLAIN)).settle(notes.engine(PLAIN))  # so that the server knows how many notes there are
    with tenants.roles(notes.url(PLAIN), (own, other)) as roles:
        by_policy = {policy: attacks.attacked(roles, policy, own, other) for policy in (ON_ROLE, ON_SETTING)}
    return {name: {policy: seen[name] for policy, seen in by_policy.items()} for name in attacks.ATTACKS}


def heap_fetches(study: Study, where: Place | None) -> dict[str, int]:
    """How many rows an index-only scan of the fresh day looked up in the table, before and after VACUUM."""
    if where is None:
        return {}
    return {
        day: study.fact(f"heap fetches/{day}", partial(_fetched, where.with_fresh_day(vacuumed=day == AFTER_VACUUM)))
        for day in (WRITTEN, AFTER_VACUUM)
    }


def _fetched(notes: copies.Changed) -> int:
    who = notes.population
    query = StatsQuery.on(largest(who)[0], who.last_day)
    with notes.engine(PLAIN).connect() as connection:
        with statements_of(connection) as sent:
            pushdown(connection, query)
        [(sql, values)] = sent
        [found] = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values).scalar_one()
        return sum(_heap_fetches(found["Plan"]))


def _heap_fetches(node: Mapping[str, Any]) -> Sequence[int]:
    return [node.get("Heap Fetches", 0), *(one for child in node.get("Plans", ()) for one in _heap_fetches(child))]


def vacuum_settings(study: Study, where: Place | None) -> dict[str, float]:
    """After how many inserted notes the server vacuums a table by itself: so many, and a share of the table."""
    if where is None:
        return {}
    found: dict[str, float] = study.fact("autovacuum", partial(_vacuum_settings, where))
    return found


def _vacuum_settings(where: Place) -> dict[str, float]:
    names = {"threshold": "autovacuum_vacuum_insert_threshold", "share": "autovacuum_vacuum_insert_scale_factor"}
    with where.notes.engine(PLAIN).connect() as connection:
        asked = text("SELECT CAST(current_setting(:name) AS float)")
        return {key: connection.execute(asked, {"name": name}).scalar_one() for key, name in names.items()}
