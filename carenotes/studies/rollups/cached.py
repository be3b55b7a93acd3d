"""Is a cache still worth it? A hit of `QueryCache` beside the pyramid's answer, and beside the database's own."""

from functools import partial

from carenotes.aggregators import AGGREGATORS
from carenotes.lab.conditions import SELECT_1, Condition, Value, condition
from carenotes.lab.configurations.client import PILOT_QUERIES, Client, a_round, parts_of, select_one
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.notes.workload import query_stream
from carenotes.lab.runner.experiment import Experiment
from carenotes.lab.runner.workers import Maker
from carenotes.studies.cache.caches import OURS
from carenotes.studies.cache.hits import FROM_REQUEST, SAME, Hits

HITS = {SAME: 20_000, FROM_REQUEST: 5_000}  # in a sample
ANSWERED = {"pushdown": 4, "pyramid": 64}  # by which aggregator without a cache, and how often in a sample
_SELECTS = 256


def experiment(notes: SeededNotes, random_seed: int, days: int, rounds: int) -> Experiment:
    """One query, over and over: hits by a key that is there, and by one that is made of a request's words."""
    [query] = query_stream(notes.population, random_seed, 1, days)
    url = notes.url(notes.best_design)
    with notes.engine(notes.best_design).connect() as connection:
        answer = AGGREGATORS["naive"](connection, query)
    stream = [query] * (PILOT_QUERIES + rounds * a_round(1))
    there: dict[str, Value] = {"engine": notes.backend, "notes": notes.population.notes}
    makers: dict[Condition, Maker] = {}
    repeats: dict[Condition, int] = {}
    for name, often in ANSWERED.items():
        of = condition(aggregator=name, **there)
        makers[of], repeats[of] = partial(Client, AGGREGATORS[name], url, stream, 1, repeats=often), often
    floor = condition(statement=SELECT_1, **there)
    makers[floor] = partial(Client, select_one, url, stream, 1, repeats=_SELECTS, checked=False)
    for key, hits in HITS.items():
        makers[condition(cache=OURS, key=key, **there)] = partial(Hits, OURS, key, query, answer, hits)

    def right(of: Condition, round_number: int, part: int) -> list[str]:
        answers = repeats[of] * len(parts_of(stream, round_number, part, 1)) if of in repeats else 1
        return [answer.digest()] * answers

    pyramid = condition(aggregator="pyramid", **there)
    return Experiment(makers, right, baseline=pyramid, further=len(HITS))  # hits against pushdown as well
