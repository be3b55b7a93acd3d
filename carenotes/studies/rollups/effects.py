"""Named effects of notebook 06: for whoever judges a claim or advises a measure, and knows no experiment."""

from carenotes.lab.conditions import SELECT_1
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.growth import decade
from carenotes.lab.statistics.verdicts import Evidence, Fields
from carenotes.studies.rollups.experiment import GROWING, ISOLATION, NOTEBOOK, growth, on_server, period
from carenotes.studies.rollups.place import ROLLUP
from carenotes.studies.rollups.rivals import RIVALS


def of_pyramid(seen: Evidence, days: int, over: str, *, server: bool = False) -> Estimate | None:
    """The speedup of the pyramid over another aggregator, on queries about so many days; None where it was skipped."""
    name = on_server(days) if server else period(days)
    engine = "postgresql" if server else "sqlite"
    fast, slow = ({"aggregator": one, "engine": engine} for one in ("pyramid", over))
    there = seen.measured(NOTEBOOK, name).every(aggregator=over)
    return seen.speedup(NOTEBOOK, name, fast, slow) if there else None


def of_floor(seen: Evidence, days: int) -> Estimate | None:
    """How many times faster `SELECT 1` is than the pyramid on queries about so many days."""
    floor, pyramid = {"statement": SELECT_1, "engine": "sqlite"}, {"aggregator": "pyramid", "engine": "sqlite"}
    return seen.speedup(NOTEBOOK, period(days), floor, pyramid)


def over_rival(seen: Evidence, days: int, name: str) -> Estimate | None:
    """The speedup of the pyramid over one that holds the notes in memory; None where it was not installed."""
    if name not in {one.name for one in RIVALS}:
        raise LookupError(f"{name}: no such rival; known: {', '.join(one.name for one in RIVALS)}")
    pyramid: Fields = {"aggregator": "pyramid", "engine": "sqlite"}
    there = seen.measured(NOTEBOOK, period(days)).every(held=name)
    return seen.speedup(NOTEBOOK, period(days), pyramid, {"held": name}) if there else None


def _grown(aggregator: str) -> Fields:
    return {"aggregator": aggregator, "engine": "sqlite", "design": ROLLUP}


def sizes(seen: Evidence) -> list[int]:
    """The numbers of notes of the last decade at which the pyramid was measured, from small to large."""
    there = seen.along(NOTEBOOK, growth("notes"), "notes", _grown("pyramid"), [_grown(name) for name in GROWING])
    return decade([*there]) if there else []


def exponent(seen: Evidence, aggregator: str = "pyramid") -> Estimate | None:
    """The scaling exponent of an aggregator over the last decade of the notes."""
    if aggregator not in GROWING:
        raise LookupError(f"{aggregator}: none of those that grow: {', '.join(GROWING)}")
    at = [{**_grown(aggregator), "notes": one} for one in sizes(seen)]
    return seen.exponent(NOTEBOOK, growth("notes"), at)


def wrong(seen: Evidence) -> tuple[str, ...]:
    """The conditions that gave a wrong answer at some number of notes."""
    return seen.measured(NOTEBOOK, growth("notes")).failed


def attacks(seen: Evidence) -> dict[str, int] | None:
    """Attacks on the isolation of tenants, by the pyramid: `queries`, and how many came through (`wrong`)."""
    found: dict[str, int] | None = seen.fact(NOTEBOOK, ISOLATION)
    return found
