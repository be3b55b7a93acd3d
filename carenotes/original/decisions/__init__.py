"""What decides each claim of the original report, from the results of a run.

The decisions stand in modules by what the claims are about.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from carenotes.lab.results.store import Results
from carenotes.lab.statistics.verdicts import Evidence, Verdict
from carenotes.original.decisions import answers, caching, designs, keeping, serving, writing

VERDICTS: Mapping[str, Callable[[Evidence], Verdict | None]] = MappingProxyType(
    {
        "goal": answers.goal,
        "single": answers.single,
        "filtered": lambda seen: answers.single(seen, "filtered"),
        "concurrent-total": serving.concurrent_total,
        "concurrent-each": serving.concurrent_each,
        "hit-time": caching.hit_time,
        "hit-speedup": caching.hit_speedup,
        "index-tenant": lambda seen: designs.index(seen, "naive"),
        "index-date": lambda seen: designs.index(seen, "pushdown"),
        "index-date-as-meant": designs.index_date_as_meant,
        "index-facility": designs.index_facility,
        "index-patient": designs.index_patient,
        "one-pass": answers.one_pass,
        "structures": answers.structures,
        "equality": answers.equality,
        "parameters": answers.parameters,
        "ttl": caching.ttl,
        "keys": caching.keys,
        "no-stampede": caching.no_stampede,
        "double-check": caching.double_check,
        "non-blocking": serving.non_blocking,
        "same-once": serving.same_once,
        "pooled": serving.pooled,
        "partitions": designs.partitions,
        "materialized": keeping.materialized,
        "incremental": keeping.incremental,
        "pool-size": serving.pool_size,
        "postgresql": serving.postgresql,
        "large-data": answers.large_data,
        "bulk": writing.bulk,
        "batch-5000": writing.batch_5000,
        "progress": writing.progress,
    }
)


def verdicts(results: Results) -> dict[str, Verdict]:
    """The verdict on each claim that the results decide, by the claim's id.

    They are decided twice: how many comparisons decide them, and so how wide the intervals must be, is known only then.
    """
    seen = Evidence(results)
    seen.comparisons = max(1, sum(verdict.comparisons for verdict in _decided(seen).values()))
    return _decided(seen)


def _decided(seen: Evidence) -> dict[str, Verdict]:
    found = {name: decide(seen) for name, decide in VERDICTS.items()}
    return {name: verdict for name, verdict in found.items() if verdict is not None}
