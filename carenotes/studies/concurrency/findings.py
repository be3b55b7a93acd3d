"""Sentences of notebook 05."""

from carenotes.backends import engine_name
from carenotes.lab.configurations.closed_loop import EVENT_LOOP_LAG
from carenotes.lab.configurations.writers import READ_BUSY, WRITE_BUSY
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import latency_times, times
from carenotes.lab.statistics.estimates import percentile
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding
from carenotes.studies.concurrency.experiment import (
    AWAITED_PAUSE,
    NO_CACHE,
    REQUESTS,
    WARM,
    WITH_PAUSE,
    WITHOUT_PAUSE,
)
from carenotes.studies.concurrency.lines import lines, point
from carenotes.studies.concurrency.readers_and_writers import POSTGRESQL, SQLITE_ROLLBACK, SQLITE_WAL
from carenotes.studies.concurrency.served import THREADS

_AGREES = 0.02  # share that two counts of the same may differ by


def requests(measured: Measured | None) -> Finding:
    """Where the 96 % come from: the pause, the blocked loop, the passes, the cache."""
    if measured is None:
        return NOT_MEASURED
    pause, awaited, without = (
        measured.of(aggregator="original_first", pause=one) for one in (WITH_PAUSE, AWAITED_PAUSE, WITHOUT_PAUSE)
    )
    one_pass, warm = (measured.of(aggregator="original_optimized", cache=one) for one in (NO_CACHE, WARM))
    if not {pause, awaited, without, one_pass, warm} <= set(measured.medians):
        return NO_COMPARISON
    rerun = numbers.shares(numbers.less(times(measured, warm, pause)))
    return Finding(
        f"Claimed: {ORIGINAL_FIGURES['concurrent']['saved_percent']} % less time; rerun: {rerun}. Time saved by a "
        f"pause that leaves the loop free: {numbers.saved(times(measured, awaited, pause))}. Without the pause, by one "
        f"pass instead of five: {numbers.saved(times(measured, one_pass, without))}; by the cache, which answers "
        f"sixteen of twenty requests: {numbers.saved(times(measured, warm, one_pass))}."
    )


def twenty(measured: Measured | None) -> Finding:
    """What the first version and the fast path make of so many distinct queries at once: p95 latency, and in all."""
    if measured is None:
        return NOT_MEASURED
    each = measured.medians
    first, fast = (measured.of(aggregator=name) for name in ("naive", "pushdown"))
    if not {first, fast} <= each.keys():
        return NO_COMPARISON
    late = {label: numbers.seconds(percentile(measured.latencies, label, 95)) for label in (first, fast)}
    whole = {label: numbers.seconds(numbers.scale(each[label], REQUESTS)) for label in (first, fast)}
    return Finding(
        f"Of the notes here, {REQUESTS} distinct queries at once have a p95 latency of {late[first]} by {first} "
        f"({whole[first]} in all), and of {late[fast]} by {fast} ({whole[fast]} in all), in threads on a pool of four: "
        f"{numbers.times(latency_times(measured, fast, first, 95))} shorter without a cache."
    )


def event_loop_lag(measured: Measured) -> Finding:
    """The largest lag of each service, for each aggregator."""
    said = []
    for name in measured.values("aggregator"):
        there = {str(one.get("service")): label for label, one in measured.every(aggregator=name).items()}
        worst = [
            f"{numbers.seconds(percentile(measured.latencies, label, 100, EVENT_LOOP_LAG))} with {service}"
            for service, label in there.items()
            if label not in measured.failed
        ]
        said.append(f"while {name} answers, the event-loop lag is at most {', '.join(worst)}")
    return Finding("; ".join(said) + ".")


def engines(*experiments: Measured) -> Finding:
    """Which engines were measured, and that PostgreSQL was left out where there was no server."""
    there = [str(one) for one in dict.fromkeys(one for each in experiments for one in each.values("engine"))]
    if not there:
        return NOT_MEASURED
    left_out = (
        "" if "postgresql" in there else "; PostgreSQL is left out: there was no server, and none could be started"
    )
    return Finding(f"Measured on {', '.join(engine_name(one) for one in there)}{left_out}.")


def clients(measured: Measured) -> Finding:
    """The most requests a second of each service."""
    each = measured.medians
    said = []
    for line in lines(measured, "clients"):
        there = [number for number, label in line.labels.items() if label in each]
        if there:
            best = min(there, key=lambda number: each[line.labels[number]].value)
            said.append(f"{line.name} {numbers.a_second(each[line.labels[best]])} with {best}")
    return Finding(f"The highest throughput: {'; '.join(said)} clients.") if said else NO_COMPARISON


def pools(measured: Measured, query: str) -> Finding:
    """The best pool of threads on each engine, against the smallest and the largest."""
    each, said = measured.medians, []
    for engine in measured.values("engine"):
        there = measured.every(engine=engine, service=THREADS)
        sizes = {int(one.get("connections")): label for label, one in there.items() if label in each}
        if len(sizes) < 2:
            continue
        best = min(sizes, key=lambda size: each[sizes[size]].value)
        against = [end for end in (min(sizes), max(sizes)) if end != best]
        gains = [f"{numbers.times(times(measured, sizes[best], sizes[end]))} that of {end}" for end in against]
        said.append(f"{engine_name(str(engine))} {best}, with a throughput {' and '.join(gains)}")
    return Finding(f"The best pool of threads for {query}: {'; '.join(said)}.") if said else NO_COMPARISON


def little(measured: Measured) -> Finding:
    """In how many of the pools Little's law gives what was counted."""
    found = [one for label in measured.conditions if (one := point(measured, label)) is not None]
    if not found:
        return NO_COMPARISON
    agree = sum(abs(one.by_law / one.counted - 1) <= _AGREES for one in found)
    return Finding(
        f"Little's law: throughput by mean latency is what was counted in the system, to {numbers.percent(_AGREES)}, "
        f"in {agree} of {len(found)} pools; no waiting is missing from the latencies."
    )


def readers_and_writers(measured: Measured) -> Finding:
    """What most writers of single notes leave to the readers, by engine and journal; what the database gave up."""
    each, said = measured.medians, []
    most = max(measured.values("writers"), default=0)
    for engine, journal in (SQLITE_ROLLBACK, SQLITE_WAL, POSTGRESQL):
        if engine not in measured.values("engine"):
            continue
        alone = measured.of(engine=engine, journal=journal, writers=0)
        written = measured.of(engine=engine, journal=journal, writers=most, writing="single notes")
        if not {alone, written} <= each.keys():
            return NO_COMPARISON
        left = numbers.shares(times(measured, written, alone))
        late = numbers.seconds(percentile(measured.latencies, written, 99))
        said.append(f"{left} of their throughput on {engine_name(engine)} with a {journal} (p99 latency {late})")
    if not said:
        return NOT_MEASURED
    return Finding(f"{most} writers of single notes leave the readers {'; '.join(said)}. {_given_up(measured)}")


def _given_up(measured: Measured) -> str:
    by_kind = measured.latencies["kind"].value_counts()
    read, written = (int(by_kind.get(kind, 0)) for kind in (READ_BUSY, WRITE_BUSY))
    return (
        f"Transactions that the database gave up as busy, and that were tried again: {read:,} of readers, {written:,} "
        "of writers. Every note that was committed was there afterwards, once."
    )
