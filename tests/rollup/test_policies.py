"""Row-level policies of the notes hold for everything that is made from them, attacked in the same way."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import Engine, inspect

from carenotes import AGGREGATORS, Refused, StatsQuery
from carenotes.backends import create_database, open_database
from carenotes.changes import subscribe
from carenotes.designs import prepare, stands
from carenotes.rollup.building import build
from carenotes.rollup.refreshing import refresh
from carenotes.rollup.tables import MARKS, NODES, OF_TENANTS, OWN, PATIENTS
from carenotes.rollup.verifying import verify
from carenotes.seeding import SeedSpec, load
from carenotes.studies.server import attacks
from carenotes.studies.server.attacks import session
from carenotes.studies.server.tenants import ON_ROLE, ON_SETTING, Roles, roles
from tests.rollup.kept import ALWAYS, KEPT, assert_right, note, write

OWN_TENANT, OTHER = 1, 2
WHATEVER_THE_TABLE = [  # its size, its statistics and its ids are another matter
    "read the notes of others",
    "COPY the table",
    "SET the session setting",
    "PREPARE, then SET the setting",
    "SET ROLE to another tenant's",
    "SET SESSION AUTHORIZATION",
    "RESET ROLE and session",
    "SET row_security = off",
    "a cheap function that tells its arguments",
    "an error by a division by zero",
    "a view of the table's owner",
    "the same view with security_invoker",
]
QUEUE = "carenotes_queue_ours_marks"
TABLES = [*(table.name for table in OF_TENANTS), QUEUE]


@pytest.fixture
def seeded_server(server: Engine) -> Engine:
    load(server, SeedSpec(600, tenants=3, facilities=2, patients=4, days=40))
    return server


@pytest.fixture
def guarded(seeded_server: Engine) -> Iterator[Roles]:
    """A rollup and a queue of notes with policies, with marks of every tenant in both."""
    with roles(seeded_server.url, (OWN_TENANT, OTHER)) as made:
        prepare(seeded_server, "rollup")
        subscribe(seeded_server, "ours")
        write(seeded_server, *[note(9_000 + tenant, tenant_id=tenant) for tenant in (1, 2, 3)])
        grant(seeded_server, made)
        seeded_server.dispose()
        yield made
        seeded_server.dispose()


def grant(engine: Engine, made: Roles) -> None:
    with engine.begin() as connection:
        there = {*OWN.tables, QUEUE} & {*inspect(connection).get_table_names()}
        for role in made.names:
            connection.exec_driver_sql(f"GRANT SELECT ON {', '.join(there)} TO {role}")


@pytest.mark.slow
def test_every_attack_ends_as_it_does_on_the_notes(guarded: Roles) -> None:
    for policy, tables in ((ON_ROLE, [NODES.name]), (ON_SETTING, TABLES)):
        of_notes = attacks.attacked(guarded, policy, OWN_TENANT, OTHER, names=WHATEVER_THE_TABLE)
        assert not of_notes["read the notes of others"][0]
        for table in tables:
            assert attacks.attacked(guarded, policy, OWN_TENANT, OTHER, table, WHATEVER_THE_TABLE) == of_notes, table


def test_without_policies_they_come_through(seeded_server: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or they would be held by being badly written."""
    monkeypatch.setattr("carenotes.studies.server.tenants.POLICIES", {ON_ROLE: "true", ON_SETTING: "true"})
    with roles(seeded_server.url, (OWN_TENANT, OTHER)) as made:
        prepare(seeded_server, "rollup")
        write(seeded_server, *[note(9_000 + tenant, tenant_id=tenant) for tenant in (1, 2, 3)])
        grant(seeded_server, made)
        for table in (NODES.name, MARKS.name):
            seen = attacks.attacked(made, ON_SETTING, OWN_TENANT, OTHER, table, WHATEVER_THE_TABLE)
            held = {name for name, (through, _) in seen.items() if not through}
            assert held == {"SET ROLE to another tenant's", "SET SESSION AUTHORIZATION", "SET row_security = off"}
        seeded_server.dispose()


def test_a_tenant_s_session_has_its_own_answers_and_of_others_none(guarded: Roles) -> None:
    owner = open_database(guarded.owner)
    assert_right(owner, *(StatsQuery(tenant, date.min, date.max) for tenant in (1, 2, 3)))
    for policy in (ON_ROLE, ON_SETTING):
        seeing = open_database(guarded.url(policy, OWN_TENANT), read_only=True)
        with seeing.connect() as connection:
            found = {tenant: StatsQuery(tenant, date.min, date.max) for tenant in (1, 2)}
            for name in KEPT:
                assert AGGREGATORS[name](connection, found[2]).total_notes == 0
        assert_right(seeing, *found.values())
        seeing.dispose()
    refresh(owner)
    assert [*verify(owner)] == []
    owner.dispose()


def test_policies_that_come_later_are_noticed_and_put_on_what_is_there(seeded_server: Engine) -> None:
    assert build(seeded_server) == 600
    with roles(seeded_server.url, (OWN_TENANT, OTHER)) as made:
        grant(seeded_server, made)
        with seeded_server.connect() as connection:
            assert not stands(connection, "rollup")
        assert build(seeded_server) == 0
        with seeded_server.connect() as connection:
            assert stands(connection, "rollup")
        with session(made.url(ON_ROLE, OWN_TENANT)) as attacking:
            for table in (NODES.name, PATIENTS.name):
                found = attacking.execute(f"SELECT DISTINCT tenant_id FROM {table}").fetchall()
                assert found == [(OWN_TENANT,)]
        with seeded_server.begin() as connection:
            connection.exec_driver_sql(f'DROP POLICY "carenotes {ON_ROLE}" ON {MARKS.name}')
            assert not stands(connection, "rollup")
        assert build(seeded_server) == 0
        seeded_server.dispose()
    build(seeded_server)  # and taken away with them
    with seeded_server.connect() as connection:
        assert stands(connection, "rollup")
        assert connection.exec_driver_sql("SELECT count(*) FROM pg_policy").scalar() == 0


@pytest.mark.parametrize(
    "condition",
    ["facility_id = 1", "tenant_id = 1 AND priority > 2", "patient_id = current_user", "care_notes IS NULL"],
)
def test_a_policy_about_more_than_the_tenant_is_refused(seeded_server: Engine, condition: str) -> None:
    with seeded_server.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE care_notes ENABLE ROW LEVEL SECURITY")
        connection.exec_driver_sql(f"CREATE POLICY theirs ON care_notes USING ({condition})")
    for make in (lambda: prepare(seeded_server, "rollup"), lambda: build(seeded_server)):
        with pytest.raises(Refused, match="the row-level policy theirs of care_notes is about more than tenant_id"):
            make()


def test_restrictive_policies_with_odd_words_are_copied_to_the_letter(seeded_server: Engine) -> None:
    with seeded_server.begin() as connection:
        for sql in (
            "ALTER TABLE care_notes ENABLE ROW LEVEL SECURITY",
            'CREATE POLICY "it\'s %% ""odd""" ON care_notes USING (tenant_id %% 2 = length(\'it\'\'s %% \\ :x\') - 11)',
            "CREATE POLICY b ON care_notes AS RESTRICTIVE FOR SELECT USING (tenant_id IN (VALUES (1), (3)))",
            "CREATE POLICY c ON care_notes FOR INSERT WITH CHECK (facility_id = 1)",
        ):
            connection.exec_driver_sql(sql)
    prepare(seeded_server, "rollup")
    with seeded_server.connect() as connection:
        assert stands(connection, "rollup")
        asked = "SELECT count(*) FROM pg_policies WHERE tablename = '{}' AND cmd IN ('ALL', 'SELECT')"
        for table in OF_TENANTS:
            assert connection.exec_driver_sql(asked.format(table.name)).scalar() == 2
    assert_right(seeded_server)


def test_who_sees_some_notes_only_is_refused(seeded_server: Engine) -> None:
    build(seeded_server)
    name = "carenotes_some_only"
    with seeded_server.begin() as connection:
        connection.exec_driver_sql(f"DROP ROLE IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE ROLE {name}")
        connection.exec_driver_sql(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
        connection.exec_driver_sql("ALTER TABLE care_notes ENABLE ROW LEVEL SECURITY")
        connection.exec_driver_sql("CREATE POLICY theirs ON care_notes USING (tenant_id = 1)")
    write(seeded_server, note(9_000))
    as_them = create_database(seeded_server.url.update_query_dict({"options": f"-c role={name}"}))
    try:
        for does in (lambda: refresh(as_them), lambda: [*verify(as_them)]):
            with pytest.raises(Refused, match=r"a row-level policy hides notes from this user"):
                does()
    finally:
        as_them.dispose()
        with seeded_server.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {name}")
            connection.exec_driver_sql(f"DROP ROLE {name}")
    assert_right(seeded_server, ALWAYS)
