"""What decides each of the original's claims, from the results of a run."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate, medians
from carenotes.lab.statistics.verdicts import Evidence, Verdict, at_least, at_most, costing, counted, furthest
from carenotes.original.claims import ORIGINAL_FIGURES
from carenotes.studies.cache.faults import NO_WAY_TO_TELL
from carenotes.studies.concurrency import effects as concurrency

ONE_QUERY, SEED_DATA, CACHE, CONCURRENCY = "02_one_query", "01_seed_data", "04_cache", "05_concurrency"
DATASET_SIZE = "03_dataset_size"
_THEIRS = "the original's"
_STALE = "answers up to 30 s old, unbounded memory"


def _saving(share: float) -> float:
    """The times as fast that saves so much of the time."""
    return 1 / (1 - share)


def _file_grows(seen: Evidence, plan: str) -> str:
    sizes = {one: seen.fact(ONE_QUERY, f"bytes/{one}") for one in (plan, "none")}
    return f"the file is {sizes[plan] / sizes['none']:.2f}x as large" if all(sizes.values()) else ""


def _goal(seen: Evidence) -> Verdict | None:
    first, fast = "naive, no index", "pushdown, covering index"
    alone = {
        "alone": seen.times(ONE_QUERY, "index plans", "pushdown/covering", "naive/none"),
        "alone, most notes": _at_most_notes(seen, first, fast),
        "alone, the original's notes": seen.times(ONE_QUERY, "original/single", fast, "original, without"),
    }
    at_once = {
        "twenty at once": seen.times(CONCURRENCY, "twenty at once", fast, first),
        "twenty at once, the original's notes": seen.times(
            CONCURRENCY, "original/concurrent", "ours, without a cache", "original, without"
        ),
    }
    known = {where: one for where, one in {**alone, **at_once}.items() if one is not None}
    if not known.keys() & alone.keys() or not known.keys() & at_once.keys():
        return None
    least = furthest(known, min)
    said = f"without a cache, the least of {len(known)} ways to ask ({least.named})"
    return costing(at_least(least, _saving(0.80), "saved", said), _file_grows(seen, "covering"))


def _at_most_notes(seen: Evidence, first: str, fast: str) -> Estimate | None:
    """The same where the table is largest, of the sizes at which both were measured."""
    sizes = _sizes(seen.measured(DATASET_SIZE, "growth"), fast, first)
    both = [f"{one}/{sizes[-1]}" for one in (fast, first)] if sizes else []
    return seen.times(DATASET_SIZE, "growth", *both) if both else None


def _sizes(one: Measured, *ways: str) -> list[int]:
    """The numbers at which all of these were measured, in order; conditions are named `way/number`."""
    there = medians(one.samples).keys()
    numbers = {int(name.partition("/")[2]) for name in there if name.startswith(f"{ways[0]}/")}
    return sorted(number for number in numbers if all(f"{way}/{number}" in there for way in ways))


def _single(seen: Evidence, table: str = "single") -> Verdict | None:
    with_pause = seen.times(ONE_QUERY, f"original/{table}", "optimized", "original, with its pause")
    without = seen.times(ONE_QUERY, f"original/{table}", "optimized", "original, without")
    if with_pause is None or without is None:
        return None
    said = f"with its pause of 30 ms {100 * (1 - 1 / with_pause.value):.1f} %, without it this"
    return at_least(without, _saving(0.10), "saved", said)


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
    price = seen.seconds(CACHE, "hit price", _THEIRS)
    return None if price is None else costing(at_most(price, 50e-6, "seconds", "the original's own scheme"), _STALE)


def _hit_speedup(seen: Evidence) -> Verdict | None:
    effect = seen.times(CACHE, "hit worth", "the original's hit", "original, without")
    best = seen.times(CACHE, "hit worth", "the original's hit", "pushdown, covering index")
    if effect is None or best is None:
        return None
    said = f"against its own slow original; {best.value:,.0f}x against the best answer without a cache"
    return costing(at_least(effect, ORIGINAL_FIGURES["hit"]["speedup"], "times", said), _STALE)


def _index(seen: Evidence, aggregator: str, said: str) -> Verdict | None:
    effect = seen.times(ONE_QUERY, "index plans", f"{aggregator}/original", f"{aggregator}/none")
    working = seen.times(ONE_QUERY, "index plans", f"{aggregator}/date", f"{aggregator}/none")
    if effect is None or working is None:
        return None
    verdict = at_least(effect, 1.5, "times", f"{said}; an index on tenant and time itself: {working.value:.1f}x")
    return costing(verdict, _file_grows(seen, "original"))


def _index_facility(seen: Evidence) -> Verdict | None:
    experiment = ONE_QUERY, "index-facility"
    effects = {name: seen.times(*experiment, f"{name}/original", f"{name}/none") for name in ("naive", "pushdown")}
    working = seen.times(*experiment, "pushdown/date", "pushdown/none")
    known = {name: one for name, one in effects.items() if one is not None}
    if len(known) < len(effects) or working is None:
        return None
    lesser = furthest(known, min)
    said = f"the lesser of {' and '.join(known)} ({lesser.named})"
    said += f"; pushdown with an index on tenant and time: {working.value:.1f}x"
    return costing(at_least(lesser, 1.5, "times", said), _file_grows(seen, "original"))


def _index_patient(seen: Evidence) -> Verdict | None:
    effect = seen.times(ONE_QUERY, "index-patient", "with idx_patient", "without idx_patient")
    plans = seen.fact(ONE_QUERY, "index-patient/plans")
    if effect is None or plans is None:
        return None
    used = any("idx_patient" in step for step in plans["with idx_patient"]["steps"])
    more = plans["with idx_patient"]["bytes"] / plans["without idx_patient"]["bytes"] - 1
    verdict = at_least(effect, 1.2, "times", f"{'used in' if used else 'in no step of'} the plan")
    return costing(verdict, f"the file grows by {100 * more:.0f} %")


def _structures(seen: Evidence) -> Verdict | None:
    spans, in_python, database = ("short", "long"), ("Counter and set", "NumPy"), "the database"
    effects = {
        f"{name} over the {span} span": seen.times(ONE_QUERY, f"structures/{span}", name, "dict and set")
        for name in (*in_python, database)
        for span in spans
    }
    known = {name: one for name, one in effects.items() if one is not None}
    if len(known) < len(effects):
        return None
    most = furthest(known, max)
    ours = max(one.value for name, one in known.items() if name.startswith(in_python))
    said = f"against dict and set, the most of {len(known)} ({most.named}); the most in Python {ours:.2f}x"
    return at_most(most, 1.1, "times", said)


def _equality(seen: Evidence) -> Verdict | None:
    places = ("original", "covering", "DuckDB")
    effects = {one: seen.times(ONE_QUERY, "equality", f"=, {one}", f"IN, {one}") for one in places}
    plans = seen.fact(ONE_QUERY, "equality/plans")
    known = {where: one for where, one in effects.items() if one is not None}
    if len(known) < len(effects) or plans is None:
        return None
    alike = sum(plans[f"=, {one}"]["steps"] == plans[f"IN, {one}"]["steps"] for one in places)
    most = furthest(known, max)
    said = f"where it gains most ({most.named}); in {alike} of {len(places)} places the plan is the same"
    return at_least(most, 1.1, "times", said)


def _parameters(seen: Evidence) -> Verdict | None:
    effect = seen.times(ONE_QUERY, "parameters", "range of times", "day as text")
    as_date = seen.times(ONE_QUERY, "parameters", "day as a date", "day as text")
    plans = seen.fact(ONE_QUERY, "parameters/plans")
    if effect is None or as_date is None or plans is None:
        return None
    right = plans["range of times"]["notes"]
    wrong = [name for name, one in plans.items() if one["notes"] != right]
    said = (
        f"a range of times against the original's own date(created_at) = text; a date for the text: {as_date.value:.2f}x; "
        f"wrong answers: {', '.join(wrong) or 'none'}"
    )
    return at_least(effect, 1.1, "times", said)


def _one_pass(seen: Evidence) -> Verdict | None:
    effect = seen.times(ONE_QUERY, "anatomy", "one pass instead", "five passes")
    return None if effect is None else at_least(effect, _saving(0.10), "saved", "of the whole answer")


def _fault(seen: Evidence, fault: str) -> str | None:
    found = seen.fact(CACHE, f"faults/{_THEIRS}")
    return None if found is None else str(found[fault])


def _ttl(seen: Evidence) -> Verdict | None:
    said = _fault(seen, "the wall clock jumps")
    if said is None:
        return None
    return counted(not said, f"while the clock runs evenly, yes; {said or 'and when it jumps, too'}")


def _keys(seen: Evidence) -> Verdict | None:
    said = _fault(seen, "odd tenants and facilities")
    return None if said is None else counted(not said, said or "each query got its own answer")


def _no_stampede(seen: Evidence) -> Verdict | None:
    said = _fault(seen, "1,000 callers of a cold key")
    lost = seen.fact(CACHE, f"faults/{_THEIRS}")
    if said is None:
        return None
    others = sum(bool(one) and one != NO_WAY_TO_TELL for one in lost.values())
    return counted(not said, said or f"one load for 1,000 callers; {others} other faults it does not survive")


def _double_check(seen: Evidence) -> Verdict | None:
    with_it = seen.fact(CACHE, "stampede/the original's: lock and double check")
    without = seen.fact(CACHE, "stampede/a lock, no double check")
    if with_it is None or without is None:
        return None
    most = max(with_it, key=int)
    loads = int(with_it[most][0]), int(without[most][0])
    return counted(loads[0] < loads[1], f"{int(most):,} callers: {loads[0]:,} load with it, {loads[1]:,} without")


def _non_blocking(seen: Evidence) -> Verdict | None:
    lag, faster = concurrency.largest_lag(seen), concurrency.in_the_loop_over_threads(seen)
    if lag is None or faster is None:
        return None
    verdict = at_most(lag, 0.010, "seconds", "the largest event-loop lag during twenty answers")
    return costing(verdict, f"threads instead: {faster.value:.2f}x the time a query")


def _same_once(seen: Evidence) -> Verdict | None:
    loads = concurrency.loads_of_identical(seen, 20, _THEIRS)
    return None if loads is None else counted(loads == 1, f"{loads} load for 20 identical requests")


def _pooled(seen: Evidence) -> Verdict | None:
    sizes = [*concurrency.seconds_by_pool_size(seen)]
    effect = concurrency.of_pool_size(seen, sizes[-1], sizes[0]) if len(sizes) > 1 else None
    if effect is None:
        return None
    said = f"{sizes[-1]} connections against {sizes[0]}"
    return costing(at_least(effect, 1.2, said=said), "a thread and a cache each")


def _pool_size(seen: Evidence) -> Verdict | None:
    each = concurrency.seconds_by_pool_size(seen)
    by_speed = sorted(each, key=lambda size: each[size])
    effects = {str(size): concurrency.of_pool_size(seen, by_speed[0], size) for size in by_speed[1:]}
    known = {size: one for size, one in effects.items() if one is not None}
    if not known:
        return None
    most = furthest(known, max)
    said = f"{by_speed[0]} of SQLite's connections, the best of {len(each)} sizes, against the worst ({most.named})"
    return at_least(most, 1.1, said=said)


def _large_data(seen: Evidence) -> Verdict | None:
    fast, growth = "pushdown, covering index", seen.measured(DATASET_SIZE, "growth")
    sizes, attacks = _sizes(growth, fast), seen.fact(DATASET_SIZE, "isolation")
    powers = [
        seen.grows(DATASET_SIZE, "growth", {f"{fast}/{size}": size for size in some}) for some in (sizes, sizes[-2:])
    ]
    if powers[0] is None or powers[1] is None or attacks is None:
        return None
    stood = f"{attacks['queries'] - attacks['wrong']} of {attacks['queries']} attacks on isolation failed"
    if attacks["wrong"] or growth.failed:
        return counted(False, f"{stood}; wrong answers: {', '.join(growth.failed) or 'none'}")
    said = f"the power of the notes that the fast path's time grows as, {sizes[0]:,} to {sizes[-1]:,} of them"
    last = f"of the last step alone {powers[1].value:.2f}; {stood}"
    return costing(at_most(powers[0], 0.5, "power", f"{said}; {last}"), _file_grows(seen, "covering"))


def _bulk(seen: Evidence) -> Verdict | None:
    one = seen.measured(SEED_DATA, "loading")
    best = {way: _best(one, way) for way in ("add_all", "executemany")}
    if None in best.values():
        return None
    effect = seen.times(SEED_DATA, "loading", str(best["executemany"]), str(best["add_all"]))
    return None if effect is None else at_least(effect, 1.5, "times", "the rate of Core's executemany against add_all")


def _best(one: Measured, way: str) -> str | None:
    of_way = {name: value.value for name, value in medians(one.samples).items() if name.startswith(f"{way}/")}
    return min(of_way, key=lambda name: of_way[name]) if of_way else None


def _batch_5000(seen: Evidence) -> Verdict | None:
    one = seen.measured(SEED_DATA, "loading")
    best = _best(one, "arrow")
    effect = None if best is None else seen.times(SEED_DATA, "loading", best, "arrow/5000")
    if best is None or effect is None:
        return None
    return at_most(effect, 1.1, "times", f"batches of {int(best.partition('/')[2]):,} through Arrow against 5,000")


def _progress(seen: Evidence) -> Verdict | None:
    told = seen.fact(SEED_DATA, "progress/seen")
    effect = seen.times(SEED_DATA, "progress", "the bar alone", "load, untold")
    with_bar = seen.times(SEED_DATA, "progress", "load, untold", "load with a bar")
    if told is None or effect is None or with_bar is None:
        return None
    said = f"{told['times told']} times for {told['batches']} batches"
    if told["times told"] < told["batches"]:
        return counted(False, f"told {said}")
    said = f"the time of a load against that of its bar, told {said}; a load with a bar takes {with_bar.value:.2f}x"
    return at_least(effect, 1 / 0.02, "times", said)


VERDICTS: Mapping[str, Callable[[Evidence], Verdict | None]] = MappingProxyType(
    {
        "goal": _goal,
        "single": _single,
        "filtered": lambda seen: _single(seen, "filtered"),
        "concurrent-total": _concurrent_total,
        "concurrent-each": _concurrent_each,
        "hit-time": _hit_time,
        "hit-speedup": _hit_speedup,
        "index-tenant": lambda seen: _index(seen, "naive", "naive, the original's indexes against none"),
        "index-date": lambda seen: _index(seen, "pushdown", "pushdown, the original's indexes against none"),
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
        "pool-size": _pool_size,
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
