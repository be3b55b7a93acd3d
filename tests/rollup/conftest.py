from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from carenotes.backends import create_database
from carenotes.designs import prepare
from tests.rollup.kept import note, write


@pytest.fixture
def empty(any_url: str) -> Iterator[Engine]:
    """A database without notes, of each engine in turn."""
    engine = create_database(any_url)
    yield engine
    engine.dispose()


@pytest.fixture
def server(any_url: str) -> Iterator[Engine]:
    """A server's database without notes."""
    if not any_url.startswith("postgresql"):
        pytest.skip("of a server")
    engine = create_database(any_url)
    yield engine
    engine.dispose()


@pytest.fixture
def kept(hearing: Engine) -> Engine:
    """Two notes of tenant 3 on one day in facilities 1 and 2, and a rollup of them."""
    write(hearing, note(1), note(2, facility_id=2, patient_id="p2"))
    prepare(hearing, "rollup")
    return hearing
