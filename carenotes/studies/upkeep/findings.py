"""Sentences of notebook 08."""

from collections.abc import Mapping

from carenotes.backends import engine_name
from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.open_loop.tails import needed, seconds_of
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.estimates import Estimate
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding
from carenotes.studies.upkeep import experiment, stack
from carenotes.studies.upkeep.experiment import READS, WIDE, WIDENED
from carenotes.studies.upkeep.freshness import AGE
from carenotes.studies.upkeep.keeping import LATE, ONE, TODAY
from carenotes.studies.upkeep.price import Price
from carenotes.studies.upkeep.ways import (
    CONCURRENTLY,
    COUNTED,
    INDEX,
    MARKED,
    NOTHING,
    REFRESHED,
    VIEWED,
    WHOLE,
)  # fmt: skip
from carenotes.studies.upkeep.writes import BATCH, ONE_BY_ONE


def _missing(one: Measured) -> Finding | None:
    """What to say where something was not measured, or was wrong."""
    if not one.conditions:
        return NOT_MEASURED
    return NO_COMPARISON if one.failed else None


def writes(measured: Measured) -> Finding:
    """What an insert takes with an index, with changes marked, and with counts kept."""
    if (missing := _missing(measured)) is not None:
        return missing
    said = []
    for engine in map(str, measured.values("engine")):
        of = {"engine": engine, "notes": measured.values("notes")[0]}
        alone, batch = (
            {way: measured.of(**of, kept=way, act=act) for way in (NOTHING, INDEX, MARKED, COUNTED)}
            for act in (ONE_BY_ONE, BATCH)
        )
        index = numbers.times(times(measured, alone[NOTHING], alone[INDEX]))
        marked, counts = (
            f"{numbers.times(times(measured, alone[INDEX], alone[way]))} "
            f"(in a batch {numbers.times(times(measured, batch[INDEX], batch[way]))})"
            for way in (MARKED, COUNTED)
        )
        said.append(
            f"On {engine_name(engine)} the covering index makes the insert of a note take {index} the time; with the "
            f"index there, marking the change takes {marked} that, and keeping reference counts {counts}."
        )
    return Finding(" ".join(said))


def keeping(making: Measured, refreshes: Measured) -> Finding:
    """How fast the rollup is built and refreshed, and what computing views anew takes."""
    for one in (making, refreshes):
        if (missing := _missing(one)) is not None:
            return missing
    said, made, done = [], making.medians, refreshes.medians
    for engine in map(str, making.values("engine")):
        of = {"engine": engine, "notes": making.values("notes")[0]}
        built = made[making.of(**of, kept=MARKED)]
        rate = numbers.rate(numbers.scale(built, 1 / int(of["notes"])), "notes")
        fold = {
            after: numbers.seconds(done[refreshes.of(**of, kept=MARKED, refresh=REFRESHED, after=after)])
            for after in (ONE, TODAY, LATE)
        }
        said.append(
            f"On {engine_name(engine)} the rollup is built at {rate}; its refresh takes {fold[ONE]} after one note, "
            f"{fold[TODAY]} after those of a day and {fold[LATE]} after as many that are spread over all days."
        )
        if refreshes.every(engine=engine, kept=VIEWED):
            one_note = refreshes.of(**of, kept=MARKED, refresh=REFRESHED, after=ONE)
            for how in (WHOLE, CONCURRENTLY):
                label = refreshes.of(**of, kept=VIEWED, refresh=how, after=ONE)
                longer = numbers.times(times(refreshes, one_note, label))
                said.append(f"{how} of the materialized views takes {longer} the time of that after one note.")
    return Finding(" ".join(said))


def reads(spans: Mapping[int, Measured]) -> Finding:
    """What each way gains over the covering index, and what a marked day costs the rollup."""
    for one in spans.values():
        if (missing := _missing(one)) is not None:
            return missing
    said = []
    for engine in map(str, next(iter(spans.values())).values("engine")):
        parts = []
        for days, one in spans.items():
            place = {"engine": engine, "notes": one.values("notes")[0]}
            base = one.of(aggregator="pushdown", design="covering", kept=INDEX, **place)
            gained = [
                f"{each.get('kept')} {numbers.times(times(one, label, base))}"
                for label, each in one.every(engine=engine).items()
                if label != base and not each.get("today")
            ]
            marked, clean = (
                one.of(aggregator="pyramid", design="covering", kept=MARKED, **place, **today)
                for today in ({"today": experiment.MARKS}, {})
            )
            longer = numbers.times(times(one, clean, marked))
            parts.append(
                f"over {days} day{'s' if days > 1 else ''} {', '.join(gained)}; while the last day is marked, and "
                f"answered from notes, the pyramid takes {longer} the time"
            )
        said.append(f"The speedup over pushdown on the covering index, on {engine_name(engine)}: {'; '.join(parts)}.")
    return Finding(" ".join(said))


def prices(found: Mapping[tuple[str, str], Price]) -> Finding:
    """After how many queries a note is paid back."""
    if not found:
        return NO_COMPARISON
    said = []
    for (engine, way), price in found.items():
        spans = [f"{_queries(price.queries(days))} over {days} day{'s' if days > 1 else ''}" for days in READS]
        said.append(f"{engine_name(engine)}, {way}: {', '.join(spans)}")
    return Finding(f"How many queries pay back what one note costs. {'; '.join(said)}.")


def _queries(number: float | None) -> str:
    return "never" if number is None else numbers.digits(max(1.0, number))


def freshness(measured: Measured) -> Finding:
    """How old answers are where something is refreshed, and where nothing has to be."""
    if (missing := _missing(measured)) is not None:
        return missing
    fresh = [label for label, one in measured.conditions.items() if one.get("kept") != VIEWED]
    oldest = max(_longest(measured, label) for label in fresh)
    said = f"Where a write does it all, or what it marked is answered from notes, a note shows after {_short(oldest)} "
    said += "at most, refreshed or not."
    for label, one in measured.every(kept=VIEWED).items():
        half = float(seconds_of(measured.latencies, label, AGE).median())
        said += f" By {one.get('refresh')} of materialized views at intervals it shows after {_short(half)} in the "
        said += f"median, and after {_short(_longest(measured, label))} at most."
    return Finding(said)


def _longest(measured: Measured, label: str) -> float:
    return float(seconds_of(measured.latencies, label, AGE).max())


def _short(seconds: float) -> str:
    return numbers.seconds(Estimate(seconds, None, 0))


def readers(measured: Measured) -> Finding:
    """The p99 of readers by way, where the samples carry it."""
    if (missing := _missing(measured)) is not None:
        return missing
    said = []
    for engine in map(str, measured.values("engine")):
        parts = []
        for label, one in measured.every(engine=engine).items():
            found = seconds_of(measured.latencies, label, LATENCY)
            how = " while it is refreshed" if one.get("refresh") else ""
            if len(found) >= needed(99):
                parts.append(f"{one.get('kept')}{how} {_short(float(found.quantile(0.99)))}")
        said.append(f"{engine_name(engine)}: {', '.join(parts) or 'too few queries to tell'}")
    return Finding(f"The p99 of readers while one other writes. {'; '.join(said)}.")


def wide(read: Measured, written: Measured) -> Finding:
    """What the covering index gains and costs with a text and without."""
    for one in (read, written):
        if (missing := _missing(one)) is not None:
            return missing
    said = []
    for characters in (WIDE, 0):
        of = {"engine": read.values("engine")[0], "notes": read.values("notes")[0], "characters": characters}
        asked = [read.of(aggregator="pushdown", design=design, **of) for design in WIDENED]
        put = [written.of(design=design, **of) for design in WIDENED]
        gained, cost = times(read, asked[1], asked[0]), times(written, put[0], put[1])
        said.append(
            f"with {characters} characters a query has a speedup of {numbers.times(gained)} and an insert takes "
            f"{numbers.times(cost)} the time"
        )
    return Finding(f"By the covering index, {'; '.join(said)}.")


def ablation(measured: Measured) -> Finding:
    """What each measure gains alone, and what is lost without it."""
    if (missing := _missing(measured)) is not None:
        return missing
    base, full = (stack.label(measured, of) for of in (stack.NONE_OF_THEM, stack.FULL_STACK))
    said = []
    for measure, of in stack.ALONE.items():
        alone = numbers.times(times(measured, stack.label(measured, of), base))
        last = "later a part of the tree"
        if measure in stack.TAKEN_AWAY:
            left = stack.label(measured, stack.TAKEN_AWAY[measure])
            last = f"without it all take {numbers.times(times(measured, full, left))} the time"
        said.append(f"{measure}: alone {alone}, {last}")
    whole = numbers.times(times(measured, full, base))
    return Finding(f"All measures together have a speedup of {whole} over none. Of each measure: {'; '.join(said)}.")
