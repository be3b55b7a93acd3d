"""What follows from raw samples, kept beside them: estimates, ceilings, fits, verdicts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from carenotes.lab.results.schema import ceiling_table, claim_table, estimate_table, fit_table
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import measured
from carenotes.lab.statistics.difference import all_times
from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Verdict


@dataclass(frozen=True)
class Derivation:
    """What notebooks make of the results of a run, beside estimates.

    `fits` are by notebook, experiment, subject and parameter; `ceilings` by name, each with its unit; `verdicts` by
    claim, and `contested` says of a claim why an audit does not accept its verdict.
    """

    fits: Callable[[Results], Mapping[tuple[str, str, str, str], Estimate]]
    ceilings: Callable[[Results], Mapping[str, tuple[Estimate, str]]]
    verdicts: Callable[[Results], Mapping[str, Verdict]]
    contested: Mapping[str, str]


def derive(results: Results, how: Derivation) -> None:
    """Compute everything that follows, and keep it."""
    results.derive(estimate_table, [row for key in results.experiments() for row in _estimates(results, *key)])
    ceilings = how.ceilings(results).items()
    results.derive(ceiling_table, [{"name": name, "unit": unit} | _numbers(one) for name, (one, unit) in ceilings])
    keys = ("notebook", "experiment", "subject", "parameter")
    fits = how.fits(results).items()
    results.derive(fit_table, [dict(zip(keys, key, strict=True)) | _numbers(one) for key, one in fits])
    results.derive(claim_table, [_claim(name, one, how.contested) for name, one in how.verdicts(results).items()])


def _estimates(results: Results, notebook: str, experiment: str) -> list[dict[str, Any]]:
    """Of each condition seconds a unit of work, and its speedup over the baseline."""
    one = measured(results, notebook, experiment)
    key, each = {"notebook": notebook, "experiment": experiment}, one.medians
    rows = [(name, "seconds", found) for name, found in each.items()]
    if one.controls and one.controls[0] in each:
        speedups = all_times(one, one.controls[0]).items()
        rows += [
            (name, f"speedup over {one.controls[0]}", found) for name, found in speedups if name != one.controls[0]
        ]
    return [
        key | {"condition": name, "kind": kind, "rounds": found.rounds} | _numbers(found) for name, kind, found in rows
    ]


def _claim(name: str, verdict: Verdict, contested: Mapping[str, str]) -> dict[str, Any]:
    """A verdict; what is counted and not timed has no effect."""
    row: dict[str, Any] = {"claim": name, "verdict": verdict.word, "kind": verdict.kind, "said": verdict.said}
    row["contested"] = contested[name]
    return row | ({"effect": verdict.effect.value, **_numbers(verdict.effect)} if verdict.effect else {})


def _numbers(estimate: Estimate) -> dict[str, float | None]:
    low, high = estimate.interval or (None, None)
    return {"value": estimate.value, "low": low, "high": high}
