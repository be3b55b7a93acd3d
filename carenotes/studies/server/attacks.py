"""Row-level security attacked with SQL written by hand: what a tenant's session can find out about other tenants.

Each attack has a new session of its own. It *came through* when it told anything of others' notes or their number.
What an error says is kept by the name of the error, so that an attack that was written wrongly is not taken for one
that was held.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import psycopg
from sqlalchemy import URL

from carenotes.backends import backend_of
from carenotes.studies.server.tenants import SETTING, Roles

Seen = tuple[bool, str]  # whether it came through, and what was seen
_NOBODY = 2**31 - 1  # no tenant


@dataclass(frozen=True)
class Attacker:
    """A session of tenant `own` that wants to know of `other`; `owner` is a session of who owns the table.

    The table has a column `tenant_id`: the notes, or what is made from them.
    """

    session: Any
    owner: Any
    roles: Roles
    policy: str
    own: int
    other: int
    table: str = "care_notes"

    def one(self, sql: str, *values: Any) -> Any:
        """The only value that a statement gives."""
        return self.session.execute(sql, values or None).fetchone()[0]

    def total(self) -> int:
        """How many notes there are in truth."""
        found: int = self.owner.execute("SELECT count(*) FROM care_notes").fetchone()[0]
        return found

    @property
    def others(self) -> str:
        """How many notes of others this session sees, as SQL."""
        return f"SELECT count(*) FROM {self.table} WHERE tenant_id <> {self.own:d}"  # noqa: S608


@contextmanager
def session(url: URL) -> Iterator[Any]:
    """The driver's own connection, on which each statement is permanent at once."""
    backend = backend_of(url)
    engine = backend.engine(url, read_only=False, create=False)
    with engine.connect() as connection:
        yield backend.driver(connection)
    engine.dispose()


def attacked(
    roles: Roles, policy: str, own: int, other: int, table: str = "care_notes", names: Collection[str] | None = None
) -> dict[str, Seen]:
    """What came of every attack, or of those with some names, by its name."""
    found = {}
    for name in names or ATTACKS:
        with session(roles.url(policy, own)) as attacking, session(roles.owner) as owner:
            try:
                found[name] = ATTACKS[name](Attacker(attacking, owner, roles, policy, own, other, table))
            except psycopg.Error as error:
                found[name] = (False, type(error).__name__)
    return found


def _rows(count: int) -> Seen:
    return count > 0, "their rows" if count else "no row"


def _read(one: Attacker) -> Seen:
    return _rows(one.one(one.others))


def _set_setting(one: Attacker) -> Seen:
    one.session.execute("SELECT set_config(%s, %s, false)", (SETTING, str(one.other)))
    return _rows(one.one(one.others))


def _set_role(one: Attacker) -> Seen:
    one.session.execute(f"SET ROLE {one.roles.of[one.other]}")
    return _rows(one.one(one.others))


def _reset_role(one: Attacker) -> Seen:
    one.session.execute("RESET ROLE; RESET SESSION AUTHORIZATION")
    return _rows(one.one(one.others))


def _session_authorization(one: Attacker) -> Seen:
    one.session.execute(f"SET SESSION AUTHORIZATION {one.roles.of[one.other]}")
    return _rows(one.one(one.others))


def _row_security_off(one: Attacker) -> Seen:
    one.session.execute("SET row_security = off")
    return _rows(one.one(one.others))


def _leaky_function(one: Attacker) -> Seen:
    """One that costs nothing is tried first, and tells what it is given."""
    heard: list[str] = []
    one.session.add_notice_handler(lambda notice: heard.append(str(notice.message_primary)))
    one.session.execute(
        "CREATE FUNCTION pg_temp.tell(tenant bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 "
        "AS $$ BEGIN RAISE NOTICE '%', tenant; RETURN true; END $$"
    )
    one.session.execute(f"SELECT count(*) FROM {one.table} WHERE pg_temp.tell(tenant_id)")  # noqa: S608
    told = set(heard)
    assert str(one.own) in told  # it was called
    return len(told) > 1, "tenants of others in its notices" if len(told) > 1 else "called with own rows only"


def _prepared(one: Attacker) -> Seen:
    """A plan that is kept is not kept for somebody else."""
    one.session.execute(f"PREPARE others AS {one.others}")
    for _ in range(6):  # until a plan may be generic
        one.session.execute("EXECUTE others")
    one.session.execute("SELECT set_config(%s, %s, false)", (SETTING, str(one.other)))
    return _rows(one.one("EXECUTE others"))


def _division(one: Attacker) -> Seen:
    """It fails on a row of the other's, if it is ever computed for one."""
    asked = f"SELECT count(*) FROM {one.table} WHERE 1 / (tenant_id - {one.other:d}) > 1"  # noqa: S608
    return _by_error(one, asked, psycopg.errors.DivisionByZero)


def _failing_cast(one: Attacker) -> Seen:
    """The error of a cast would hold the patient's id."""
    asked = (
        "SELECT count(*) FROM care_notes "  # noqa: S608
        f"WHERE CAST(CASE WHEN tenant_id = {one.other:d} THEN patient_id ELSE '0' END AS integer) = 1"
    )
    return _by_error(one, asked, psycopg.errors.InvalidTextRepresentation)


def _by_error(one: Attacker, asked: str, telling: type[psycopg.Error]) -> Seen:
    try:
        one.session.execute(asked)
    except telling as error:
        return True, type(error).__name__
    return False, "no error"


def _explain(one: Attacker) -> Seen:
    """Whether the planner expects more rows of a tenant that is there than of one that is not."""

    def expected(tenant: int) -> int:
        plan = one.one(f"EXPLAIN (FORMAT JSON) SELECT * FROM care_notes WHERE tenant_id = {tenant:d}")  # noqa: S608
        found: int = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"]
        return found

    differs = expected(one.other) != expected(_NOBODY)
    return differs, "estimates tell tenants apart" if differs else "estimates are alike"


def _reltuples(one: Attacker) -> Seen:
    told = round(one.one("SELECT reltuples FROM pg_class WHERE oid = 'care_notes'::regclass"))
    return told == one.total(), "how many notes all tenants have"


def _live_tuples(one: Attacker) -> Seen:
    told = one.one("SELECT n_live_tup FROM pg_stat_user_tables WHERE relid = 'care_notes'::regclass")
    return told == one.total(), "how many notes all tenants have"


def _bytes(one: Attacker) -> Seen:
    return one.one("SELECT pg_relation_size('care_notes')") > 0, "the bytes of all tenants' notes"


def _statistics(one: Attacker) -> Seen:
    return _rows(one.one("SELECT count(*) FROM pg_stats WHERE tablename = 'care_notes'"))


def _known_id(one: Attacker) -> Seen:
    """Whether inserting an id that another tenant's note has tells that it is there."""
    [taken] = one.owner.execute("SELECT min(id) FROM care_notes WHERE tenant_id = %s", (one.other,)).fetchone()
    like = "tenant_id, facility_id, patient_id, category, priority, created_at, created_by"
    insert = f"INSERT INTO care_notes (id, {like}) SELECT {taken:d}, {like} FROM care_notes LIMIT 1"  # noqa: S608
    return _by_error(one, insert, psycopg.errors.UniqueViolation)


def _known_id_with_insert(one: Attacker) -> Seen:
    """The same where the role may insert, as an application's may."""
    [role] = one.session.execute("SELECT current_user").fetchone()
    one.owner.execute(f"GRANT INSERT ON care_notes TO {role}")
    try:
        return _known_id(one)
    finally:
        one.owner.execute(f"REVOKE INSERT ON care_notes FROM {role}")


def _view(one: Attacker, how: str = "") -> Seen:
    """A view asks with the rights of whoever owns it, unless it is told to ask with the reader's."""
    [role] = one.session.execute("SELECT current_user").fetchone()
    one.owner.execute(f"CREATE VIEW carenotes_view {how} AS SELECT * FROM {one.table}")  # noqa: S608
    one.owner.execute(f"GRANT SELECT ON carenotes_view TO {role}")
    try:
        return _rows(one.one(one.others.replace(one.table, "carenotes_view")))
    finally:
        one.owner.execute("DROP VIEW carenotes_view")


def _invoker_view(one: Attacker) -> Seen:
    return _view(one, "WITH (security_invoker = true)")


def _copy(one: Attacker) -> Seen:
    """Not all of the table's bytes, but the rows that a SELECT would give."""
    with one.session.cursor() as cursor, cursor.copy(f"COPY {one.table} (tenant_id) TO STDOUT") as out:
        tenants = {int(row[0]) for row in out.rows()}
    assert one.own in tenants
    return _rows(len(tenants - {one.own}))


def _activity(one: Attacker) -> Seen:
    """What another tenant's session has just asked."""
    with session(one.roles.url(one.policy, one.other)) as neighbour:
        pid = neighbour.info.backend_pid
        neighbour.execute("SELECT 'a secret'")
        told = one.one("SELECT query FROM pg_stat_activity WHERE pid = %s", pid)
    return "secret" in told, "the text of their statements" if "secret" in told else "no text"


def _role_names(one: Attacker) -> Seen:
    told = one.one("SELECT count(*) FROM pg_roles WHERE rolname = %s", one.roles.of[one.other])
    return told > 0, "which tenants have a role"


ATTACKS: Mapping[str, Callable[[Attacker], Seen]] = MappingProxyType(
    {
        "read the notes of others": _read,
        "COPY the table": _copy,
        "SET the session setting": _set_setting,
        "PREPARE, then SET the setting": _prepared,
        "SET ROLE to another tenant's": _set_role,
        "SET SESSION AUTHORIZATION": _session_authorization,
        "RESET ROLE and session": _reset_role,
        "SET row_security = off": _row_security_off,
        "a cheap function that tells its arguments": _leaky_function,
        "an error by a division by zero": _division,
        "an error by a cast": _failing_cast,
        "INSERT of a known id, only SELECT granted": _known_id,
        "INSERT of a known id, INSERT granted": _known_id_with_insert,
        "a view of the table's owner": _view,
        "the same view with security_invoker": _invoker_view,
        "estimates of EXPLAIN": _explain,
        "pg_class.reltuples": _reltuples,
        "pg_stat_user_tables.n_live_tup": _live_tuples,
        "pg_relation_size": _bytes,
        "pg_stats": _statistics,
        "pg_stat_activity": _activity,
        "pg_roles": _role_names,
    }
)
