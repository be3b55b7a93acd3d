"""Sentences of notebook 07."""

from collections.abc import Mapping

from carenotes.designs import title
from carenotes.lab.configurations.client import ReconnectingClient
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, Finding
from carenotes.studies.server.attacks import Seen
from carenotes.studies.server.experiment import AFTER_VACUUM, DROPPED, NO_POLICY, SCOPED, SHUFFLED, VACUUMED, WRITTEN
from carenotes.studies.server.place import DESIGNS, MONTHS, PLAIN, SERVER
from carenotes.studies.server.tables import NOT_HERE
from carenotes.studies.server.tenants import ON_ROLE, ON_SETTING


def _nothing(measured: Measured, *labels: str) -> Finding | None:
    """What to say where one of these was not measured."""
    each = measured.medians
    return None if set(labels) <= each.keys() else NO_COMPARISON


def designs(measured: Measured) -> Finding:
    """What each design gains `pushdown` over no index, and BRIN when notes are in no order."""
    if not measured.conditions:
        return NOT_HERE
    none, *others = (measured.of(aggregator="pushdown", design=one) for one in DESIGNS)
    shuffled = measured.of(aggregator="pushdown", design="brin", order=SHUFFLED)
    missing = _nothing(measured, none, *others, shuffled)
    if missing is not None:
        return missing
    said = [f"{title(one)} {numbers.times(times(measured, label, none))}"
            for one, label in zip(DESIGNS[1:], others, strict=True)]  # fmt: skip
    brin = numbers.times(times(measured, shuffled, none))
    return Finding(
        f"The speedup of pushdown over no index: {', '.join(said)}; BRIN where the notes lie in no order {brin}."
    )


def connection(measured: Measured) -> Finding:
    """What a new connection for each query costs."""
    if not measured.conditions:
        return NOT_HERE
    of = {"aggregator": "pushdown", "design": PLAIN}
    held, anew = measured.of(**of), measured.of(**of, client=ReconnectingClient.named)
    missing = _nothing(measured, held, anew)
    if missing is not None:
        return missing
    each = measured.medians
    longer = numbers.times(numbers.inverse(times(measured, anew, held)))
    return Finding(
        f"On a connection that is held, pushdown on the covering index takes {numbers.seconds(each[held])}; with a new "
        f"connection for each query {numbers.seconds(each[anew])}, {longer} the time: the server starts a process and "
        "checks a password for each."
    )


def as_meant(measured: Measured) -> Finding:
    """What the original's date indexes gain when they are on the column, and a range on another index."""
    if not measured.conditions:
        return NOT_HERE
    said = []
    for engine, name in ((SERVER, "PostgreSQL"), ("sqlite", "SQLite")):
        of = {"aggregator": "original_optimized", "engine": engine}
        none, meant = (measured.of(**of, design=one) for one in ("none", "original_meant"))
        ranged = measured.of(aggregator="naive", engine=engine, design="date")
        missing = _nothing(measured, none, meant, ranged)
        if missing is not None:
            return missing
        gained, more = (numbers.times(times(measured, one, none)) for one in (meant, ranged))
        said.append(f"{name} {gained}, and a range on an index on tenant and time {more}")
    return Finding(f"The speedup of the original's statement by its indexes as they were meant: {'; '.join(said)}.")


def partitions(spans: Mapping[int, Measured], inserts: Measured, removed: Measured) -> Finding:
    """What partitions cost and save."""
    if not inserts.conditions:
        return NOT_HERE
    pairs = {f"a query over {many} month{'s' if many > 1 else ''}": (one, *_parts(one)) for many, one in spans.items()}
    pairs["an insert"] = (inserts, inserts.of(design=PLAIN), inserts.of(design=MONTHS))
    dropped, deleted = (removed.of(removal=one) for one in (DROPPED, VACUUMED))
    for one, *labels in (*pairs.values(), (removed, dropped, deleted)):
        missing = _nothing(one, *labels)
        if missing is not None:
            return missing
    said = [f"{what} {numbers.times(times(one, plain, parts))}" for what, (one, plain, parts) in pairs.items()]
    gained = numbers.times(times(removed, dropped, deleted))
    return Finding(
        f"Against the plain table with the same index, partitions take of its time for {', for '.join(said)}. Dropping "
        f"a month has a speedup of {gained} over deleting its notes and vacuuming."
    )


def _parts(one: Measured) -> tuple[str, str]:
    plain, parts = (one.of(aggregator="pushdown", design=design) for design in (PLAIN, MONTHS))
    return plain, parts


def attacks(found: Mapping[str, Mapping[str, Seen]]) -> Finding:
    """What leaks under each policy."""
    if not found:
        return NOT_HERE
    said = []
    for policy in (ON_ROLE, ON_SETTING):
        through = [name for name, seen in found.items() if seen[policy][0]]
        rows = [name for name in through if found[name][policy][1] == "their rows"]
        said.append(
            f"With a policy {policy}, {len(through)} of {len(found)} attacks came through; notes of others were read "
            f"by: {', '.join(rows) or 'none'}; numbers, names or texts leak by: "
            f"{', '.join(name for name in through if name not in rows)}"
        )
    return Finding(". ".join(said) + ".")


def policies(measured: Measured) -> Finding:
    """What a policy costs."""
    if not measured.conditions:
        return NOT_HERE
    of = {"aggregator": "pushdown", "where": SCOPED}
    free, *bound = (measured.of(**of, policy=one) for one in (NO_POLICY, ON_ROLE, ON_SETTING))
    missing = _nothing(measured, free, *bound)
    if missing is not None:
        return missing
    said = [numbers.times(times(measured, free, one)) for one in bound]
    return Finding(
        f"With the tenant in the WHERE clause, a query takes {said[0]} the time under a policy on the role, and "
        f"{said[1]} under one on a setting. The policy on the role wants a connection, and so a pool, for each tenant."
    )


def fresh_day(measured: Measured, autovacuum: Mapping[str, float], notes: int) -> Finding:
    """What a VACUUM gains a day that was just written, and when the server makes one by itself."""
    if not measured.conditions:
        return NOT_HERE
    written, after = (measured.of(aggregator="pushdown", day=one) for one in (WRITTEN, AFTER_VACUUM))
    missing = _nothing(measured, written, after)
    if missing is not None:
        return missing
    faster = times(measured, after, written)
    due = round(autovacuum["threshold"] + autovacuum["share"] * notes)
    return Finding(
        f"After VACUUM the same query has a speedup of {numbers.times(faster)}. By itself the server vacuums a table "
        f"when {autovacuum['threshold']:,.0f} notes and {numbers.percent(autovacuum['share'])} of it were inserted "
        f"(autovacuum_vacuum_insert_threshold, autovacuum_vacuum_insert_scale_factor): here {due:,} notes."
    )
