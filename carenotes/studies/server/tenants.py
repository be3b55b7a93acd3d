"""Tenants kept apart by the server: a login role bound to a tenant, and, to compare, one role and a session setting.

A policy of row-level security decides which notes a role sees. Bound: the number of the tenant is the end of the role's
name, which only whoever may create roles can choose. By a setting: the number is whatever the session says it is.
"""

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, Select, and_, bindparam, text
from typing_extensions import override

from carenotes.aggregators.notes_of import in_facilities, shape_of, values_of
from carenotes.aggregators.pushdown import from_groups, groups
from carenotes.backends import open_database, told_plainly
from carenotes.compiled import rows_of
from carenotes.lab.notes.copies import Copies
from carenotes.lab.notes.stored import Notes
from carenotes.lab.notes.workload import Population
from carenotes.models import CareNote
from carenotes.queries import CareStats, StatsQuery

ON_ROLE, ON_SETTING = "on the role", "on a setting"  # policies
SETTING = "carenotes.tenant"
POLICIES: Mapping[str, str] = MappingProxyType(
    {
        ON_ROLE: "tenant_id = CAST(substring(current_user FROM '[0-9]+$') AS integer)",
        ON_SETTING: f"tenant_id = CAST(current_setting('{SETTING}') AS integer)",
    }
)


def unscoped(connection: Connection, query: StatsQuery) -> CareStats:
    """Answer as `pushdown` does, naming no tenant: right only where the server lets nobody see another's notes."""
    values = {name: one for name, one in values_of(query).items() if name != "tenant_id"}
    return from_groups(rows_of(connection, _of_any_tenant(shape_of(query)), values))


@cache
def _of_any_tenant(shape: int) -> Select[Any]:
    days = CareNote.created_at.between(bindparam("first_moment"), bindparam("last_moment"))
    return groups(and_(days, in_facilities(shape)))


class Roles:
    """The login roles on a database: one for each tenant, and one for all of them."""

    def __init__(self, url: URL, tenants: Sequence[int]) -> None:
        """The URL is the owner's; the names are those of this database alone, for roles are the server's."""
        prefix = f"carenotes_{hashlib.sha256(str(url.database).encode()).hexdigest()[:10]}"
        self.owner, self.app = url, f"{prefix}_app"
        self.of = {tenant: f"{prefix}_tenant_{tenant}" for tenant in tenants}
        self._password = secrets.token_urlsafe(24)

    def url(self, policy: str, tenant: int) -> URL:
        """How a session of a tenant connects."""
        role = self.of[tenant] if policy == ON_ROLE else self.app
        address = self.owner.set(username=role, password=self._password)
        return address if policy == ON_ROLE else address.update_query_dict({"options": f"-c {SETTING}={tenant}"})

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [*self.of.values(), self.app]

    def make(self, connection: Connection) -> None:
        """Create the roles, the policies, and what the roles may do: connect, and read care_notes."""
        quote = connection.dialect.identifier_preparer.quote_identifier
        for role in self.names:
            verifier = _verifier(connection, self._password, role)
            # DDL takes no values: the server quotes them, and what it is sent is no password.
            asked = text("SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', CAST(:role AS text), CAST(:it AS text))")
            connection.exec_driver_sql(connection.execute(asked, {"role": role, "it": verifier}).scalar_one())
            connection.execute(text(f"GRANT SELECT ON care_notes TO {quote(role)}"))
        connection.execute(text("ALTER TABLE care_notes ENABLE ROW LEVEL SECURITY"))
        for policy, to in {ON_ROLE: [*self.of.values()], ON_SETTING: [self.app]}.items():
            named, roles = quote(f"carenotes {policy}"), ", ".join(map(quote, to))
            connection.execute(text(f"CREATE POLICY {named} ON care_notes TO {roles} USING ({POLICIES[policy]})"))

    def remove(self, connection: Connection) -> None:
        """Take away all of it, as far as it is there."""
        quote = connection.dialect.identifier_preparer.quote_identifier
        for policy in POLICIES:
            connection.execute(text(f"DROP POLICY IF EXISTS {quote(f'carenotes {policy}')} ON care_notes"))
        connection.execute(text("ALTER TABLE care_notes DISABLE ROW LEVEL SECURITY"))
        there = text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)")
        for role in connection.execute(there, {"names": self.names}).scalars().all():
            connection.execute(text(f"DROP OWNED BY {quote(role)}"))
            connection.execute(text(f"DROP ROLE {quote(role)}"))


def _verifier(connection: Connection, password: str, role: str) -> str:
    """What the server keeps instead of a password."""
    driver: Any = connection.connection.driver_connection
    return cast("bytes", driver.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")).decode()


@contextmanager
def roles(url: URL, tenants: Sequence[int]) -> Iterator[Roles]:
    """The roles while the block runs; what a killed process left is taken away first."""
    made, engine = Roles(url, tenants), open_database(url)
    try:
        with told_plainly(engine), engine.begin() as connection:
            made.remove(connection)
            made.make(connection)
        yield made
    finally:
        with told_plainly(engine), engine.begin() as connection:
            made.remove(connection)
        engine.dispose()


class SeenBy(Notes):
    """The notes of one tenant, as a role sees them, or the owner, who sees all."""

    are_written = False

    def __init__(self, notes: Copies, tenant: int, address: URL | None = None) -> None:
        self.best_design, self._notes, self._tenant, self._address = notes.best_design, notes, tenant, address

    @property
    @override
    def backend(self) -> str:
        return self._notes.backend

    @override
    def url(self, plan: str) -> URL:
        return self._address or self._notes.url(plan)

    @override
    def engine(self, plan: str) -> Engine:
        return open_database(self.url(plan), read_only=True)

    @override
    @cached_property
    @override
    def population(self) -> Population:
        whole = self._notes.population
        own = {key: notes for key, notes in whole.sizes.items() if key[0] == self._tenant}
        return Population(own, whole.first_day, whole.last_day)

    @override
    def design_for(self, aggregator: str) -> str | None:
        return self._notes.design_for(aggregator)

    @override
    def sample(self) -> Copies:
        return self._notes
