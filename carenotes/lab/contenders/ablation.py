"""The fast path with one measure taken away: ways to ask as `pushdown` does, but for one thing."""

from sqlalchemy import Connection

from carenotes.aggregators import pushdown
from carenotes.questions import CareStats, StatsQuery


def on_a_new_connection(connection: Connection, question: StatsQuery) -> CareStats:
    """`pushdown` without a connection that is kept: one is opened and closed for each question."""
    with connection.engine.connect() as fresh:
        fresh.detach()  # from the pool, so that closing it closes it
        return pushdown(fresh, question)


def compiled_anew(connection: Connection, question: StatsQuery) -> CareStats:
    """`pushdown` without SQLAlchemy's memory of compiled statements."""
    return pushdown(connection.execution_options(compiled_cache=None), question)
