"""Row-level policies of PostgreSQL: those of `care_notes`, put on tables that are made from it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, text

from carenotes.errors import Refused

_ON = text("SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(:table)")
# Those by which rows are seen. Which columns they are about the server knows by what they depend on.
_FOUND = text("""
SELECT polname, polpermissive, pg_get_expr(polqual, polrelid), obj_description(p.oid, 'pg_policy'),
  ARRAY(SELECT CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END FROM unnest(polroles) role
    ORDER BY 1),
  EXISTS (SELECT FROM pg_depend JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
    WHERE classid = 'pg_policy'::regclass AND objid = p.oid AND refobjid = polrelid AND attname <> 'tenant_id')
FROM pg_policy p WHERE polrelid = to_regclass(:table) AND polcmd IN ('r', '*') ORDER BY polname
""")
_HIDES = text("SELECT row_security_active(CAST('care_notes' AS text))")
_HELD = text(
    "SELECT format('COMMENT ON POLICY %I ON %I IS %L', CAST(:name AS text), CAST(:table AS text), CAST(:said AS text))"
)

Policy = tuple[str, bool, str | None, tuple[str, ...]]  # name, permissive, condition, roles


def check_sees_all(connection: Connection) -> None:
    """See `Upkeep.check_sees_all`."""
    if connection.execute(_HIDES).scalar():
        raise Refused(
            "a row-level policy hides notes from this user, and what is made from the others would be wrong; "
            "the owner of care_notes sees all, unless row-level security is forced"
        )


def protect(connection: Connection, made: Sequence[Table]) -> None:
    """See `Upkeep.protect`. The owner is not held to the policies, for it must make and refresh the tables."""
    check_sees_all(connection)
    if protected(connection, made):
        return
    for name, _, condition, _, _, about_more in connection.execute(_FOUND, {"table": "care_notes"}).all():
        if about_more or "care_notes" in (condition or ""):
            raise Refused(
                f"the row-level policy {name} of care_notes is about more than tenant_id: sums over all notes of a "
                "tenant would tell what it hides"
            )
    wanted, quote = _wanted(connection), connection.dialect.identifier_preparer.quote_identifier
    for table in made:
        for name, *_ in connection.execute(_FOUND, {"table": table.name}).all():
            connection.exec_driver_sql(f"DROP POLICY {quote(name)} ON {table.name}")
        does = "DISABLE" if wanted is None else "ENABLE"
        connection.exec_driver_sql(f"ALTER TABLE {table.name} {does} ROW LEVEL SECURITY")
        for name, permissive, condition, roles in wanted or ():
            kind = "PERMISSIVE" if permissive else "RESTRICTIVE"
            using = "" if condition is None else f"USING ({condition})".replace("%", "%%")
            made_so = f"ON {table.name} AS {kind} FOR SELECT TO {', '.join(roles)} {using}"
            connection.exec_driver_sql(f"CREATE POLICY {quote(name)} {made_so}")
            held = {"name": name, "table": table.name, "said": condition or ""}
            connection.exec_driver_sql(connection.execute(_HELD, held).scalar_one().replace("%", "%%"))


def protected(connection: Connection, made: Sequence[Table]) -> bool:
    """See `Upkeep.protected`. The server tells a condition otherwise on another table: as it was is in a comment."""
    wanted = _wanted(connection)
    for table in made:
        of = {"table": table.name}
        if connection.execute(_ON, of).scalar() != (wanted is not None):
            return False
        found = [(name, kind, said or None, tuple(to)) for name, kind, _, said, to, _ in connection.execute(_FOUND, of)]
        if found != (wanted or []):
            return False
    return True


def _wanted(connection: Connection) -> list[Policy] | None:
    """The policies of the notes; None where they have no row-level security."""
    of: dict[str, Any] = {"table": "care_notes"}
    if not connection.execute(_ON, of).scalar():
        return None
    return [(name, kind, condition, tuple(to)) for name, kind, condition, _, to, _ in connection.execute(_FOUND, of)]
