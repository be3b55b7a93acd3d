"""What decides the claims about answers that are worked out beforehand and kept: views and incremental updates."""

from carenotes.lab.statistics.verdicts import Evidence, Verdict, at_least, costing, counted, furthest
from carenotes.original.decisions.prices import in_units_of
from carenotes.studies.upkeep import effects as upkeep


def materialized(seen: Evidence) -> Verdict | None:
    """Whether views that are refreshed gain more than they cost."""
    effects = {"over one day": upkeep.of_views(seen, 1), "over 30 days": upkeep.of_views(seen, 30)}
    known = {name: one for name, one in effects.items() if one is not None}
    share, refresh = upkeep.share_of_views(seen), upkeep.seconds_of_views(seen)
    if len(known) < len(effects) or share is None or refresh is None:
        return None
    least = furthest(known, min)
    said = f"materialized views of {upkeep.notes(seen):,} notes against pushdown on the covering index"
    said += f", the lesser of two ({least.named})"
    cost = f"answers as old as the last refresh, which takes {1_000 * refresh.value:,.0f} ms; {share:.2f}x the bytes"
    return costing(at_least(least, 2.0, said=said), f"{cost} of the notes table")


def incremental(seen: Evidence) -> Verdict | None:
    """Judged by the lesser of two effects, each as a multiple of the smallest that would matter."""
    least = {
        "an update after one note": (upkeep.of_refresh_after_one_note(seen), 10.0),
        "a note inserted": (upkeep.of_marking(seen), 1 / 2),
    }
    known = {name: (one, matters) for name, (one, matters) in least.items() if one is not None}
    share = upkeep.share_of_rollup(seen)
    if wrong := upkeep.wrong(seen):
        return counted(False, f"wrong answers: {', '.join(wrong)}")
    if len(known) < len(least) or share is None:
        return None
    margin = furthest({name: in_units_of(one, matters) for name, (one, matters) in known.items()}, min)
    said = f"the lesser of two effects, as a multiple of what would matter ({margin.named})"
    said += "".join(f"; {name} has a speedup of {one.value:.2f}x" for name, (one, _) in known.items())
    said += f"; {upkeep.notes(seen):,} notes, no answer wrong after inserts, corrections and deletes"
    return costing(at_least(margin, 1.0, said=said), f"{share:.2f}x the bytes of the notes table")
