"""What follows from raw samples, kept beside them: estimates, ceilings, fits, verdicts."""

from collections.abc import Callable, Mapping
from typing import Any

from carenotes.lab.results.store import Results, ceiling_table, claim_table, estimate_table, fit_table
from carenotes.lab.runner.study import measured
from carenotes.lab.statistics.difference import all_times
from carenotes.lab.statistics.estimates import Estimate, medians
from carenotes.original.claims import CLAIMS
from carenotes.original.decisions import verdicts
from carenotes.studies.one_query.ceilings import UNITS

Fits = Callable[[Results], Mapping[tuple[str, str, str, str], Estimate]]  # by notebook, experiment, subject, parameter


def derive(results: Results, fits: Fits, ceilings: tuple[str, str]) -> None:
    """Compute everything that follows, and keep it. `ceilings` is the notebook and experiment that measured limits."""
    results.derive(estimate_table, [row for key in results.experiments() for row in _estimates(results, *key)])
    results.derive(ceiling_table, _ceilings(results, *ceilings))
    keys = ("notebook", "experiment", "subject", "parameter")
    results.derive(fit_table, [dict(zip(keys, key, strict=True)) | _numbers(one) for key, one in fits(results).items()])
    results.derive(claim_table, _claims(results))


def _estimates(results: Results, notebook: str, experiment: str) -> list[dict[str, Any]]:
    """Of each condition seconds a unit of work, and how many times as fast as the baseline it is."""
    one = measured(results, notebook, experiment)
    key = {"notebook": notebook, "experiment": experiment}
    rows = [
        key | {"condition": name, "kind": "seconds", "rounds": found.rounds} | _numbers(found)
        for name, found in medians(one.samples).items()
    ]
    if one.pairs and one.pairs[0] in medians(one.samples):
        rows += [
            key | {"condition": name, "kind": f"times as fast as {one.pairs[0]}", "rounds": found.rounds}
            | _numbers(found)
            for name, found in all_times(one, one.pairs[0]).items()
            if name != one.pairs[0]
        ]  # fmt: skip
    return rows


def _ceilings(results: Results, notebook: str, experiment: str) -> list[dict[str, Any]]:
    each = medians(measured(results, notebook, experiment).samples)
    return [{"name": name, "unit": f"s/{UNITS.get(name, 'time')}"} | _numbers(one) for name, one in each.items()]


def _claims(results: Results) -> list[dict[str, Any]]:
    """The verdicts; what is counted and not timed has no effect."""
    contested = {one.id: one.contested for one in CLAIMS}
    rows: list[dict[str, Any]] = []
    for name, verdict in verdicts(results).items():
        row: dict[str, Any] = {"claim": name, "verdict": verdict.word, "kind": verdict.kind, "said": verdict.said}
        row["contested"] = contested[name]
        if verdict.effect:
            row |= {"effect": verdict.effect.value, **_numbers(verdict.effect)}
        rows.append(row)
    return rows


def _numbers(estimate: Estimate) -> dict[str, float | None]:
    low, high = estimate.interval or (None, None)
    return {"value": estimate.value, "low": low, "high": high}
