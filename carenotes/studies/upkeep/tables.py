"""Tables of notebook 08."""

from collections.abc import Mapping

from carenotes.backends import engine_name
from carenotes.designs import title
from carenotes.lab.configurations.services import LATENCY
from carenotes.lab.configurations.writers import WRITE_LATENCY
from carenotes.lab.open_loop.tails import needed, seconds_of
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.estimates import Estimate
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding
from carenotes.report.table import FAILED, Table, compared, rounds_note
from carenotes.studies.upkeep import stack
from carenotes.studies.upkeep.experiment import ACTS, READS, WIDE, WIDENED
from carenotes.studies.upkeep.freshness import AGE
from carenotes.studies.upkeep.keeping import ONE
from carenotes.studies.upkeep.price import Price
from carenotes.studies.upkeep.ways import COUNTED, INDEX, MARKED, NOTHING

COUNTS_WRITTEN = (NOTHING, INDEX, MARKED, COUNTED)


def writes(measured: Measured) -> Table | Finding:
    """What a note takes that is written, by what is kept beside it; against the covering index alone."""
    if not measured.conditions:
        return NOT_MEASURED
    rows = []
    for engine in map(str, measured.values("engine")):
        for act in ACTS:
            labels = {way: measured.of(engine=engine, **_sized(measured), kept=way, act=act) for way in COUNTS_WRITTEN}
            cells = [compared(measured, labels[way], labels[INDEX], slower=True) for way in COUNTS_WRITTEN]
            row = [cells[0][0], cells[1][0], *cells[2], *cells[3]]
            rows.append([f"{engine_name(engine)}: {act}", *row])
    columns = ["a note", "no index", "covering index", "changes marked", "over the index"]
    note = "In a transaction that is then taken back: the database's work, without making it permanent. "
    return Table("A write, by what is kept: median time a note", [*columns, "reference counts", columns[-1]], rows,
                 note + rounds_note({"": measured}))  # fmt: skip


def _sized(measured: Measured) -> dict[str, int]:
    """The field that all conditions have alike, by which one of them is named."""
    [notes] = measured.values("notes")
    return {"notes": int(notes)}


def keeping(making: Measured, refreshes: Measured, waiting: int) -> Table | Finding:
    """What is made once, and what is done again and again."""
    if not making.conditions or not refreshes.conditions:
        return NOT_MEASURED
    rows = []
    for label, one in making.conditions.items():
        rows.append([f"{engine_name(str(one.engine))}: {one.get('kept')}, made", *_rate(making, label, one.notes or 1)])
    for label, one in refreshes.conditions.items():
        notes = 1 if one.get("after") == ONE else waiting
        said = f"{engine_name(str(one.engine))}: {one.get('kept')}, {one.get('refresh')} after {one.get('after')}"
        rows.append([said, *_rate(refreshes, label, notes)])
    note = f"After notes of today or of all days: {waiting:,} of them. "
    return Table("What is done beside the writes", ("what", "takes", "notes"), rows,
                 note + rounds_note({"": making, " ": refreshes}))  # fmt: skip


def _rate(one: Measured, label: str, notes: int) -> list[str]:
    each = one.medians
    if label not in each:
        return [FAILED, ""]
    rate = numbers.rate(numbers.scale(each[label], 1 / notes), "notes") if notes > 1 else ""
    return [numbers.seconds(each[label]), rate]


def reads(spans: Mapping[int, Measured]) -> Table | Finding:
    """What a query takes by each way, and its speedup over the covering index."""
    if not all(one.conditions for one in spans.values()):
        return NOT_MEASURED
    first = next(iter(spans.values()))
    rows = []
    for one in first.conditions.values():
        today = f", {one.get('today')}" if one.get("today") else ""
        row = [f"{engine_name(str(one.engine))}: {one.get('kept')}{today}"]
        for measured in spans.values():
            label = next(found for found, each in measured.conditions.items() if each == one)
            base = measured.of(aggregator="pushdown", engine=one.engine, design="covering", kept=INDEX, notes=one.notes)
            row += compared(measured, label, base)
        rows.append(row)
    said = {1: "the last day", **{days: f"the last {days} days" for days in READS if days > 1}}
    columns = ["what is kept", *(word for days in spans for word in (said[days], "speedup"))]
    note = rounds_note({str(days): one for days, one in spans.items()})
    return Table("A query, by what is kept: median time", columns, rows, note)


def prices(found: Mapping[tuple[str, str], Price], sizes: Mapping[str, Mapping[str, int]]) -> Table | Finding:
    """What each way takes of the disk, what one note costs it, and how many queries pay that back."""
    if not found:
        return NO_COMPARISON
    rows = []
    for (engine, way), price in found.items():
        share = numbers.percent(sizes[engine][way] / sizes[engine][NOTHING])
        paid = [_queries(price.queries(days)) for days in READS]
        rows.append([f"{engine_name(engine)}: {price.said}", share, _short(price.cost), *paid])
    columns = ["what is kept", "bytes, of the notes table", "one note costs"]
    columns += [f"queries, {days} day{'s' if days > 1 else ''}" for days in READS]
    note = (
        "What one note costs: what its insert takes more than with the covering index alone, and bringing up to date "
        "what is kept after that one note. Queries that pay it back: that cost by what one gains "
        "over the covering index. Bytes "
        f"with their indexes, beside the covering index, which takes {_index_share(sizes)} of the notes table."
    )
    return Table("What each way costs, and when it is paid back", columns, rows, note)


def _index_share(sizes: Mapping[str, Mapping[str, int]]) -> str:
    shares = {engine: numbers.percent(one[INDEX] / one[NOTHING]) for engine, one in sizes.items()}
    return " and ".join(f"{share} ({engine_name(engine)})" for engine, share in shares.items())


def _queries(number: float | None) -> str:
    return "never" if number is None else numbers.digits(number) if number >= 1 else "less than 1"


def _short(seconds: float) -> str:
    return numbers.seconds(Estimate(seconds, None, 0))


def freshness(measured: Measured, interval_milliseconds: int) -> Table | Finding:
    """How old an answer is by each way."""
    if not measured.conditions:
        return NOT_MEASURED
    rows = []
    for label, one in measured.conditions.items():
        ages = seconds_of(measured.latencies, label, AGE)
        how = f", {one.get('refresh')}" if one.get("refresh") else ""
        shown = [_short(float(ages.quantile(0.5))), _short(float(ages.max()))] if len(ages) else [FAILED, ""]
        rows.append([f"{engine_name(str(one.engine))}: {one.get('kept')}{how}", *shown, f"{len(ages):,}"])
    note = (
        f"From the commit of a note to the first answer that shows it, of all rounds together. What is refreshed is so "
        f"{interval_milliseconds} ms after the last time."
    )
    return Table("How old answers are", ("what is kept", "median", "longest", "notes"), rows, note)


def readers(measured: Measured, milliseconds: int) -> Table | Finding:
    """Throughput and percentiles of readers while one other writes."""
    if not measured.conditions:
        return NOT_MEASURED
    each, rows = measured.medians, []
    for label, one in measured.conditions.items():
        how = f", {one.get('refresh')}" if one.get("refresh") else ""
        said = f"{engine_name(str(one.engine))}: {one.get('kept')}{how}"
        if label not in each:
            rows.append([said, FAILED, "", "", "", ""])
            continue
        read = [_percentile(measured, label, per_cent, LATENCY) for per_cent in (50, 99)]
        wrote = [_percentile(measured, label, per_cent, WRITE_LATENCY) for per_cent in (50, 99)]
        rows.append([said, numbers.a_second(each[label]), *read, *wrote])
    columns = ("what is kept", "queries", "p50", "p99", "p50 of a write", "p99")
    note = (
        f"Two readers, one writer of ten notes a transaction, each a process in a closed loop; percentiles are of all "
        f"rounds together, and a p99 needs {needed(99):,} requests. A sample lasts {milliseconds} ms. "
    )
    return Table("Readers while one other writes", columns, rows, note + rounds_note({"": measured}))


def _percentile(measured: Measured, label: str, per_cent: float, kind: str) -> str:
    found = seconds_of(measured.latencies, label, kind)
    if len(found) < needed(per_cent):
        return f"too few; longest {_short(float(found.max()))}" if len(found) else "none"
    return _short(float(found.quantile(per_cent / 100)))


def wide(read: Measured, written: Measured) -> Table | Finding:
    """A query and an insert, where notes have a text and where they have none."""
    if not read.conditions or not written.conditions:
        return NOT_MEASURED
    rows = []
    for characters in (0, WIDE):
        of = {"engine": read.values("engine")[0], "notes": read.values("notes")[0], "characters": characters}
        for design in WIDENED:
            asked, base = (read.of(aggregator="pushdown", design=one, **of) for one in (design, WIDENED[0]))
            put, without = (written.of(design=one, **of) for one in (design, WIDENED[0]))
            cells = [*compared(read, asked, base), *compared(written, put, without, slower=True)]
            rows.append([f"{characters} characters, {title(design)}", *cells])
    columns = ("text of a note", "a query by pushdown", "speedup", "a note inserted", "time without the index")
    return Table("Wide rows and a covering index", columns, rows, rounds_note({"r": read, "w": written}))


def stacks(measured: Measured) -> Table | Finding:
    """All measures one after the other: seconds a query, and against none of them."""
    first = stack.NONE_OF_THEM
    if not measured.conditions:
        return NOT_MEASURED
    base = stack.label(measured, first)
    rows = []
    for said, of in {"none of them: naive, no index": first, **stack.ADDED}.items():
        label = stack.label(measured, of)
        before = "+ " if of != first else ""
        rows.append([f"{before}{said}", *compared(measured, label, base)])
    return Table("Measures added one after the other", ("measure", "a query", "speedup over none"), rows,
                 rounds_note({"": measured}))  # fmt: skip


def ablation(measured: Measured) -> Table | Finding:
    """What each measure gains alone, and what is lost when it alone is taken from all of them."""
    if not measured.conditions:
        return NOT_MEASURED
    base, full = (stack.label(measured, of) for of in (stack.NONE_OF_THEM, stack.FULL_STACK))
    rows = []
    for measure in stack.MEASURES:
        row = compared(measured, stack.label(measured, stack.ALONE[measure]), base)
        if measure in stack.TAKEN_AWAY:
            left = stack.label(measured, stack.TAKEN_AWAY[measure])
            row += compared(measured, left, full, slower=True)
        else:
            row += ["in the tree", ""]
        rows.append([measure, *row])
    columns = ("measure", "alone", "speedup over none", "all without it", "time of all")
    note = (
        "The tree alone stands on its leaves; without the leaves there is no tree either. What it reads of notes, "
        "it has the database group: there is no pushdown to be taken from it. "
    )
    return Table("What each measure gains, alone and last", columns, rows, note + rounds_note({"": measured}))
