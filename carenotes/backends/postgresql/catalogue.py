"""What a server tells of itself: the columns, indexes and plans of `care_notes`, and its settings."""

import json
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.types import Integer, String

from carenotes.backends.postgresql.connections import lost_settings


def mismatch(connection: Connection) -> str | None:
    """By the types of the columns, and whether a pooler between us has dropped what a connection begins with."""
    if lost_settings(connection):
        return "settings of the session are lost on the way (a pooler drops them); connect to the server itself"
    wanted: dict[str, type] = dict.fromkeys(("id", "tenant_id", "facility_id", "priority"), Integer)
    wanted |= dict.fromkeys(("patient_id", "category", "created_by", "note_text"), String)
    for column in inspect(connection).get_columns("care_notes"):
        name, kind = column["name"], column["type"]
        if name == "created_at" and not str(kind).startswith("TIMESTAMP"):
            return f"created_at is {kind}, not timestamp"
        if not isinstance(kind, wanted.get(name, object)):
            return f"{name} is {kind}, not {'an integer' if wanted[name] is Integer else 'text'}"
    return None


def index_names(connection: Connection) -> set[str]:
    found = (
        "SELECT indexrelid::regclass::text FROM pg_index "
        "WHERE indrelid = to_regclass('care_notes') AND NOT indisprimary"
    )
    return {name.strip('"').rpartition(".")[2] for name in connection.exec_driver_sql(found).scalars()}


_TOLD = (
    "server_version", "shared_buffers", "synchronous_commit", "fsync", "max_connections", "work_mem",
    "random_page_cost", "max_parallel_workers_per_gather", "jit", "lc_collate", "default_transaction_isolation",
)  # fmt: skip


def settings(connection: Connection) -> dict[str, str]:
    asked = text("SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(:names)")
    found: dict[str, str] = dict(connection.execute(asked, {"names": list(_TOLD)}).all())
    return {name: found[name] for name in _TOLD if name in found}


def version() -> str:
    """Of the driver; each connection has the server's among its settings."""
    return metadata.version("psycopg")


def explained(connection: Connection, sql: str, values: Any) -> list[str]:
    found = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", values).scalar()
    plan: Any = json.loads(found) if isinstance(found, str) else found
    return list(_steps(plan[0]["Plan"], 0))


def _steps(node: dict[str, Any], depth: int) -> Iterator[str]:
    on = [f"on {node['Relation Name']}"] if "Relation Name" in node else []
    using = [f"using {node['Index Name']}"] if "Index Name" in node else []
    conditions = [f"{name}: {node[name]}" for name in ("Index Cond", "Recheck Cond", "Filter") if name in node]
    yield "  " * depth + " ".join([node["Node Type"], *on, *using, *conditions])
    for child in node.get("Plans", ()):
        yield from _steps(child, depth + 1)
