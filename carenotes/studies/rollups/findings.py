"""Sentences of notebook 06."""

from collections.abc import Iterable, Mapping

from carenotes.backends import engine_name
from carenotes.lab.conditions import SELECT_1
from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import times
from carenotes.lab.statistics.growth import decade, last_decade
from carenotes.report import numbers
from carenotes.report.finding import NO_COMPARISON, NOT_MEASURED, Finding
from carenotes.studies.rollups.place import SERVER
from carenotes.studies.rollups.rivals import ALIKE, SCANS
from carenotes.studies.rollups.sketched import EXACT, REGISTERS, of_registers


def span(days: int) -> str:
    """A period in words."""
    return f"{days} days" if days > 1 else "one day"


def label_of(one: Measured, aggregator: str) -> str | None:
    """The label of an aggregator that has a time; None of one that failed, or was skipped."""
    there = one.medians.keys()
    return next((label for label in one.every(aggregator=aggregator) if label in there), None)


def rivals_of(one: Measured, names: Iterable[str]) -> dict[str, str]:
    """The labels of rivals that have a time, by their names."""
    there = one.medians.keys()
    return {name: label for name in names for label in one.every(held=name) if label in there}


def slow_to_fast(spans: Mapping[int, Measured], on_server: Mapping[int, Measured]) -> Finding:
    """How many times the floor the pyramid takes over each period, and how far the database alone is from it."""
    said = [_above(one, days, "") for days, one in spans.items()]
    said += [_above(one, days, f" on {engine_name(SERVER)}") for days, one in on_server.items()]
    return Finding(" ".join(filter(None, said))) if any(said) else NO_COMPARISON


def _above(one: Measured, days: int, where: str) -> str:
    each, pyramid, pushdown = one.medians, label_of(one, "pyramid"), label_of(one, "pushdown")
    floor = next(iter(one.every(statement=SELECT_1)), None)
    if pyramid is None or floor not in each:
        return ""
    above = numbers.times(numbers.inverse(times(one, pyramid, floor)))
    said = f"{span(days).capitalize()}{where}: the pyramid takes {numbers.seconds(each[pyramid])}, {above} {SELECT_1}"
    if pushdown is not None:
        said += f", with a speedup of {numbers.times(times(one, pyramid, pushdown))} over pushdown"
    return f"{said}."


def rivals(spans: Mapping[int, Measured]) -> Finding:
    """Which raw scan, and which of those that are alike, is the fastest over each period; the pyramid against it."""
    said = [_against(one, days) for days, one in spans.items()]
    return Finding(" ".join(filter(None, said))) if any(said) else NO_COMPARISON


def _against(one: Measured, days: int) -> str:
    each, pyramid = one.medians, label_of(one, "pyramid")
    if pyramid is None:
        return ""
    said = []
    for of, kind in ((SCANS, "raw scan"), (ALIKE, "of those alike")):
        there = rivals_of(one, [rival.name for rival in of])
        if there:
            best = min(there, key=lambda name: each[there[name]].value)
            ratio = times(one, pyramid, there[best])
            over = f"the pyramid's speedup over it {numbers.times(ratio)}"
            if ratio.value < 1:
                over = f"its speedup over the pyramid {numbers.times(numbers.inverse(ratio))}"
            said.append(f"the fastest {kind} is {best}, {over}")
    return f"{span(days).capitalize()}: {'; '.join(said)}." if said else ""


def growth(found: Mapping[str, Measured]) -> Finding:
    """The scaling exponents of the pyramid, and of the database alone, over the last decade of whatever grows."""
    said = [_exponents(one, of) for of, one in found.items()]
    return Finding(" ".join(filter(None, said))) if any(said) else NO_COMPARISON


def _exponents(one: Measured, of: str) -> str:
    exponents = {str(line.aggregator): each for line, each in last_decade(one, of).items()}
    if "pyramid" not in exponents:
        return ""
    sizes = decade([int(size) for size in one.values(of)])
    others = ", ".join(f"{name} {numbers.plain(each)}" for name, each in exponents.items() if name != "pyramid")
    said = f"{of.capitalize()}, from {min(sizes):,} to {max(sizes):,}: the pyramid's scaling exponent is "
    return f"{said}{numbers.plain(exponents['pyramid'])}{f' ({others})' if others else ''}."


def sketches(one: Measured, errors: Mapping[str, Mapping[str, float]], held: Mapping[str, int]) -> Finding:
    """What a sketch of each size saves and costs, against the exact sets."""
    each = one.medians
    exact = one.of(sketch=EXACT)
    if exact not in each:
        return NO_COMPARISON
    a_node = held["patients"] / held["nodes"]
    said = [f"An exact set takes {numbers.size(a_node)} a node, and a query's distinct patients {plain(one, exact)}."]
    for number in REGISTERS:
        name = of_registers(number)
        ratio = numbers.times(numbers.inverse(times(one, one.of(sketch=name), exact)))
        said.append(
            f"{name}: {numbers.digits(number / a_node)}x the bytes, {ratio} the time, and wrong by "
            f"{numbers.percent(errors[name]['root mean square'])} (root mean square)."
        )
    return Finding(" ".join(said))


def plain(one: Measured, label: str) -> str:
    """The median time of a condition."""
    return numbers.seconds(one.medians[label])


def cache(one: Measured) -> Finding:
    """What a hit is worth once the pyramid answers."""
    each = one.medians
    hit = next((label for label in one.every(key="key from a request") if label in each), None)
    pyramid, pushdown = label_of(one, "pyramid"), label_of(one, "pushdown")
    if not each:
        return NOT_MEASURED
    if hit is None or pyramid is None or pushdown is None:
        return NO_COMPARISON
    saved = numbers.scale(each[pyramid], 1 - each[hit].value / each[pyramid].value)
    return Finding(
        f"A hit, its key made of a request's words, takes {numbers.seconds(each[hit])}: a speedup of "
        f"{numbers.times(times(one, hit, pyramid))} over the pyramid, where it was "
        f"{numbers.times(times(one, hit, pushdown))} over pushdown. It saves {numbers.seconds(saved)} of a request, "
        "for answers that may be out of date."
    )
