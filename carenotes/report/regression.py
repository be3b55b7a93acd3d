"""What the gate found, as a table for a terminal and as JSON."""

from collections.abc import Sequence
from typing import Any

from carenotes.lab.revisions.race import DAYS
from carenotes.lab.revisions.regression import (
    A_AGAIN,
    FAILED,
    FASTER,
    SAME,
    SLOWER,
    UNDECIDED,
    A,
    B,
    Comparison,
    Finding,
)
from carenotes.lab.statistics.estimates import Estimate
from carenotes.report.numbers import digits, seconds, times

_WORDS = (SLOWER, FAILED, FASTER, SAME, UNDECIDED)


def text(compared: Comparison) -> str:
    """What was compared, a row a subject, whether the machine is too noisy, and the sum of it in one line."""
    a, b, settings = compared.a, compared.b, compared.settings
    heads = ("subject", "A", "B", "time of B against A", "A/A noise", "")
    rows = _aligned([heads, *map(_row, compared.findings)]) if compared.findings else []
    lines = [
        f"A: {a.name} ({a.commit}), B: {b.name} ({b.commit})",
        f"{settings.notes:,} notes, queries of {DAYS} days, {settings.rounds} rounds",
        "",
        *rows,
        *(f"{subject}  {FAILED}: {why}" for subject, why in compared.failed.items()),
        "",
    ]
    if compared.noisy:
        lines.append(f"THE MACHINE IS TOO NOISY FOR A VERDICT: A differs from itself by more than {_matters(compared)}")
    return "\n".join([*lines, verdict(compared)])


def verdict(compared: Comparison) -> str:
    """The words and whom they are said of: `slower: pushdown; same: naive, hit (what matters: 1.10x or more)`."""
    named = {word: compared.worded(word) for word in _WORDS}
    said = [f"{word}: {', '.join(subjects)}" for word, subjects in named.items() if subjects]
    return f"{'; '.join(said)} (what matters: {_matters(compared)} or more)"


def as_json(compared: Comparison) -> dict[str, Any]:
    """The same as plain JSON values, with the raw samples: seconds an answer, by side and round."""
    settings = compared.settings
    return {
        "a": {"revision": compared.a.name, "commit": compared.a.commit},
        "b": {"revision": compared.b.name, "commit": compared.b.commit},
        "notes": settings.notes,
        "days": DAYS,
        "rounds": settings.rounds,
        "matters": settings.matters,
        "random_seed": settings.random_seed,
        "noisy": compared.noisy,
        "passed": compared.passed,
        "verdict": verdict(compared),
        "subjects": {one.subject: _finding(one) for one in compared.findings}
        | {subject: {"word": FAILED, "why": why} for subject, why in compared.failed.items()},
    }


def _matters(compared: Comparison) -> str:
    return f"{digits(compared.settings.matters)}x"


def _row(one: Finding) -> tuple[str, ...]:
    return (
        one.subject,
        seconds(one.each(A)),
        seconds(one.each(B)),
        times(one.ratio),
        f"{digits(one.noise)}x",
        one.word,
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "word": one.word,
        "seconds": {"a": _estimate(one.each(A)), "b": _estimate(one.each(B))},
        "b_against_a": _estimate(one.ratio),
        "noise": one.noise,
        "queries_a_sample": one.sampling.queries,
        "times_each": one.sampling.repeats,
        "samples": {"a": list(one.seconds[A]), "b": list(one.seconds[B]), "a_again": list(one.seconds[A_AGAIN])},
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "interval": estimate.interval and list(estimate.interval)}
