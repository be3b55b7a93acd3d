"""How often is equal called different? `python benchmarks/false_positives.py [--comparisons 400] [--write]`.

Tables of twenty comparisons of real aggregators with themselves, under two names, through the same code as a report:
`compare`, twelve rounds, a fresh process a round. Nineteen pairs are planted; the twentieth is the table's own judged
pair, and its own floor pair gives the noise floor. Every difference that is found is a false one. The rate is told
with its exact interval (Clopper and Pearson); five to ten minutes on a quiet machine. `--write` puts it into
docs/trust.md.
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
from carenotes.lab.datasets import SeededNotes, scratch
from carenotes.lab.estimates import LEVEL, MOST, Estimate, paired_ratio, ratio, seconds_each
from carenotes.lab.ladder import Condition, compare, distinct_questions
from carenotes.lab.study import Measured, Study
from carenotes.lab.trust import differs, judged, noise_floor
from carenotes.report.numbers import digits
from carenotes.seeding import SeedSpec

PLAN = "covering"
NAMES = ("a", "b")  # of the two that are the same


@dataclass(frozen=True)
class Compared:
    """A thing with itself: the ratio in its family, whether it differs alone at 95 %, the floor of its table."""

    found: Estimate
    alone: bool
    floor: float | None


def one_table(notes: SeededNotes, number: int, rounds: int) -> list[Compared]:
    """Twenty comparisons of equal things, with questions and orders of their own."""
    pairs = [f"{name} {place}" for place, name in enumerate(islice(cycle(AGGREGATORS), MOST - 1))]
    conditions = [
        Condition(f"{pair}{one}", AGGREGATORS[pair.split()[0]], notes, PLAN) for pair in pairs for one in NAMES
    ]
    study = Study("false positives", random_seed=number)
    table = compare(study, "table", conditions, distinct_questions(notes, number, 1), rounds=rounds)
    if table.failed:
        raise SystemExit(f"wrong answers: {', '.join(table.failed)}")
    return [*(planted(table, pair) for pair in pairs), the_judged(table)]


def planted(table: Measured, pair: str) -> Compared:
    """One of the pairs that were put in."""
    first, second = (f"{pair}{one}" for one in NAMES)
    each = seconds_each(table.samples)
    alone = paired_ratio(each[second].tolist(), each[first].tolist())
    return Compared(ratio(table.samples, first, second), differs(alone, None), noise_floor(table))


def the_judged(table: Measured) -> Compared:
    """The fastest condition and its twin, which every table of a report has."""
    found, alone = judged(table), judged(table, LEVEL)
    if found is None or alone is None:
        raise SystemExit("a table without a judged pair")
    return Compared(found, differs(alone, None), noise_floor(table))


def rate(wrong: Sequence[bool]) -> str:
    """How many of how many, with the exact interval."""
    found = binomtest(sum(wrong), len(wrong))
    low, high = found.proportion_ci(method="exact")
    share = 100 * found.statistic
    return f"{sum(wrong)} of {len(wrong)}, {share:.2f} % [{100 * low:.2f}, {100 * high:.2f}]"


def said(every: Sequence[Compared], rounds: int, notes: int, load: float) -> str:
    """The rates as markdown."""
    floors = sorted(one.floor for one in every if one.floor)
    rows = {
        "the whole rule: 20 together, and beyond the noise floor": [differs(one.found, one.floor) for one in every],
        "without the floor: 20 together": [differs(one.found, None) for one in every],
        "each alone at 95 %, without the floor (5 % by design)": [one.alone for one in every],
    }
    lines = ["| rule | equal things called different |", "| --- | ---: |"]
    lines += [f"| {rule} | {rate(wrong)} |" for rule, wrong in rows.items()]
    about = (
        f"{len(every)} comparisons in {len(every) // MOST} tables: {', '.join(AGGREGATORS)} on {notes:,} notes, "
        f"{rounds} rounds. Noise floors from {digits(floors[0])}x to {digits(floors[-1])}x, half of them below "
        f"{digits(floors[len(floors) // 2])}x. {datetime.now(UTC).date()}, {marks.machine()}; load before it began: "
        f"{load:.1f}."
    )
    return "\n".join([*lines, "", about])


def main(comparisons: int, rounds: int, notes: int, write: bool) -> None:
    """Measure and print."""
    load = os.getloadavg()[0]
    asked = SeededNotes(SeedSpec(notes), scratch(""))
    every: list[Compared] = []
    for number in range(1, 1 + -(-comparisons // MOST)):
        every += one_table(asked, number, rounds)
        wrong = [one for one in every if differs(one.found, one.floor)]
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
