"""What decides the claims about how a query is answered, and how fast."""

from carenotes.backends import engine_name
from carenotes.designs import title
from carenotes.lab.statistics.verdicts import Evidence, Verdict, at_least, at_most, costing, counted, furthest
from carenotes.original.decisions.prices import file_grows, saving
from carenotes.studies.concurrency import effects as concurrency
from carenotes.studies.dataset_size import effects as dataset_size
from carenotes.studies.one_query import effects as one_query
from carenotes.studies.rollups import effects as rollups


def goal(seen: Evidence) -> Verdict | None:
    """At least 80 % less response time, alone and under concurrency, without a cache."""
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
    return costing(at_least(least, saving(0.80), "saved", said), file_grows(seen, "covering"))


def single(seen: Evidence, table: str = "single") -> Verdict | None:
    """What the original's optimized program saves of a single query, without its pause."""
    paused, unpaused = (one_query.of_the_originals_optimized(seen, table, pause=one) for one in (True, False))
    if paused is None or unpaused is None:
        return None
    said = f"with its pause of 30 ms {100 * (1 - 1 / paused.value):.1f} %, without it this"
    return at_least(unpaused, saving(0.10), "saved", said)


def one_pass(seen: Evidence) -> Verdict | None:
    """What one pass saves over five."""
    effect = one_query.of_one_pass(seen)
    return None if effect is None else at_least(effect, saving(0.10), "saved", "of the whole answer")


def structures(seen: Evidence) -> Verdict | None:
    """Whether another structure than dict and set counts faster."""
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


def equality(seen: Evidence) -> Verdict | None:
    """Whether `=` for one facility is faster than an IN of one."""
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


def parameters(seen: Evidence) -> Verdict | None:
    """Whether a range of times is faster than the original's own day, and as right."""
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


def large_data(seen: Evidence) -> Verdict | None:
    """Whether time grows slower than the notes do, and tenants stay apart."""
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
    return costing(verdict, file_grows(seen, design) if design != "none" else "")


def _of_the_pyramid(seen: Evidence) -> str:
    """The same of what is worked out beforehand, over the last decade of its notes; nothing where it was not asked."""
    exponent, sizes = rollups.exponent(seen), rollups.sizes(seen)
    return f"; of the pyramid, {sizes[0]:,} to {sizes[-1]:,} notes, {exponent.value:.2f}" if exponent else ""
