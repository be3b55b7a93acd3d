"""Notes that are stored somewhere, to ask about, and what makes two runs on them comparable."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import URL, Engine

from carenotes import seeding
from carenotes.backends import backend_of
from carenotes.lab.notes.workload import Population

if TYPE_CHECKING:
    from carenotes.lab.notes.copies import Copies

AS_IT_IS = "as it is"


class Notes(Protocol):
    """Notes to ask about."""

    best_design: str
    are_written: bool  # by others, while we look

    @property
    def backend(self) -> str:
        """The engine of the database, as it is called in a URL."""

    def url(self, plan: str) -> URL:
        """Where the notes are with the indexes of `plan`; they are made if they are not there yet."""

    def engine(self, plan: str) -> Engine:
        """The same, opened for reading."""

    @property
    def population(self) -> Population:
        """Whom one can ask about."""

    def design_for(self, aggregator: str) -> str | None:
        """The design that an aggregator, by its name, is timed on: what it needs, or else what serves queries best.

        None where these notes cannot have what it needs.
        """

    def sample(self) -> "Copies":
        """Notes of which copies with other indexes may be made."""


def facts(notes: Notes) -> dict[str, Any]:
    """Counts, days and digest of the notes, and what a connection to them has: what makes two runs comparable."""
    who = notes.population
    with notes.engine(notes.best_design).connect() as connection:
        digest = seeding.stored_digest(connection)
        indexes = sorted(backend_of(connection).index_names(connection))
        settings = backend_of(connection).settings(connection)
    return {
        "notes": who.notes,
        "tenants": len(who.tenants),
        "facilities": len(who.sizes),
        "first_day": who.first_day.isoformat(),
        "last_day": who.last_day.isoformat(),
        "indexes": ", ".join(indexes) or "none",
        "settings": told(settings),
        "digest": digest,
    }


def told(settings: Mapping[str, str]) -> str:
    """Settings of a connection in one line."""
    return "; ".join(f"{name}: {value}" for name, value in settings.items())


def bytes_of(notes: Notes, plan: str) -> int:
    """The size of the database with the indexes of `plan`."""
    with notes.engine(plan).connect() as connection:
        return backend_of(connection).size(connection)
