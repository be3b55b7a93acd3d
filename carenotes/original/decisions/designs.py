"""What decides the claims about indexes and partitions."""

from carenotes.lab.statistics.verdicts import Evidence, Verdict, at_least, costing, counted, furthest
from carenotes.original.decisions.prices import file_grows, in_units_of
from carenotes.studies.one_query import effects as one_query
from carenotes.studies.server import effects as server


def index(seen: Evidence, aggregator: str) -> Verdict | None:
    """Whether the original's indexes make an aggregator faster."""
    effect, working = (one_query.of_design(seen, aggregator, design) for design in ("original", "date"))
    if effect is None or working is None:
        return None
    said = f"{aggregator}, the original's indexes against none; an index on tenant and time: {working.value:.1f}x"
    return costing(at_least(effect, 1.5, said=said), file_grows(seen, "original"))


def index_date_as_meant(seen: Evidence) -> Verdict | None:
    """Whether they would, on the day of the column, as they were meant."""
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


def index_facility(seen: Evidence) -> Verdict | None:
    """Whether they do where facilities are named."""
    of = one_query.of_design_where_facilities_are_named
    effects = {name: of(seen, name, "original") for name in ("naive", "pushdown")}
    working = of(seen, "pushdown", "date")
    known = {name: one for name, one in effects.items() if one is not None}
    if len(known) < len(effects) or working is None:
        return None
    lesser = furthest(known, min)
    said = f"the lesser of {' and '.join(known)} ({lesser.named})"
    said += f"; pushdown with an index on tenant and time: {working.value:.1f}x"
    return costing(at_least(lesser, 1.5, said=said), file_grows(seen, "original"))


def index_patient(seen: Evidence) -> Verdict | None:
    """Whether the index on patients does anything."""
    effect, plans = one_query.of_patient_index(seen), one_query.patient_plans(seen)
    if effect is None or plans is None:
        return None
    with_it, without = plans
    used = any("idx_patient" in step for step in with_it["steps"])
    verdict = at_least(effect, 1.2, said=f"{'used in' if used else 'in no step of'} the plan")
    return costing(verdict, f"the file grows by {100 * (with_it['bytes'] / without['bytes'] - 1):.0f} %")


def partitions(seen: Evidence) -> Verdict | None:
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
    margin = furthest({name: in_units_of(one, matters) for name, (one, matters) in known.items()}, min)
    price = server.times_the_table(seen, "partitions"), server.times_the_table(seen, "covering")
    cost = f"table and indexes are {price[0] / price[1]:.2f}x as large" if price[0] and price[1] else ""
    said = f"the least of {len(known)} effects, as a multiple of what would matter ({margin.named}); {said}"
    return costing(at_least(margin, 1.0, said=said), cost)
