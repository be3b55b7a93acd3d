"""The rollup pyramid: counts and patient sets of each facility and day, and of ever longer times above them.

The aggregators that read it are `rollup` and `pyramid`. `building`, `refreshing` and `verifying` have what the command
line calls; `mark` and `mark_notes` are for whoever changes notes in a way that no trigger sees.
"""

from carenotes.changes import mark, mark_notes

__all__ = ["mark", "mark_notes"]
