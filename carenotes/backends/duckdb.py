"""DuckDB: columns in one file, which one process at a time may open, be it only to read."""

import json
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, inspect
from sqlalchemy.exc import NoSuchModuleError

from carenotes.errors import Failed, Refused

NAME = "DuckDB"
BEFORE_WRITING = ()  # what whoever writes notes says first
SAYS: dict[str, tuple[type[Refused | Failed], str]] = {
    "not a valid duckdb database": (Refused, "not a DuckDB database"),
    "could not set lock": (Refused, "the database is open in another process; DuckDB allows one at a time"),
    "different configuration": (Refused, "the database is open already in this process, otherwise than asked for now"),
    "read-only mode": (Refused, "the database is read-only"),
    "no space left": (Failed, "the disk is full"),
    "could not write": (Failed, "the disk cannot be written to (is it full?)"),
    "cannot open file": (Refused, "cannot be opened; it must be a readable file in a folder that exists"),
}


def file_of(url: URL) -> str:
    """The file that a URL names, empty for none."""
    return "" if url.database in (None, ":memory:") else str(url.database)


def address(file: Path) -> URL:
    """The URL of a file, whatever folder one stands in."""
    return URL.create("duckdb", database=str(file.absolute()))


def engine(file: Path, *, read_only: bool, create: bool) -> Engine:
    """An engine on a file; DuckDB itself makes one that is absent, when it may write."""
    del create
    try:
        return create_engine(address(file), connect_args={"read_only": read_only})
    except (NoSuchModuleError, ModuleNotFoundError):
        raise Refused("duckdb: not installed; pip install 'carenotes[duckdb]'") from None


def pooled(file: Path, size: int) -> Engine:
    """An engine for reading, with a pool of exactly `size` connections to the one database of this process."""
    return create_engine(address(file), connect_args={"read_only": True}, pool_size=size, max_overflow=0)


def odd_time(connection: Connection) -> str | None:
    """What is wrong with the type of `created_at`, if anything is."""
    kinds = {column["name"]: str(column["type"]) for column in inspect(connection).get_columns("care_notes")}
    return None if kinds["created_at"] == "TIMESTAMP" else f"created_at is {kinds['created_at']}, not TIMESTAMP"


def index_names(connection: Connection) -> set[str]:
    """The indexes of `care_notes`."""
    query = "SELECT index_name FROM duckdb_indexes() WHERE table_name = 'care_notes'"
    return set(connection.exec_driver_sql(query).scalars())


def settings(connection: Connection) -> dict[str, str]:
    """What this connection has of what matters for speed, whoever set it."""
    names = ("threads", "memory_limit")
    return {name: str(connection.exec_driver_sql(f"SELECT current_setting('{name}')").scalar()) for name in names}


def explained(connection: Connection, sql: str, values: Any) -> list[str]:
    """The plan of a statement: one line an operator, indented by depth."""
    [(_, plan)] = connection.exec_driver_sql(f"EXPLAIN (FORMAT json) {sql}", values)
    return [line for root in json.loads(plan) for line in _operator(root, 0)]


def _operator(node: dict[str, Any], depth: int) -> list[str]:
    shown = [node.get("extra_info", {}).get(key) for key in ("Table", "Filters")]
    text = " ".join([node["name"], *(one if isinstance(one, str) else ", ".join(one) for one in shown if one)])
    return ["  " * depth + text] + [line for child in node["children"] for line in _operator(child, depth + 1)]
