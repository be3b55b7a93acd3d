"""What the closed loops of notebook 05 have in common: services about some notes, and clients of theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import cycle, islice

from carenotes.aggregators import Aggregator, pushdown
from carenotes.backends import BACKENDS
from carenotes.lab.comparison import distinct_queries
from carenotes.lab.conditions import Condition, Value, condition
from carenotes.lab.configurations.client import PILOT_QUERIES, a_round
from carenotes.lab.configurations.closed_loop import ClosedLoop, queries_of
from carenotes.lab.configurations.processes import InProcesses
from carenotes.lab.configurations.services import AsyncDriver, InTheLoop, InThreads, MakeService
from carenotes.lab.notes.copies import Copies
from carenotes.lab.notes.oracles import Truth
from carenotes.lab.notes.stored import Notes
from carenotes.lab.runner.experiment import Experiment
from carenotes.queries import StatsQuery

NOTEBOOK = "05_concurrency"
IN_THE_LOOP, THREADS, ASYNC = "sync driver in the loop", "sync driver in threads", "async driver"  # `service`
PROCESSES = "sync driver in processes"
POOL = 4  # connections and threads, where the size of the pool is not the subject
HEAVY_DAYS = 90


def services_of(notes: Notes) -> tuple[str, ...]:
    """The services of one process that can answer about these notes, by name."""
    return (IN_THE_LOOP, THREADS, ASYNC) if BACKENDS[notes.backend].HAS_ASYNC else (IN_THE_LOOP, THREADS)


def service_of(name: str, notes: Notes, aggregator: Aggregator = pushdown, connections: int = POOL) -> MakeService:
    """A service on the best design for the notes."""
    url = notes.url(notes.best_design)
    if name == IN_THE_LOOP:
        return partial(InTheLoop, url, aggregator)
    if name == PROCESSES:
        return partial(InProcesses, url, aggregator, connections)
    return partial(InThreads if name == THREADS else AsyncDriver, url, aggregator, connections)


def on(notes: Notes, backend: str) -> Notes | None:
    """The same notes on an engine; None where there can be none: somebody's own on another, no server to start."""
    if backend == notes.backend:
        return notes
    return notes.on(backend) if isinstance(notes, Copies) and notes.possible_on(backend) else None


def with_server(notes: Notes) -> list[Notes]:
    """The notes, and beside them those of the server that the original report recommends, where there is one."""
    every = dict.fromkeys((notes.backend, "postgresql"))
    return [there for backend in every if (there := on(notes, backend))]


@dataclass(frozen=True)
class Served:
    """How a condition is made: which service answers which queries, and the aggregator that it answers with."""

    service: MakeService
    stream: Sequence[StatsQuery]
    aggregator: Aggregator = pushdown
    heartbeat: bool = False


def condition_of(
    notes: Notes,
    aggregator: str,
    clients: int,
    design: str = "",
    there: Notes | None = None,
    **particular: Value | None,
) -> Condition:
    """The record of clients who ask about these notes, on the best design unless one is named.

    `there` are the same notes on another engine. They are not opened here: some engines let one process have them.
    """
    return condition(
        aggregator=aggregator,
        engine=(there or notes).backend,
        design=design or (there or notes).best_design,
        notes=notes.population.notes,
        clients=clients,
        **particular,
    )


def closed_loops(
    notes: Notes, served: Mapping[Condition, Served], units: int, baseline: Condition | None = None, further: int = 0
) -> Experiment:
    """Services under as many clients as their conditions say, `units` requests a sample."""
    truth = Truth(notes)

    def right(of: Condition, round_number: int, part: int) -> list[str]:
        return [truth.of(query) for query in queries_of(served[of].stream, round_number, part, units)]

    def recheck(of: Condition, round_number: int, part: int, place: int) -> bool:
        query = queries_of(served[of].stream, round_number, part, units)[place]
        return truth.right_in_a_snapshot(served[of].aggregator, query)

    for stream in {id(one.stream): one.stream for one in served.values()}.values():
        truth.hold_oracles_equal(stream[:PILOT_QUERIES])
    makers = {
        of: partial(ClosedLoop, one.service, one.stream, of.clients or 1, units, heartbeat=one.heartbeat)
        for of, one in served.items()
    }
    return Experiment(makers, right, baseline, further, recheck if notes.are_written else None)


def stream_of(notes: Notes, seed: int, days: int, units: int, rounds: int) -> Sequence[StatsQuery]:
    """Distinct queries over `days` days, enough for the pilot and the rounds."""
    return distinct_queries(notes, seed, days)(PILOT_QUERIES + rounds * a_round(units))


def heavy_stream(notes: Notes, units: int, rounds: int) -> Sequence[StatsQuery]:
    """Queries about 90 days of the largest tenant, each without one or two of its facilities.

    There are not many of them: when they are used up, the stream begins again.
    """
    who = notes.population
    tenant = max(who.tenants, key=lambda one: who.tenants[one])
    every, last = who.facilities(tenant), who.last_day
    first = max(who.first_day, last - timedelta(days=HEAVY_DAYS - 1))
    pairs = sorted(
        {tuple(sorted({one, other})) for one in every for other in every}, key=lambda pair: (len(pair), pair)
    )
    lists = [[one for one in every if one not in pair] for pair in pairs]
    distinct = [StatsQuery(tenant, first, last, some) for some in lists if some] or [StatsQuery(tenant, first, last)]
    return list(islice(cycle(distinct), PILOT_QUERIES + rounds * a_round(units)))
