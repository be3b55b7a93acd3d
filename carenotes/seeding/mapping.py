"""Which column of somebody's file is which of ours."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from carenotes.errors import Refused

NEEDED = ("tenant_id", "facility_id", "patient_id", "category", "priority", "created_at")
OPTIONAL = ("created_by", "note_text")


def parse_mapping(pairs: Iterable[str]) -> dict[str, str]:
    """The pairs OURS=THEIRS of the command line."""
    given: dict[str, str] = {}
    for pair in pairs:
        ours, sign, theirs = pair.partition("=")
        if not (ours and sign and theirs):
            raise Refused(f"--map {pair}: allowed: OURS=THEIRS, such as tenant_id=client")
        if ours in given:
            raise Refused(f"--map {pair}: {ours} is mapped to {given[ours]} already; allowed: once")
        given[ours] = theirs
    return given


def resolved(file: Path, names: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Ours to theirs, in our order: what is given, then the columns that have our names. Raises Refused."""
    there = _listed(names)
    for ours, theirs in given.items():
        if ours not in NEEDED + OPTIONAL:
            raise Refused(f"{ours}: not a column of ours; allowed: {', '.join(NEEDED + OPTIONAL)}")
        if theirs not in names:
            raise Refused(f"{file}: has no column {theirs} to map {ours} to; it has {there}")
    taken = set(given.values())
    wanted = dict(given)
    for ours in NEEDED + OPTIONAL:
        # A column of ours that we can do without steps back when its namesake is meant for another.
        if ours not in given and ours in names and not (ours in OPTIONAL and ours in taken):
            wanted[ours] = ours
        if ours in NEEDED and ours not in wanted:
            raise Refused(f"{file}: has no column {ours}; map one with --map {ours}=THEIRS; it has {there}")
    ordered = {ours: wanted[ours] for ours in NEEDED + OPTIONAL if ours in wanted}
    _refuse_shared(file, ordered)
    return ordered


def _refuse_shared(file: Path, wanted: Mapping[str, str]) -> None:
    owners: dict[str, str] = {}
    for ours, theirs in wanted.items():
        if theirs in owners:
            raise Refused(f"{file}: column {theirs} is meant for {owners[theirs]} and {ours}; allowed: one of them")
        owners[theirs] = ours


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown
