"""How often is identical called different? `python benchmarks/false_positives.py [--comparisons 400] [--write]`.

Tables of twenty comparisons of real aggregators with themselves, as two conditions, through the same code as a report:
`compare`, twelve rounds, a fresh process a round. Nineteen pairs are planted; the twentieth is the table's own judged
pair. The whole rule: the interval holds for a family as large as the table's, is widened by the A/A noise of its
baseline, and excludes 1. Every difference that is found is a false one. The rate is told with its exact interval
(Clopper and Pearson); five to ten minutes on a quiet machine. `--write` puts it into docs/trust.md.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice

import marks
from scipy.stats import binomtest

from carenotes.aggregators import AGGREGATORS
from carenotes.lab.comparison import Comparison, compare, distinct_queries, entry
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.datasets import scratch
from carenotes.lab.runner.measured import Measured
from carenotes.lab.runner.study import Study
from carenotes.lab.statistics.difference import aa_noise, different, family, identical_differ, judged, times
from carenotes.lab.statistics.estimates import LEVEL, family_level, paired_ratio, seconds_each
from carenotes.report.numbers import digits
from carenotes.seeding import SeedSpec

A_TABLE = 20  # comparisons that are counted in each
DESIGN = "covering"
NAMES = ("a", "b")  # of the two that are the same
Pair = tuple[str, int]  # an aggregator, and which of its pairs


@dataclass(frozen=True)
class Compared:
    """A condition with itself: whether it differs by the rule, without the widening, and alone; the table's noise."""

    different: bool
    not_widened: bool
    alone: bool
    noise: float


def one_table(notes: SeededNotes, number: int, rounds: int) -> list[Compared]:
    """Twenty comparisons of identical conditions, with queries and orders of their own."""
    pairs = [(name, place) for place, name in enumerate(islice(cycle(AGGREGATORS), A_TABLE - 1))]
    entries = [entry(notes, DESIGN, name, pair=place, name=one) for name, place in pairs for one in NAMES]
    comparison = Comparison(entries, distinct_queries(notes, number, 1))
    table = compare(Study("false positives", random_seed=number), "table", lambda: comparison, rounds)
    if table.failed:
        raise SystemExit(f"wrong answers: {', '.join(table.failed)}")
    noise, fastest = aa_noise(table), judged(table)
    if noise is None or fastest is None:
        raise SystemExit("a table without its two pairs")
    fastest_rounds = [seconds_each(frame)[table.controls[-1]].tolist() for frame in (table.replicates, table.samples)]
    found = [planted(table, pair, noise) for pair in pairs]
    return [*found, compared(fastest_rounds, family(table), noise, identical_differ(table))]


def planted(table: Measured, pair: Pair, noise: float) -> Compared:
    """One of the pairs that were put in."""
    first, second = (table.of(aggregator=pair[0], pair=pair[1], name=one) for one in NAMES)
    each = seconds_each(table.samples)
    rounds = [each[label].tolist() for label in (second, first)]
    return compared(rounds, family(table), noise, different(times(table, first, second)))


def compared(rounds: Sequence[Sequence[float]], comparisons: int, noise: float, by_rule: bool) -> Compared:
    """What the rule says of the seconds of both by round, and what simpler ones would."""
    together, alone = (
        different(paired_ratio(rounds[0], rounds[1], level)) for level in (family_level(comparisons), LEVEL)
    )
    return Compared(by_rule, together, alone, noise)


def rate(wrong: Sequence[bool]) -> str:
    """How many of how many, with the exact interval."""
    found = binomtest(sum(wrong), len(wrong))
    low, high = found.proportion_ci(method="exact")
    share = 100 * found.statistic
    return f"{sum(wrong)} of {len(wrong)}, {share:.2f} % [{100 * low:.2f}, {100 * high:.2f}]"


def said(every: Sequence[Compared], rounds: int, notes: int, load: float) -> str:
    """The rates as markdown."""
    noises = sorted(one.noise for one in every)
    rows = {
        "the whole rule: the table's family together, widened by its A/A noise": [one.different for one in every],
        "the family together, not widened": [one.not_widened for one in every],
        "each alone at 95 %, not widened (5 % by design)": [one.alone for one in every],
    }
    lines = ["| rule | identical conditions called different |", "| --- | ---: |"]
    lines += [f"| {rule} | {rate(wrong)} |" for rule, wrong in rows.items()]
    low, middle, high = (f"{digits(noises[place])}x" for place in (0, len(noises) // 2, -1))
    about = (
        f"{len(every)} comparisons in {len(every) // A_TABLE} tables of {2 * (A_TABLE - 1)} conditions: "
        f"{', '.join(AGGREGATORS)} on {notes:,} notes, {rounds} rounds. A/A noise from {low} to {high}, in half of "
        f"them below {middle}. {datetime.now(UTC).date()}, {marks.machine()}; load before it began: {load:.1f}."
    )
    return "\n".join([*lines, "", about])


def main(comparisons: int, rounds: int, notes: int, write: bool) -> None:
    """Measure and print."""
    load = os.getloadavg()[0]
    asked = SeededNotes(SeedSpec(notes), scratch(""))
    every: list[Compared] = []
    for number in range(1, 1 + -(-comparisons // A_TABLE)):
        every += one_table(asked, number, rounds)
        wrong = [one for one in every if one.different]
        print(f"{len(every)} of {comparisons}: {len(wrong)} differ", flush=True)  # noqa: T201
    text = said(every, rounds, notes, load)
    print(f"\n{text}")  # noqa: T201
    if write:
        marks.write(marks.TRUST, "false_positives.py", text)


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--comparisons", type=int, default=400)
    given.add_argument("--rounds", type=int, default=12)
    given.add_argument("--notes", type=int, default=20_000)
    given.add_argument("--write", action="store_true")
    main(**vars(given.parse_args()))
