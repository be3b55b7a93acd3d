"""The ledger of claims, and the original's four tables."""

from collections.abc import Callable, Collection, Mapping

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import INCONCLUSIVE, REFUTED, SUPPORTED, Fields, Verdict
from carenotes.original.claims import CLAIMS, ORIGINAL_FIGURES, Claim
from carenotes.report import numbers
from carenotes.report.finding import NOT_MEASURED, Finding
from carenotes.report.runs.profiles import NOTEBOOKS
from carenotes.report.table import FAILED, Table, rounds_note
from carenotes.studies.cache import caches
from carenotes.studies.concurrency.experiment import WARM
from carenotes.studies.one_query.experiment import OPTIMIZED, OURS, PAUSED, UNPAUSED

MARKS = {SUPPORTED: "✓", REFUTED: "✗", INCONCLUSIVE: "?"}


def ledger(found: Mapping[str, Verdict]) -> Table | Finding:
    """Each claim that was decided: what the original report says, what would have mattered, what was seen, the cost."""
    if not found:
        return NOT_MEASURED
    rows = [
        (
            one.id,
            one.says,
            one.matters,
            _seen(verdict) + (f". Contested: {one.contested}." if one.contested else ""),
            f"{MARKS[verdict.word]}\u00a0{verdict.word}{', contested' if one.contested else ''}",
            verdict.cost,
            _again(one),
        )
        for one in CLAIMS
        if (verdict := found.get(one.id)) is not None
    ]
    columns = (
        "claim",
        "the original report says",
        "what would have mattered",
        "what was seen",
        "verdict",
        "its price",
        "--only",
    )
    few = any(verdict.effect and not verdict.effect.interval for verdict in found.values())
    note = "Too few rounds for intervals: nothing that is timed is decided. " if few else ""
    if any(one.contested for one in CLAIMS if one.id in found):
        note += "Contested: an audit found that the verdict rests on something else than the claim says. "
    note += (
        "Intervals hold for all of the ledger together; those of ratios are widened by the A/A noise of their table. "
        "Make one again: carenotes report --only, the last column."
    )
    return Table("The original's claims, decided", columns, rows, note, words=True)


def _again(claim: Claim) -> str:
    """The notebooks that decide a claim, as far as they are there."""
    there = {name[:2] for name in NOTEBOOKS}
    return ",".join(number for number in claim.notebook.split(", ") if number in there)


def _seen(verdict: Verdict) -> str:
    if verdict.effect is None:
        return verdict.said
    kinds: dict[str, Callable[[Estimate], str]] = {
        "speedup": numbers.times,
        "saved": lambda effect: numbers.saved(effect, "{} less time"),
        "seconds": numbers.seconds,
        "exponent": numbers.plain,
    }
    return f"{kinds[verdict.kind](verdict.effect)}: {verdict.said}"


_NOT_IN_THIS_RUN = "what decides it was not measured in this run, or failed"


def not_yet(found: Mapping[str, Verdict], ran: Collection[str] = NOTEBOOKS) -> Table:
    """Each claim that this run does not decide, what would decide it, and why that is not there.

    Those that other notebooks than the ones that `ran` decide are only named.
    """
    left = [one for one in CLAIMS if one.id not in found]
    elsewhere = [one for one in left if not one.untested and not _deciding(one) & {name[:2] for name in ran}]
    rows = [
        (f"{one.id} ({one.notebook})", one.says, one.decided_by, one.untested or _NOT_IN_THIS_RUN)
        for one in left
        if one not in elsewhere
    ]
    columns = ("claim (notebooks)", "the original report says", "what would decide it", "why it is not decided")
    named = ", ".join(f"{one.id} ({one.notebook})" for one in elsewhere)
    note = f"Decided by notebooks that are not in this run: {named}." if named else ""
    return Table("Not yet tested", columns, rows, note, words=True)


def _deciding(claim: Claim) -> set[str]:
    return set(claim.notebook.split(", "))


Row = tuple[str, str, str, str, str]


def original_tables(queries: Mapping[str, Measured], twenty: Measured | None, hits: Measured | None) -> Table | Finding:
    """The original's four tables: claimed, rerun with its pause, rerun without, ours against its original without."""
    rows: list[Row] = []
    for name, one in queries.items():
        rows += _one_table(f"{name} query", ORIGINAL_FIGURES[name], one, OPTIMIZED, OURS, 1)
    if twenty is not None:
        claim = ORIGINAL_FIGURES["concurrent"]
        theirs, ours = ({**one, "cache": WARM} for one in (OPTIMIZED, OURS))
        rows += _one_table("20 at once", claim, twenty, theirs, ours, claim["requests"])
    if hits is not None:
        rows += _hits(hits)
    measured = {name: one for name, one in {**queries, "twenty": twenty, "hits": hits}.items() if one is not None}
    if not rows:
        return NOT_MEASURED
    note = "The claims name no spread, no hardware and no number of rows. " + rounds_note(measured)
    return Table(
        "The original's four tables", ("table", "original", "optimized", "time saved", "the claimed saving"), rows, note
    )


def _one_table(
    name: str, claim: Mapping[str, float], one: Measured, theirs: Fields, ours: Fields, count: int
) -> list[Row]:
    claimed = (_seconds(claim["original_s"]), _seconds(claim["optimized_s"]), f"{claim['saved_percent']} %", "")
    paused, unpaused, optimized, best = (one.of(**fields) for fields in (PAUSED, UNPAUSED, theirs, ours))
    reproduced = _reproduced(one, claim["saved_percent"] / 100, paused, optimized)
    return [
        (f"{name}: claimed", *claimed),
        (f"{name}: rerun with its pause", *_pair(one, paused, optimized, count), reproduced),
        (f"{name}: rerun without the pause", *_pair(one, unpaused, optimized, count), ""),
        (f"{name}: ours against its original without", *_pair(one, unpaused, best, count), ""),
    ]


def _reproduced(one: Measured, claimed: float, slow: str, fast: str) -> str:
    """Whether the claimed share lies within the interval of the rerun; of other hardware neither refutes anything."""
    if not {slow, fast} <= set(one.medians):
        return ""
    found = numbers.less(times(one, fast, slow)).interval
    if found is None:
        return "too few rounds"
    return "reproduced" if found[0] <= claimed <= found[1] else "not reproduced here"


def _pair(one: Measured, slow: str, fast: str, count: int) -> tuple[str, str, str]:
    each = {label: numbers.scale(value, count) for label, value in one.medians.items()}
    shown = [numbers.seconds(each[label]) if label in each else FAILED for label in (slow, fast)]
    if not {slow, fast} <= each.keys():
        return shown[0], shown[1], ""
    return shown[0], shown[1], numbers.saved(times(one, fast, slow))


def _hits(one: Measured) -> list[Row]:
    claim = f"{ORIGINAL_FIGURES['hit']['speedup']:,}x"
    rows: list[Row] = [("a hit: claimed", "", "~0.0000 s", claim, "")]
    each = one.medians
    pairs: dict[str, tuple[Fields, Fields]] = {
        "a hit: rerun with its pause": (PAUSED, {"cache": caches.ORIGINALS}),
        "a hit: rerun without the pause": (UNPAUSED, {"cache": caches.ORIGINALS}),
        "a hit: ours against its original without": (UNPAUSED, {"cache": caches.OURS}),
        "a hit: ours against our best without a cache": (OURS, {"cache": caches.OURS}),
    }
    for name, both in pairs.items():
        slow, fast = (one.of(**fields) for fields in both)
        if {slow, fast} <= each.keys():
            faster = numbers.times(times(one, fast, slow))
            rows.append((name, numbers.seconds(each[slow]), numbers.seconds(each[fast]), faster, ""))
    return rows


def _seconds(value: float) -> str:
    return numbers.seconds(Estimate(value, None, 0))
