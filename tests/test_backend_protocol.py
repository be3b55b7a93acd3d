"""Every engine does what the Protocol `Backend` says.

A new engine is found by its module. Of where a database lies nothing is assumed: it may be a server's.
"""

import asyncio
import importlib.util
import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Thread
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
import sqlalchemy as sa
from sqlalchemy import URL, Engine, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneIsFree

from carenotes import Failed, Refused
from carenotes.backends import BACKENDS, backend_of, create_database, new_place, open_database, parsed
from carenotes.backends.backend import Backend
from carenotes.designs import DESIGNS, design, prepare
from carenotes.models import Base, CareNote
from carenotes.seeding import SeedSpec, load
from carenotes.statements import statements_only

ATTRIBUTES = get_type_hints(Backend)
METHODS = {name: one for name, one in vars(Backend).items() if inspect.isfunction(one) and not name.startswith("_")}
SPEC = SeedSpec(300, tenants=2, facilities=2, patients=3, days=5)
SECRETS = ("somebody", "s3cret", "hidden", "0pt10n")

every = pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS)
Places = Callable[[str], URL]


@pytest.fixture
def place(any_url: str) -> URL:
    """Where a database can be that is not there yet, of each engine in turn."""
    return parsed(any_url)


@pytest.fixture
def backend(place: URL) -> Backend:
    return BACKENDS[place.get_backend_name()]


@pytest.fixture
def others(place: URL, backend: Backend, tmp_path: Path) -> Iterator[Places]:
    """Other places by name; what is there is removed."""
    given = []

    def other(name: str) -> URL:
        given.append(new_place(tmp_path, name, place.get_backend_name()))
        return given[-1]

    yield other
    for one in given:
        backend.drop(one)


@pytest.fixture
def seeded_place(place: URL) -> URL:
    """Notes of each engine in turn, which nobody has open."""
    engine = create_database(place)
    load(engine, SPEC)
    engine.dispose()
    return place


@pytest.fixture
def engine(seeded_place: URL) -> Iterator[Engine]:
    opened = open_database(seeded_place)
    yield opened
    opened.dispose()


def count(where: URL | Engine) -> int:
    engine = where if isinstance(where, Engine) else open_database(where, read_only=True)
    with engine.connect() as connection:
        found = connection.execute(select(func.count()).select_from(CareNote)).scalar_one()
    if engine is not where:
        engine.dispose()
    return int(found)


def note(number: int) -> dict[str, Any]:
    moment = datetime(2026, 1, 2, 12)  # noqa: DTZ001 - as it is kept
    who = {"tenant_id": 1, "facility_id": 1, "patient_id": "p", "created_by": "s"}
    return {"id": number, **who, "category": "treatment", "priority": 1, "created_at": moment}


# What is there


def is_plain_word(value: Any) -> bool:
    """Whether a value is what is said instead of an engine's words, and of which kind the error is."""
    return len(value) == 2 and value[0] in (Refused, Failed) and isinstance(value[1], str)


def is_of(value: object, kind: Any) -> bool:
    """Whether a value is of a type as it is written in the Protocol."""
    of, parts = get_origin(kind), get_args(kind)
    if of is tuple:
        return isinstance(value, tuple) and parts[1] is ... and all(is_of(one, parts[0]) for one in value)
    if of is Mapping:
        values = is_plain_word if get_args(parts[1])[0] is not str else partial(is_of, kind=parts[1])
        return isinstance(value, Mapping) and all(is_of(key, parts[0]) and values(one) for key, one in value.items())
    assert of is None
    assert not isinstance(kind, UnionType)
    return type(value) is kind


@every
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_engine_has_each_attribute_with_its_type(backend: Backend, name: str) -> None:
    assert is_of(getattr(backend, name), ATTRIBUTES[name])


@every
@pytest.mark.parametrize("name", METHODS)
def test_an_engine_has_each_method_with_its_parameters(backend: Backend, name: str) -> None:
    def parameters(of: Any) -> list[tuple[str, Any, Any]]:
        return [(one.name, one.kind, one.default) for one in inspect.signature(of).parameters.values()]

    assert parameters(getattr(backend, name)) == parameters(METHODS[name])[1:]


@pytest.mark.parametrize("name", BACKENDS)
def test_what_an_engine_tells_of_itself_is_so(name: str) -> None:
    backend = BACKENDS[name]
    assert backend.IS_ENGINE
    assert [one.NAME for one in BACKENDS.values()].count(backend.NAME) == 1
    assert backend_of(backend.EXAMPLE) is backend
    assert design(backend.BEST_DESIGN) in DESIGNS.values()
    assert all(importlib.util.find_spec(module) for module in backend.LOADS_LATE)
    assert [words for words in backend.SAYS if words != words.lower()] == []


# Where it is


def test_a_place_is_a_url_of_the_engine_and_of_two_folders_or_names_there_are_two(
    place: URL, backend: Backend, tmp_path: Path
) -> None:
    name = "aZ09-_.x"
    found = [backend.place(folder, one) for folder in (tmp_path, tmp_path / "x") for one in (name, name + "2")]
    assert len({one and one.render_as_string(hide_password=False) for one in found}) == 4
    for one in found:
        assert one is not None
        assert backend_of(parsed(one)) is backend
        assert not backend.exists(backend.absolute(one))


def test_a_database_is_there_from_when_it_is_made_until_it_is_dropped_and_asking_makes_none(
    place: URL, backend: Backend
) -> None:
    assert not backend.exists(place)
    with pytest.raises(Refused, match="no such database"):
        open_database(place)
    assert not backend.exists(place)
    engine = create_database(place)
    assert backend.exists(place)
    assert backend.exists(engine.url)
    engine.dispose()
    backend.drop(place)
    assert not backend.exists(place)
    backend.drop(place)  # there is none


@pytest.mark.parametrize("read_only", [True, False])
def test_an_engine_that_is_not_to_make_a_database_makes_none(place: URL, backend: Backend, read_only: bool) -> None:
    with pytest.raises((Refused, DBAPIError)):
        backend.engine(place, read_only=read_only, create=False).connect()
    assert not backend.exists(place)


def test_nothing_is_left_of_a_database_that_is_dropped(seeded_place: URL, backend: Backend, tmp_path: Path) -> None:
    assert count(seeded_place) == 300  # who only reads may lay files beside it that it cannot remove
    backend.drop(seeded_place)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_told_by_engines_whose_database_is_one(seeded_place: URL, backend: Backend) -> None:
    file = backend.file(seeded_place)
    assert file is None or file.is_file()
    engine = open_database(seeded_place, read_only=True)
    assert backend.file(engine.url) == file
    engine.dispose()


def test_an_absolute_url_names_the_same_database_from_any_folder(
    seeded_place: URL, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = backend.file(seeded_place)
    given = seeded_place if file is None else seeded_place.set(database=os.path.relpath(file))
    found = backend.absolute(given)
    monkeypatch.chdir("/")
    assert backend_of(found) is backend
    assert backend.absolute(found) == found
    assert count(found) == 300


@every
@pytest.mark.parametrize("host", [None, "db.example"])
def test_what_is_shown_of_a_url_is_no_user_no_password_and_no_option(backend: Backend, host: str | None) -> None:
    named = parsed(backend.EXAMPLE)
    user, password, option, value = SECRETS
    given = named.set(username=user, password=password, host=host or named.host, query={option: value})
    for one in (given, backend.absolute(given)):
        shown = backend.shown(one)
        assert "notes" in shown
        assert [secret for secret in SECRETS if secret in shown] == []


def test_the_url_of_an_engine_is_shown_as_that_of_its_database(engine: Engine, place: URL, backend: Backend) -> None:
    assert backend.shown(engine.url) == backend.shown(place)


@every
@pytest.mark.parametrize("host", [None, "db.example"])
def test_a_url_that_names_no_database_is_refused_without_telling_what_it_holds(
    backend: Backend, host: str | None
) -> None:
    example = parsed(backend.EXAMPLE)
    backend.check(example)
    user, password, option, value = SECRETS
    nothing = URL.create(example.drivername, user, password, host, query={option: value})
    with pytest.raises(Refused) as refused:
        backend.check(nothing)
    assert [secret for secret in SECRETS if secret in str(refused.value)] == []


# Engines


def test_an_engine_for_reading_reads_and_does_not_write(seeded_place: URL, backend: Backend) -> None:
    engine = backend.engine(seeded_place, read_only=True, create=False)
    assert count(engine) == 300
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(delete(CareNote))
    assert count(engine) == 300
    engine.dispose()


def test_a_transaction_sees_one_state_whatever_others_write(
    engine: Engine, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carenotes.backends.sqlite.BUSY_TIMEOUT", 0.01)  # it does not let the other write
    writer = backend.engine(engine.url, read_only=False, create=False)
    with engine.connect() as connection:
        before = connection.execute(select(func.count()).select_from(CareNote)).scalar()
        try:
            with writer.begin() as other:
                other.execute(insert(CareNote), [note(1_000)])
        except DBAPIError:
            written = 0
        else:
            written = 1
        assert connection.execute(select(func.count()).select_from(CareNote)).scalar() == before
    assert count(engine) == 300 + written
    writer.dispose()


@pytest.mark.parametrize("size", [1, 3])
def test_a_pool_reads_over_so_many_connections_and_no_more(seeded_place: URL, backend: Backend, size: int) -> None:
    pool = backend.pool(seeded_place, size)
    held = [pool.connect() for _ in range(size)]
    assert {one.execute(select(func.count()).select_from(CareNote)).scalar() for one in held} == {300}
    pool.pool._timeout = 0.001  # type: ignore[attr-defined] # until it is told that there is none
    with pytest.raises(NoneIsFree):
        pool.connect()
    with pytest.raises(DBAPIError):
        held[0].execute(delete(CareNote))
    for one in held:
        one.close()
    pool.dispose()


def test_an_async_pool_is_given_where_there_is_one(seeded_place: URL, backend: Backend) -> None:
    if not backend.HAS_ASYNC:
        with pytest.raises(Refused):
            backend.async_pool(seeded_place, 2)
        return
    pool = backend.async_pool(seeded_place, 2)

    async def asked() -> Any:
        async with pool.connect() as connection:
            found = await connection.run_sync(
                lambda one: (backend_of(one), one.execute(select(func.count()).select_from(CareNote)).scalar())
            )
        await pool.dispose()
        return found

    assert asyncio.run(asked()) == (backend, 300)


# What is in it


def test_tables_are_made_where_they_are_not_there_and_kept_where_they_are(engine: Engine, backend: Backend) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE seed_loads"))
        backend.create_tables(connection)
        backend.create_tables(connection)
    assert set(Base.metadata.tables) <= set(sa.inspect(engine).get_table_names())
    assert count(engine) == 300


def test_times_of_ours_are_in_order(engine: Engine, backend: Backend) -> None:
    with engine.connect() as connection:
        assert backend.mismatch(connection) is None
        connection.execute(delete(CareNote))
        assert backend.mismatch(connection) is None


def test_of_two_that_begin_at_once_each_sees_what_the_other_wrote_or_is_refused(
    engine: Engine, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_read, began = Barrier(2), []

    def begin() -> None:
        try:
            with backend.alone(engine), engine.begin() as connection:
                last = connection.execute(select(func.max(CareNote.id))).scalar_one()
                with suppress(BrokenBarrierError):  # the other is held off
                    both_have_read.wait(0.2)
                connection.execute(insert(CareNote), [note(last + 1)])
        except DBAPIError:
            return
        began.append(last + 1)

    threads = [Thread(target=begin) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(began) == list(range(301, 301 + len(began)))
    assert began
    assert count(engine) == 300 + len(began)


def test_what_is_said_before_writing_can_be_said(engine: Engine, backend: Backend) -> None:
    with engine.connect() as connection:
        for said in backend.BEFORE_WRITING:
            connection.exec_driver_sql(said)
        connection.execute(insert(CareNote), [note(1_000)])
        connection.commit()
    assert count(engine) == 301


def test_the_drivers_own_connection_takes_begin_and_commit_as_statements(engine: Engine, backend: Backend) -> None:
    with engine.connect() as connection:
        wanted = select(CareNote.id).where(CareNote.id <= 3).order_by(CareNote.id)
        changed = update(CareNote).where(CareNote.id == 7).values(created_by="the driver")
        [asked] = statements_only(connection, lambda one: one.execute(wanted))
        [written] = statements_only(connection, lambda one: one.execute(changed))
        connection.rollback()
        own = backend.driver(connection)
        own.execute("BEGIN")
        assert [row[0] for row in own.execute(*asked).fetchall()] == [1, 2, 3]
        own.execute(*written)
        own.execute("COMMIT")
    with engine.connect() as connection:
        assert connection.execute(select(CareNote.id).where(CareNote.created_by == "the driver")).scalars().all() == [7]


# Copies


def test_a_copy_holds_the_same_and_goes_its_own_way(seeded_place: URL, backend: Backend, others: Places) -> None:
    target = others("copy")
    backend.copy(seeded_place, target)
    assert count(target) == 300
    engine = open_database(target)
    with engine.begin() as connection:
        connection.execute(delete(CareNote).where(CareNote.id <= 100))
    engine.dispose()
    assert (count(target), count(seeded_place)) == (200, 300)


def test_what_is_moved_is_there_by_the_other_name_alone(seeded_place: URL, backend: Backend, others: Places) -> None:
    target = others("moved")
    backend.move(seeded_place, target)
    assert not backend.exists(seeded_place)
    assert count(target) == 300
    create_database(seeded_place).dispose()  # its name is free, and nothing of it is there
    assert (count(seeded_place), count(target)) == (0, 300)


KILLED = """
import os, sys
from sqlalchemy import update
from carenotes.backends import create_database
from carenotes.models import CareNote

engine = create_database(sys.argv[1])
committed = engine.connect()
committed.execute(update(CareNote).where(CareNote.id <= 100).values(note_text="committed"))
committed.commit()
committed.execute(update(CareNote).values(note_text="x" * 20_000))  # more than is kept in memory
os._exit(0)
"""


@pytest.mark.parametrize("how", ["copy", "move"])
def test_of_a_writer_that_was_killed_what_it_had_committed_goes_with_the_database(
    seeded_place: URL, backend: Backend, others: Places, how: str
) -> None:
    address = seeded_place.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", KILLED, address], check=True, timeout=60)
    target = others("target")
    getattr(backend, how)(seeded_place, target)
    engine = open_database(target, read_only=True)
    with engine.connect() as connection:
        texts = connection.execute(select(CareNote.note_text, func.count()).group_by(CareNote.note_text)).all()
    engine.dispose()
    assert [number for text, number in texts if text == "committed"] == [100]
    assert [text for text, _ in texts if text is not None and text.startswith("xx")] == []


# What is told


def test_the_size_is_of_all_that_the_database_takes(engine: Engine, backend: Backend) -> None:
    def size() -> int:
        with engine.connect() as connection:
            return backend.size(connection)

    before = size()
    assert before > 0
    texts = 300 * 10_000
    with engine.begin() as connection:  # letters that do not repeat, so that no engine packs them
        for number in range(1, 301):
            text = os.urandom(5_000).hex()
            connection.execute(update(CareNote).where(CareNote.id == number).values(note_text=text))
    assert size() > before + texts / 2


def test_the_indexes_of_notes_are_those_of_the_design(engine: Engine, backend: Backend) -> None:
    for name in ("none", "date", "covering", "none"):
        prepare(engine, name)
        with engine.connect() as connection:
            assert backend.index_names(connection) == {index.name for index in design(name).indexes}


def test_settings_are_texts_whoever_asks(engine: Engine, backend: Backend) -> None:
    with engine.connect() as connection:
        found = backend.settings(connection)
        assert backend.settings(connection) == found
    assert found
    assert {type(one) for pair in found.items() for one in pair} == {str}
    assert all(found.values())


@every
def test_a_version_is_numbers_and_dots(backend: Backend) -> None:
    assert [part for part in backend.version().split(".")[:2] if not part.isdigit()] == []


def test_a_plan_is_a_line_a_step_indented_by_depth_and_asks_nothing(engine: Engine, backend: Backend) -> None:
    query = select(CareNote.category, func.count()).where(CareNote.tenant_id == 1).group_by(CareNote.category)
    with engine.connect() as connection:
        [sent] = statements_only(connection, lambda one: one.execute(query))
        lines = backend.explained(connection, *sent)
        removal = statements_only(connection, lambda one: one.execute(delete(CareNote)))
        backend.explained(connection, *removal[0])
        connection.commit()
    assert any("care_notes" in line for line in lines)
    depths = [(len(line) - len(line.lstrip(" "))) / 2 for line in lines]
    assert depths[0] == 0
    assert all(later in range(int(before) + 2) for before, later in pairwise(depths))
    assert [line for line in lines if "\n" in line or not line.strip()] == []
    assert count(engine) == 300
