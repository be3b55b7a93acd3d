"""Notebook 07: what a database server adds: designs, partitions, tenants kept apart, a fresh day, a new connection."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial

from sqlalchemy import text

from carenotes.lab.comparison import Comparison, Stream, distinct_queries, entry, floor, plans
from carenotes.lab.conditions import Condition, condition
from carenotes.lab.configurations.client import ReconnectingClient
from carenotes.lab.notes.workload import Population, query_stream
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Plan, Study
from carenotes.lab.runner.workers import TIMED, Maker
from carenotes.original import program
from carenotes.queries import StatsQuery
from carenotes.studies.one_query.inserts import Inserts
from carenotes.studies.server import month, tenants
from carenotes.studies.server.place import DESIGNS, MONTHS, PLAIN, SERVER, WRITTEN_TO, Place, next_month
from carenotes.studies.server.tenants import ON_ROLE, ON_SETTING, SeenBy

NOTEBOOK = "07_server"
# Experiments.
BY_DESIGN, INSERTS, AS_MEANT, REMOVED, POLICIES, FRESH = (
    "designs", "inserts", "as meant", "a month removed", "row-level security", "fresh day",
)  # fmt: skip
PRUNED = {1: "partitions/1", 12: "partitions/12"}  # experiments, by the months that a query is about
COMPARED = ("naive", "pushdown")
SHUFFLED = "shuffled"  # an `order` of the notes
DROPPED, DELETED, VACUUMED = "DETACH and DROP", "DELETE", "DELETE and VACUUM"  # a `removal`
WRITTEN, AFTER_VACUUM = "freshly written", "after VACUUM"  # a `day`
SCOPED, UNSCOPED = "tenant in the WHERE clause", "policy alone"  # a `where`
NO_POLICY = "none"
INSERTED = 2_000  # notes in a sample, at most


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
        return [widened(one, who, many) for one in query_stream(who, seed, count, 1)]

    return stream


def widened(one: StatsQuery, who: Population, many: int) -> StatsQuery:
    """The same query about so many whole months."""
    last = one.first_day if many == 1 else who.last_day
    first = last.replace(day=1)
    for _ in range(many - 1):
        first = (first - timedelta(days=1)).replace(day=1)
    return StatsQuery(one.tenant_id, first, next_month(last) - timedelta(days=1), one.facility_ids)


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

    def right(_of: object, _round: int, part: int) -> list[str]:
        return [str(left if part == TIMED else there)]

    return Experiment(makers, right, baseline=of[VACUUMED])


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
