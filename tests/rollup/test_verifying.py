"""A node that is wrong is found and named; what is right, or marked, is not."""

from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, update

from carenotes import cli
from carenotes.backends import files
from carenotes.designs import prepare
from carenotes.models import CareNote
from carenotes.rollup.node import BitMap
from carenotes.rollup.tables import NODES, PATIENTS
from carenotes.rollup.tree import every, number
from carenotes.rollup.verifying import verify
from tests.conftest import Command, one_line_refusal
from tests.rollup.kept import DAY, note, write

LEAF, ABOVE = DAY.toordinal(), number(1, DAY.toordinal() // 4)
AT = {"tenant_id": 3, "facility_id": 1}
PLANTED: dict[str, tuple[Any, str]] = {
    "counts": (
        lambda: update(NODES).where(NODES.c.facility_id == 1, NODES.c.node == LEAF).values(counts=bytes([7, 7])),
        'tenant 3, facility 1, level 0, from 2026-02-10: its counts are [{"medication": 7}, {"3": 7}], not [{"medica'
        'tion": 1}, {"3": 1}]',
    ),
    "patients": (
        lambda: (
            update(NODES)
            .where(NODES.c.facility_id == 0, NODES.c.node == every(ABOVE))
            .values(patients=BitMap([1, 9, 10]).serialize())
        ),
        "tenant 3, all facilities, level 1, from 2026-02-09: its 3 patients are not the 2 of the notes",
    ),
    "missing": (
        lambda: delete(NODES).where(NODES.c.facility_id == 2, NODES.c.node == ABOVE),
        "tenant 3, facility 2, level 1, from 2026-02-09: it is missing",
    ),
    "too many": (
        lambda: insert(NODES).values(
            tenant_id=3, facility_id=1, node=LEAF + 1, labels="[[],[]]", counts=b"", patients=b""
        ),
        "tenant 3, facility 1, level 0, from 2026-02-11: there are no notes of it",
    ),
    "of nobody": (
        lambda: insert(NODES).values(
            tenant_id=77, facility_id=0, node=every(LEAF), labels="[]", counts=b"", patients=b""
        ),
        "tenant 77, all facilities, level 0, from 2026-02-10: there are no notes of it",
    ),
}


@pytest.fixture
def right(empty: Engine) -> Engine:
    write(empty, note(1), note(2, facility_id=2, patient_id="p2"))
    prepare(empty, "rollup")
    return empty


@pytest.mark.parametrize("planted", PLANTED)
def test_a_wrong_node_is_named(right: Engine, planted: str) -> None:
    statement, told = PLANTED[planted]
    assert [*verify(right)] == []
    with right.begin() as connection:
        connection.execute(statement())
    assert [str(one) for one in verify(right)] == [told]


def test_a_number_that_is_another_s_is_found_in_every_node_that_has_it(right: Engine) -> None:
    with right.begin() as connection:
        connection.execute(delete(PATIENTS).where(PATIENTS.c.patient_id == "p2"))
    found = [*verify(right)]
    assert {(one.facility_id, one.level) for one in found} == {
        (some, level) for some in (None, 2) for level in range(7)
    }


def test_what_is_marked_is_not_wrong_yet_and_what_came_past_the_capture_is(kept: Engine) -> None:
    write(kept, note(5, patient_id="new"))
    assert [*verify(kept)] == []
    with kept.begin() as connection:
        if kept.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER carenotes_rollup_marks_deleted")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.execute(delete(CareNote).where(CareNote.id == 2))
    found = {(one.facility_id, one.level) for one in verify(kept)}
    assert found == {(2, level) for level in range(7)}  # those of all facilities stand above the mark


@pytest.mark.slow
def test_the_command_line_names_what_is_wrong_and_ends_with_1(right: Engine, carenotes: Command) -> None:
    address = right.url.render_as_string(hide_password=False)
    if right.dialect.name != "postgresql":
        address = f"{right.dialect.name}:///{files.file(right.url)}"
    right.dispose()
    done = carenotes("rollup", "verify", "--database", address)
    assert (done.returncode, done.stdout) == (0, "every node is what the notes say\n")
    statement, told = PLANTED["counts"]
    with right.begin() as connection:
        connection.execute(statement())
    right.dispose()
    done = carenotes("rollup", "verify", "--database", address)
    assert done.returncode == 1
    assert done.stdout == f"{told}\n"
    assert "1 nodes are wrong; 'carenotes index" in done.stderr


@pytest.mark.parametrize("command", ["refresh", "verify"])
def test_without_a_rollup_it_is_said_what_makes_one(carenotes_here: Command, seeded: str, command: str) -> None:
    done = carenotes_here("rollup", command, "--database", seeded)
    assert one_line_refusal(done).endswith("there is no rollup; 'carenotes rollup build --database URL' makes it")


def test_the_command_line_builds_refreshes_and_answers(carenotes_here: Command) -> None:
    at = ("--database", "sqlite:///notes.db")
    carenotes_here("seed", *at, "--notes", "2000", "--tenants", "3")
    query = ("stats", *at, "--tenant", "2", "--day", "2026-05-01", "--last-day", "2026-06-30")
    done = carenotes_here(*query, "--aggregator", "pyramid")
    assert "pyramid: needs the design rollup, which is not there" in one_line_refusal(done)
    assert carenotes_here("rollup", "build", *at).stdout.startswith("2,000 notes in ")
    assert carenotes_here("rollup", "build", *at).stdout == "it is there already\n"
    carenotes_here("seed", *at, "--notes", "100", "--append", "--random-seed", "2")
    truth = carenotes_here(*query).stdout
    assert carenotes_here(*query, "--aggregator", "pyramid").stdout == truth
    assert " days of facilities made anew in " in carenotes_here("rollup", "refresh", *at).stdout
    assert carenotes_here(*query, "--aggregator", "rollup").stdout == truth
    assert carenotes_here("rollup", "verify", *at).returncode == 0
    assert cli.rollup.commands.keys() == {"build", "refresh", "verify"}
