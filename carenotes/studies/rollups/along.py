"""Comparisons of the same conditions over several periods, seen as one whose conditions have a number of days."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from carenotes.lab.conditions import Condition, labels
from carenotes.lab.runner.measured import Measured


def along_days(found: Mapping[int, Measured]) -> Measured:
    """The samples of all of them. What failed in one has no time there; ratios are taken in each, and not here."""
    every = {(days, label): _on(one, days) for days, of in found.items() for label, one in of.conditions.items()}
    by_record = {one: label for label, one in labels(every.values()).items()}
    renamed = {key: by_record[one] for key, one in every.items()}
    samples = pd.concat(
        [of.samples.assign(condition=[renamed[days, label] for label in of.samples["condition"]])
         for days, of in found.items()],
        ignore_index=True,
    )  # fmt: skip
    failed = tuple(renamed[days, label] for days, of in found.items() for label in of.failed)
    conditions = {by_record[one]: one for one in every.values()}
    return Measured(samples, pd.DataFrame(), failed=failed, conditions=conditions)


def _on(one: Condition, days: int) -> Condition:
    return replace(one, particular=(*one.particular, ("days", days)))
