"""What notebook 01 finds, by name, for whoever judges claims."""

from carenotes.lab.statistics.estimates import Estimate
from carenotes.lab.statistics.verdicts import Evidence, Fields
from carenotes.studies.seed_data.experiment import (
    BAR_ALONE,
    LOADING,
    NOTEBOOK,
    PARTS,
    PROGRESS,
    READY_TUPLES,
    WITH_BAR,
    WITHOUT_BAR,
)


def of_writer(seen: Evidence, fast: str, slow: str) -> Estimate | None:
    """The rate of a writer against that of another, each with the batch size at which it is fastest."""
    of_fast, of_slow = best_batch(seen, fast), best_batch(seen, slow)
    if of_fast is None or of_slow is None:
        return None
    return seen.speedup(NOTEBOOK, LOADING, _loaded(fast, of_fast), _loaded(slow, of_slow))


def of_best_batch(seen: Evidence, writer: str, size: int) -> Estimate | None:
    """The rate of a writer with its best batch size against that with `size`; None where that was not tried."""
    best = best_batch(seen, writer)
    if best is None or size not in _seconds(seen, writer):
        return None
    return seen.speedup(NOTEBOOK, LOADING, _loaded(writer, best), _loaded(writer, size))


def _loaded(writer: str, size: int) -> Fields:
    return {"writer": writer, "notes_a_batch": size}


def best_batch(seen: Evidence, writer: str) -> int | None:
    """The notes a batch with which a writer has its highest rate; None when no batch was as small as what it loads."""
    each = _seconds(seen, writer)
    return min(each, key=lambda size: each[size].value) if each else None


def _seconds(seen: Evidence, writer: str) -> dict[int, Estimate]:
    """Seconds a note of a writer, by the notes a batch; none for a batch larger than what it loads."""
    writers: list[Fields] = [{"writer": one} for one in (*PARTS, READY_TUPLES)]
    return seen.along(NOTEBOOK, LOADING, "notes_a_batch", {"writer": writer}, writers)


def of_bar(seen: Evidence) -> Estimate | None:
    """The time of a load against that of its progress bar alone."""
    return seen.speedup(NOTEBOOK, PROGRESS, {"load": BAR_ALONE}, {"load": WITHOUT_BAR})


def with_bar(seen: Evidence) -> Estimate | None:
    """The time of a load with a progress bar against that of one without."""
    return seen.speedup(NOTEBOOK, PROGRESS, {"load": WITHOUT_BAR}, {"load": WITH_BAR})


def reports(seen: Evidence) -> dict[str, int] | None:
    """How a load reports its progress: `batches`, `reports` and the `notes` in these."""
    found: dict[str, int] | None = seen.fact(NOTEBOOK, "progress/reports")
    return found
