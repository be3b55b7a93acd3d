"""What decides each claim of the original report, from the results of a run."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from carenotes.backends import engine_name
from carenotes.designs import title
from carenotes.lab.results.store import Results
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Evidence, Verdict, at_least, at_most, costing, counted, furthest
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.studies.cache import effects as cache
from carenotes.studies.concurrency import effects as concurrency
from carenotes.studies.dataset_size import effects as dataset_size
from carenotes.studies.one_query import effects as one_query
from carenotes.studies.rollups import effects as rollups
from carenotes.studies.seed_data import effects as seed_data
from carenotes.studies.server import effects as server

_THEIRS = "the original's"
_BETTER = 1.2  # times, of PostgreSQL: set on 2026-11-28, after trial figures on a busy machine had been seen
_STALE = "answers up to 30 s old, unbounded memory"


def _saving(share: float) -> float:
    """The speedup that saves so much of the time."""
    return 1 / (1 - share)


def _file_grows(seen: Evidence, design: str) -> str:
    larger = one_query.times_the_file(seen, design)
    return f"the file is {larger:.2f}x as large" if larger else ""


def _goal(seen: Evidence) -> Verdict | None:
    alone = {
        "alone": one_query.of_all_measures(seen),
        "alone, most notes": dataset_size.at_most_notes(seen),
        "alone, the original's notes": one_query.of_all_measures_on_the_originals_notes(seen),
    }
    at_once = {
        "twenty at once": concurrency.twenty_at_once(seen),
        "twenty at once, the original's notes": concurrency.original_twenty_without_a_cache(seen),
    }
    known = {where: one for where, one in {**alone, **at_once}.items() if one is not None}
    if not known.keys() & alone.keys() or not known.keys() & at_once.keys():
        return None
    least = furthest(known, min)
    said = f"without a cache, the least of {len(known)} places ({least.named})"
    return costing(at_least(least, _saving(0.80), "saved", said), _file_grows(seen, "covering"))


def _single(seen: Evidence, table: str = "single") -> Verdict | None:
    paused, unpaused = (one_query.of_the_originals_optimized(seen, table, pause=one) for one in (True, False))
    if paused is None or unpaused is None:
        return None
    said = f"with its pause of 30 ms {100 * (1 - 1 / paused.value):.1f} %, without it this"
    return at_least(unpaused, _saving(0.10), "saved", said)


def _concurrent_total(seen: Evidence) -> Verdict | None:
    effect = concurrency.original_optimized_with_its_cache(seen)
    uncached = concurrency.original_optimized_without_its_cache(seen)
    if effect is None or uncached is None:
        return None
    said = f"all of it the cache: without it {100 * (1 - 1 / uncached.value):.1f} %"
    return costing(at_least(effect, _saving(0.80), "saved", said), _STALE)


def _concurrent_each(seen: Evidence) -> Verdict | None:
    half = concurrency.original_p50_latency(seen)
    if half is None:
        return None
    claim = ORIGINAL_FIGURES["concurrent"]
    each = claim["optimized_s"] / claim["requests"]
    return costing(at_most(half, 2 * each, "seconds", "p50 latency of the requests"), _STALE)


def _hit_time(seen: Evidence) -> Verdict | None:
    hit = cache.hit_latency(seen)
    return None if hit is None else costing(at_most(hit, 50e-6, "seconds", "the original's own scheme"), _STALE)


def _hit_speedup(seen: Evidence) -> Verdict | None:
    effect, best = cache.hit_over_original(seen), cache.hit_over_pushdown(seen)
    if effect is None or best is None:
        return None
    said = f"over its own first program; {best.value:,.0f}x over the best answer without a cache"
    return costing(at_least(effect, ORIGINAL_FIGURES["hit"]["speedup"], said=said), _STALE)


def _index(seen: Evidence, aggregator: str) -> Verdict | None:
    effect, working = (one_query.of_design(seen, aggregator, design) for design in ("original", "date"))
    if effect is None or working is None:
        return None
    said = f"{aggregator}, the original's indexes against none; an index on tenant and time: {working.value:.1f}x"
    return costing(at_least(effect, 1.5, said=said), _file_grows(seen, "original"))


def _index_date_as_meant(seen: Evidence) -> Verdict | None:
    engines = {"SQLite": "sqlite", "PostgreSQL": server.SERVER}
    effects = {name: server.of_indexes_as_meant(seen, engine) for name, engine in engines.items()}
    ranges = {name: server.of_range(seen, engine) for name, engine in engines.items()}
    known = {name: one for name, one in effects.items() if one is not None}
    if len(known) < len(effects):
        return None
    lesser = furthest(known, min)
    beside = ", ".join(f"{name} {one.value:.1f}x" for name, one in ranges.items() if one is not None)
    said = f"the lesser of {' and '.join(known)} ({lesser.named}); a range on an index on tenant and time: {beside}"
    return at_least(lesser, 1.5, said=said)


def _index_facility(seen: Evidence) -> Verdict | None:
    of = one_query.of_design_where_facilities_are_named
    effects = {name: of(seen, name, "original") for name in ("naive", "pushdown")}
    working = of(seen, "pushdown", "date")
    known = {name: one for name, one in effects.items() if one is not None}
    if len(known) < len(effects) or working is None:
        return None
    lesser = furthest(known, min)
    said = f"the lesser of {' and '.join(known)} ({lesser.named})"
    said += f"; pushdown with an index on tenant and time: {working.value:.1f}x"
    return costing(at_least(lesser, 1.5, said=said), _file_grows(seen, "original"))


def _index_patient(seen: Evidence) -> Verdict | None:
    effect, plans = one_query.of_patient_index(seen), one_query.patient_plans(seen)
    if effect is None or plans is None:
        return None
    with_it, without = plans
    used = any("idx_patient" in step for step in with_it["steps"])
    verdict = at_least(effect, 1.2, said=f"{'used in' if used else 'in no step of'} the plan")
    return costing(verdict, f"the file grows by {100 * (with_it['bytes'] / without['bytes'] - 1):.0f} %")


def _structures(seen: Evidence) -> Verdict | None:
    in_python, database = {"counters": "Counter and set", "arrays": "NumPy"}, {"pushdown": "the database"}
    effects = {
        (name, f"{words} over the {span} span"): one_query.of_structure(seen, name, span)
        for name, words in {**in_python, **database}.items()
        for span in ("short", "long")
    }
    known = {key: one for key, one in effects.items() if one is not None}
    if len(known) < len(effects):
        return None
    most = furthest({words: one for (_, words), one in known.items()}, max)
    ours = max(one.value for (name, _), one in known.items() if name in in_python)
    said = f"against dict and set, the most of {len(known)} ({most.named}); the most in Python {ours:.2f}x"
    return at_most(most, 1.1, said=said)


def _equality(seen: Evidence) -> Verdict | None:
    places = {  # where it is tried: an engine and a design
        "SQLite, the original's indexes": ("sqlite", "original"),
        "SQLite, covering index": ("sqlite", "covering"),
        "DuckDB": ("duckdb", "none"),
    }
    effects = {where: one_query.of_equality(seen, *place) for where, place in places.items()}
    plans = {where: one_query.equality_plans(seen, *place) for where, place in places.items()}
    known = {where: one for where, one in effects.items() if one is not None}
    both = [found for found in plans.values() if found is not None]
    if len(known) < len(effects) or len(both) < len(plans):
        return None
    alike = sum(one["steps"] == other["steps"] for one, other in both)
    most = furthest(known, max)
    said = f"where it gains most ({most.named}); in {alike} of {len(places)} places the plan is the same"
    return at_least(most, 1.1, said=said)


def _parameters(seen: Evidence) -> Verdict | None:
    effect, as_date = (one_query.of_day(seen, aggregator) for aggregator in ("pushdown", "day_as_date"))
    plans = one_query.day_plans(seen)
    if effect is None or as_date is None or plans is None:
        return None
    counted_by = {one["aggregator"]: one["counted"] for one in plans}
    wrong = [name for name, count in counted_by.items() if count != counted_by["pushdown"]]
    said = (
        "a range of times against the original's own date(created_at) = text; a date for the text: "
        f"{as_date.value:.2f}x; wrong answers: {', '.join(wrong) or 'none'}"
    )
    return at_least(effect, 1.1, said=said)


def _one_pass(seen: Evidence) -> Verdict | None:
    effect = one_query.of_one_pass(seen)
    return None if effect is None else at_least(effect, _saving(0.10), "saved", "of the whole answer")


def _ttl(seen: Evidence) -> Verdict | None:
    said = cache.fault(seen, "the wall clock jumps")
    if said is None:
        return None
    return counted(not said, f"while the clock runs evenly, yes; {said or 'and when it jumps, too'}")


def _keys(seen: Evidence) -> Verdict | None:
    said = cache.fault(seen, "odd tenants and facilities")
    return None if said is None else counted(not said, said or "each query got its own answer")


def _no_stampede(seen: Evidence) -> Verdict | None:
    said, others = cache.fault(seen, "1,000 callers of a cold key"), cache.faults_not_survived(seen)
    if said is None:
        return None
    return counted(not said, said or f"one load for 1,000 callers; {others} other faults it does not survive")


def _double_check(seen: Evidence) -> Verdict | None:
    found = cache.stampede(seen)
    if found is None:
        return None
    callers, double_checked, checked_once = found
    said = f"{callers:,} callers: {double_checked:,} load with double-checked locking, {checked_once:,} without"
    return counted(double_checked < checked_once, said)


def _non_blocking(seen: Evidence) -> Verdict | None:
    lag, faster = concurrency.largest_lag(seen), concurrency.in_the_loop_over_threads(seen)
    if lag is None or faster is None:
        return None
    verdict = at_most(lag, 0.010, "seconds", "the largest event-loop lag during twenty answers")
    return costing(verdict, f"threads instead: {faster.value:.2f}x the time a query")


def _same_once(seen: Evidence) -> Verdict | None:
    loads = concurrency.loads_of_identical(seen, 20, _THEIRS)
    return None if loads is None else counted(loads == 1, f"{loads} load for 20 identical requests")


_POOLS = {  # where pools are judged, and by which query
    f"{engine_name(engine)}, {words}": (query, engine)
    for engine in ("sqlite", "postgresql")
    for query, words in (("one day", "one day"), ("heavy", "90 days"))
}


def _pooled(seen: Evidence) -> Verdict | None:
    """The lesser of two engines and of two queries: it is said of a pool, and not of one of them."""
    sizes = {where: concurrency.pool_sizes(seen, *place) for where, place in _POOLS.items()}
    effects = {
        where: concurrency.of_pool_size(seen, *_POOLS[where], there[-1], there[0])
        for where, there in sizes.items()
        if len(there) > 1
    }
    known = {where: one for where, one in effects.items() if one is not None}
    if len(known) < len(_POOLS):
        return None
    least = furthest(known, min)
    each = ", ".join(f"{where}: {one.value:.2f}x" for where, one in known.items())
    largest, smallest = (sizes[least.value_of][end] for end in (-1, 0))
    said = f"{largest} connections against {smallest}, the least of {len(known)} ({least.named}); {each}"
    return costing(at_least(least, 1.2, said=said), "a thread and a cache each; on a server a process and its memory")


def _pool_size(seen: Evidence) -> Verdict | None:
    """An optimum lies inside of the range that was tried: better than the smallest pool, and than the largest."""
    effects = {}
    for where, (query, engine) in _POOLS.items():
        if engine == "postgresql":  # the claim is about the pool of a server
            best, sizes = (
                concurrency.best_inner_pool_size(seen, query, engine),
                concurrency.pool_sizes(seen, query, engine),
            )
            if best is None:
                return None
            for end in (sizes[0], sizes[-1]):
                of = concurrency.of_pool_size(seen, query, engine, best, end)
                effects[f"{best} connections against {end}, {where}"] = of
    known = {against: one for against, one in effects.items() if one is not None}
    if len(known) < len(effects):
        return None
    least = furthest(known, min)
    return at_least(least, 1.1, said=f"the least that the best pool between gains over the ends ({least.named})")


def _postgresql(seen: Evidence) -> Verdict | None:
    """In each of its places: what is better only against a journal that nobody has to use is not better."""
    effects = concurrency.postgresql_with_writers(seen)
    known = {where: one for where, one in effects.items() if one is not None}
    if not known or len(known) < len(effects):
        return None
    least, better = furthest(known, min), sum(one.value >= _BETTER for one in known.values())
    said = f"of readers while others write, the least of {len(known)} ({least.named}); {better} are above {_BETTER}x"
    return costing(at_least(least, _BETTER, said=said), "a server to run")


def _large_data(seen: Evidence) -> Verdict | None:
    every = [one for one in (dataset_size.attacks(seen), rollups.attacks(seen)) if one is not None]
    if dataset_size.attacks(seen) is None:
        return None
    wrong = (*dataset_size.wrong(seen), *rollups.wrong(seen))
    asked, through = (sum(one[what] for one in every) for what in ("queries", "wrong"))
    stood = f"{asked - through} of {asked} attacks on isolation failed"
    if through or wrong:
        return counted(False, f"{stood}; wrong answers: {', '.join(wrong) or 'none'}")
    exponent, last = dataset_size.exponent(seen), dataset_size.exponent(seen, steps=1)
    place, sizes = dataset_size.place(seen), dataset_size.sizes(seen)
    if exponent is None or last is None or place is None:
        return None
    engine, design = place
    on = f"on a {title(design)}" if design != "none" else f"without an index on {engine_name(engine)}"
    said = f"the scaling exponent of pushdown {on}, {sizes[0]:,} to {sizes[-1]:,} notes"
    said += f"; of the last step alone {last.value:.2f}{_of_the_pyramid(seen)}; {stood}"
    verdict = at_most(exponent, 0.5, "exponent", said)
    return costing(verdict, _file_grows(seen, design) if design != "none" else "")


def _of_the_pyramid(seen: Evidence) -> str:
    """The same of what is worked out beforehand, over the last decade of its notes; nothing where it was not asked."""
    exponent, sizes = rollups.exponent(seen), rollups.sizes(seen)
    return f"; of the pyramid, {sizes[0]:,} to {sizes[-1]:,} notes, {exponent.value:.2f}" if exponent else ""


def _bulk(seen: Evidence) -> Verdict | None:
    effect = seed_data.of_writer(seen, "executemany", "add_all")
    return None if effect is None else at_least(effect, 1.5, said="the rate of Core's executemany against add_all")


def _batch_5000(seen: Evidence) -> Verdict | None:
    best, effect = seed_data.best_batch(seen, "arrow"), seed_data.of_best_batch(seen, "arrow", 5_000)
    if best is None or effect is None:
        return None
    return at_most(effect, 1.1, said=f"batches of {best:,} through Arrow against 5,000")


def _progress(seen: Evidence) -> Verdict | None:
    reports, effect, with_bar = seed_data.reports(seen), seed_data.of_bar(seen), seed_data.with_bar(seen)
    if reports is None or effect is None or with_bar is None:
        return None
    said = f"{reports['reports']} reports for {reports['batches']} batches"
    if reports["reports"] < reports["batches"]:
        return counted(False, said)
    said = f"the time of a load against that of its progress bar, {said}; a load with a bar takes {with_bar.value:.2f}x"
    return at_least(effect, 1 / 0.02, said=said)


def _partitions(seen: Evidence) -> Verdict | None:
    """Judged by the least of four effects, each as a multiple of the smallest that would matter."""
    touched = server.partitions_touched(seen)
    least = {
        "dropping a month": (server.of_dropping_a_month(seen, vacuumed=True), 10.0),
        "a query over one month": (server.of_partitions(seen, 1), 1 / 1.25),
        "a query over twelve months": (server.of_partitions(seen, 12), 1 / 1.25),
        "an insert": (server.of_inserts_into_partitions(seen), 1 / 1.25),
    }
    known = {name: (one, matters) for name, (one, matters) in least.items() if one is not None}
    if touched is None or len(known) < len(least):
        return None
    said = f"of {touched['there']} partitions a query about one month touches {touched['1 months']}"
    if touched["1 months"] != 1:
        return counted(False, said)
    said += "".join(f"; {name} has a speedup of {one.value:.2f}x" for name, (one, _) in known.items())
    margin = furthest({name: _in_units_of(one, matters) for name, (one, matters) in known.items()}, min)
    price = server.times_the_table(seen, "partitions"), server.times_the_table(seen, "covering")
    cost = f"table and indexes are {price[0] / price[1]:.2f}x as large" if price[0] and price[1] else ""
    said = f"the least of {len(known)} effects, as a multiple of what would matter ({margin.named}); {said}"
    return costing(at_least(margin, 1.0, said=said), cost)


def _in_units_of(one: Estimate, unit: float) -> Estimate:
    """How many times so large an effect is."""
    interval = one.interval and (one.interval[0] / unit, one.interval[1] / unit)
    return Estimate(one.value / unit, interval, one.rounds)


VERDICTS: Mapping[str, Callable[[Evidence], Verdict | None]] = MappingProxyType(
    {
        "goal": _goal,
        "single": _single,
        "filtered": lambda seen: _single(seen, "filtered"),
        "concurrent-total": _concurrent_total,
        "concurrent-each": _concurrent_each,
        "hit-time": _hit_time,
        "hit-speedup": _hit_speedup,
        "index-tenant": lambda seen: _index(seen, "naive"),
        "index-date": lambda seen: _index(seen, "pushdown"),
        "index-date-as-meant": _index_date_as_meant,
        "index-facility": _index_facility,
        "index-patient": _index_patient,
        "one-pass": _one_pass,
        "structures": _structures,
        "equality": _equality,
        "parameters": _parameters,
        "ttl": _ttl,
        "keys": _keys,
        "no-stampede": _no_stampede,
        "double-check": _double_check,
        "non-blocking": _non_blocking,
        "same-once": _same_once,
        "pooled": _pooled,
        "partitions": _partitions,
        "pool-size": _pool_size,
        "postgresql": _postgresql,
        "large-data": _large_data,
        "bulk": _bulk,
        "batch-5000": _batch_5000,
        "progress": _progress,
    }
)


def verdicts(results: Results) -> dict[str, Verdict]:
    """The verdict on each claim that the results decide, by the claim's id.

    They are decided twice: how many comparisons decide them, and so how wide the intervals must be, is known only then.
    """
    seen = Evidence(results)
    seen.comparisons = max(1, sum(verdict.comparisons for verdict in _decided(seen).values()))
    return _decided(seen)


def _decided(seen: Evidence) -> dict[str, Verdict]:
    found = {name: decide(seen) for name, decide in VERDICTS.items()}
    return {name: verdict for name, verdict in found.items() if verdict is not None}
