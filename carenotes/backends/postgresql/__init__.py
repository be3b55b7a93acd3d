"""PostgreSQL, from version 14 on: a server, in which somebody's schema may stand beside ours.

Here is what the Protocol `Backend` asks for; each module beside it has one part of it.
"""

from collections.abc import Mapping

from carenotes.backends.postgresql import spelling as spelling
from carenotes.backends.postgresql.catalogue import explained, index_names, mismatch, settings, version
from carenotes.backends.postgresql.connections import (
    EXAMPLE,
    absolute,
    async_pool,
    check,
    driver,
    engine,
    exists,
    pool,
    process,
    shown,
)
from carenotes.backends.postgresql.databases import (
    alone,
    clear,
    copy,
    create_tables,
    drop,
    file,
    move,
    place,
    settle,
    size,
    writer,
)
from carenotes.backends.postgresql.designs import OWN_DESIGNS
from carenotes.backends.postgresql.errors import BUSY, SAYS

IS_ENGINE = True
NAME = "PostgreSQL"
BEST_DESIGN = "covering"
HAS_ASYNC = True
HAS_OTHERS = True
LOADS_LATE: tuple[str, ...] = ("psycopg",)
BEFORE_WRITING: tuple[str, ...] = ()
JOURNALS: Mapping[str, tuple[str, ...]] = {"write-ahead log": ()}  # it has no other

__all__ = [
    "BEFORE_WRITING",
    "BEST_DESIGN",
    "BUSY",
    "EXAMPLE",
    "HAS_ASYNC",
    "HAS_OTHERS",
    "IS_ENGINE",
    "JOURNALS",
    "LOADS_LATE",
    "NAME",
    "OWN_DESIGNS",
    "SAYS",
    "absolute",
    "alone",
    "async_pool",
    "check",
    "clear",
    "copy",
    "create_tables",
    "driver",
    "drop",
    "engine",
    "exists",
    "explained",
    "file",
    "index_names",
    "mismatch",
    "move",
    "place",
    "pool",
    "process",
    "settings",
    "settle",
    "shown",
    "size",
    "version",
    "writer",
]
