"""Sentences that hold measured numbers: computed here, never typed into a notebook."""

from collections.abc import Sequence
from html import escape

from carenotes.lab.runner.measured import Measured


class Finding:
    """One or a few sentences."""

    def __init__(self, text: str, role: str = "finding") -> None:
        self.text, self._role = text[:1].upper() + text[1:], role

    def _repr_html_(self) -> str:
        kept_together = escape(self.text).replace(" %", "&nbsp;%")
        return f'<p class="{self._role}">{kept_together}</p>'

    def __repr__(self) -> str:
        return self.text


NOT_MEASURED = Finding("Not measured in this run.")
NO_COMPARISON = Finding("No comparison: a condition failed its correctness check.")


def correctness(*experiments: Measured) -> Finding:
    """Whether every condition of the experiments was right, before and while it was timed."""
    failed = sorted({name for one in experiments for name in one.failed})
    if failed:
        return Finding(f"✗ FAILED, a wrong result: {', '.join(failed)}.", "failed")
    count = sum(len(one.right) for one in experiments)
    if not count:
        return Finding(NOT_MEASURED.text, "gate")
    said = (
        "1 condition checked, right every time."
        if count == 1
        else f"{count} conditions checked, each right every time."
    )
    return Finding(f"✓ {said}{_changed(experiments)}", "gate")


def _changed(experiments: Sequence[Measured]) -> str:
    """Of somebody's own notes: whether they were written while they were asked about."""
    changed = sum(one.changed for one in experiments)
    if not changed:
        return ""
    return (
        f" The data changed while it was measured: {changed:,} answers differed from what was right before, and "
        "equalled the oracle's when both were asked again in one snapshot."
    )
