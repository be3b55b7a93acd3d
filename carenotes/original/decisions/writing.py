"""What decides the claims about loading notes."""

from carenotes.lab.statistics.verdicts import Evidence, Verdict, at_least, at_most, counted
from carenotes.studies.seed_data import effects as seed_data


def bulk(seen: Evidence) -> Verdict | None:
    """Whether executemany loads faster than add_all."""
    effect = seed_data.of_writer(seen, "executemany", "add_all")
    return None if effect is None else at_least(effect, 1.5, said="the rate of Core's executemany against add_all")


def batch_5000(seen: Evidence) -> Verdict | None:
    """Whether batches of 5,000 are best."""
    best, effect = seed_data.best_batch(seen, "arrow"), seed_data.of_best_batch(seen, "arrow", 5_000)
    if best is None or effect is None:
        return None
    return at_most(effect, 1.1, said=f"batches of {best:,} through Arrow against 5,000")


def progress(seen: Evidence) -> Verdict | None:
    """Whether a progress bar costs next to nothing, and tells of each batch."""
    reports, effect, with_bar = seed_data.reports(seen), seed_data.of_bar(seen), seed_data.with_bar(seen)
    if reports is None or effect is None or with_bar is None:
        return None
    said = f"{reports['reports']} reports for {reports['batches']} batches"
    if reports["reports"] < reports["batches"]:
        return counted(False, said)
    said = f"the time of a load against that of its progress bar, {said}; a load with a bar takes {with_bar.value:.2f}x"
    return at_least(effect, 1 / 0.02, said=said)
