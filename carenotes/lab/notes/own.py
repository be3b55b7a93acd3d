"""Somebody's own notes, which are only read, and samples of them, which are ours."""

from functools import cached_property
from pathlib import Path

from sqlalchemy import URL, Engine
from typing_extensions import override

from carenotes import designs
from carenotes.aggregators import NEEDS
from carenotes.backends import BACKENDS, DEFAULT, absolute_url, open_database
from carenotes.lab.notes.copies import Copies, filled_from
from carenotes.lab.notes.nulls import refuse_nulls
from carenotes.lab.notes.stored import AS_IT_IS, Notes
from carenotes.lab.notes.workload import Population, population

OWN_DATABASE = "CARENOTES_DATABASE"  # the variable that may hold the URL, so that no notebook has to name it


class OwnNotes(Notes):
    """Somebody's own database. It is only read, and no index of it is touched."""

    best_design = AS_IT_IS
    are_written = True

    def __init__(self, url: str | URL, folder: Path, sample_notes: int) -> None:
        self._given, self._folder, self._sample_notes = url, folder, sample_notes

    @cached_property
    def _url(self) -> URL:
        return absolute_url(self._given)

    @cached_property
    def _engine(self) -> Engine:
        return open_database(self._url, read_only=True)

    @override
    @property
    def backend(self) -> str:
        """Where a page is made anew there are results, and no database is named."""
        return self._url.get_backend_name() if self._given else DEFAULT

    @override
    def url(self, plan: str) -> URL:
        """There is one plan, the indexes that are there."""
        if plan != AS_IT_IS:
            raise ValueError(f"index plans are tried on a sample of somebody's own notes, not on them: {plan}")
        return self._url

    @override
    def engine(self, plan: str = AS_IT_IS) -> Engine:
        self.url(plan)
        return self._engine

    @override
    def design_for(self, aggregator: str) -> str | None:
        """What is there: nothing is made in somebody's own database."""
        with self._engine.connect() as connection:
            return AS_IT_IS if designs.stands(connection, NEEDS[aggregator].design) else None

    @cached_property
    @override
    def population(self) -> Population:
        refuse_nulls(self._engine)
        with self._engine.connect() as connection:
            return population(connection)

    def sample(self) -> Copies:
        """A copy of the latest notes, on their own engine where there is a place for databases of ours."""
        has_place = BACKENDS[self.backend].place(self._folder, "sample") is not None
        return _Sample(self, self._sample_notes, self._folder, self.backend if has_place else DEFAULT)


class _Sample(Copies):
    def __init__(self, own: OwnNotes, notes: int, folder: Path, backend: str) -> None:
        super().__init__(f"sample-{notes}", folder, backend)
        self._own, self._notes = own, notes

    def _elsewhere(self, backend: str) -> Copies:
        return _SampleElsewhere(self, self._notes, self._folder, backend)

    def resized(self, notes: int) -> "_Sample":
        return _Sample(self._own, notes, self._folder, self.backend)

    def most(self) -> float:
        return self._own.population.notes

    def _fill(self, engine: Engine) -> None:
        filled_from(self._own.engine(), engine, self._notes)


class _SampleElsewhere(Copies):
    """What was sampled, on another engine: the same notes, whatever has been written to their source since."""

    def __init__(self, sample: _Sample, notes: int, folder: Path, backend: str) -> None:
        super().__init__(f"sample-{notes}", folder, backend)
        self._sample = sample

    def _elsewhere(self, backend: str) -> Copies:
        return self._sample.on(backend)

    def resized(self, notes: int) -> Copies:
        return self._sample.resized(notes).on(self.backend)

    def most(self) -> float:
        return self._sample.most()

    def _fill(self, engine: Engine) -> None:
        filled_from(self._sample.engine("none"), engine, self._sample.population.notes)
