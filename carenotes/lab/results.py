"""What a run keeps: raw samples, gates and findings in one SQLite file, each row written once and never changed."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from sqlalchemy import (
    JSON,
    URL,
    Column,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    insert,
    select,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from carenotes.errors import Refused

SCHEMA_VERSION = "2"
READ_ONLY = "CARENOTES_READ_ONLY"  # set while a page is made anew: what is missing is then an error, not measured

metadata = MetaData()
run_table = Table(
    "run",
    metadata,
    Column("notebook", String, primary_key=True),
    Column("parameters", JSON, nullable=False),
)
environment_table = Table(
    "environment",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
finding_table = Table(
    "finding",  # a fact about data or plans that is no timing: a count, a digest, a query plan
    metadata,
    Column("notebook", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", JSON, nullable=False),
)
sample_table = Table(
    "sample",  # one condition in one round: `units` of work (questions, notes) took `elapsed_ns`
    metadata,
    Column("notebook", String, primary_key=True),
    Column("experiment", String, primary_key=True),
    Column("condition", String, primary_key=True),
    Column("round", Integer, primary_key=True),  # below 0: warm-up
    Column("position", Integer, nullable=False),  # place in the round's order
    Column("units", Integer, nullable=False),
    Column("elapsed_ns", Integer, nullable=False),
)
latency_table = Table(
    "latency",  # what each request of a sample waited, in the order in which they were made
    metadata,
    Column("notebook", String, primary_key=True),
    Column("experiment", String, primary_key=True),
    Column("condition", String, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("microseconds", JSON, nullable=False),  # a list
)
gate_table = Table(
    "gate",  # questions that a condition answered, and how many of them not as the oracle did
    metadata,
    Column("notebook", String, primary_key=True),
    Column("experiment", String, primary_key=True),
    Column("condition", String, primary_key=True),
    Column("stage", String, primary_key=True),  # "before" the clock started, or an answer "timed" by it
    Column("questions", Integer, nullable=False),
    Column("wrong", Integer, nullable=False),
    Column("error", String),
)


class Results:
    """The results of one run, in one SQLite file."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def create(cls, file: Path | None) -> "Results":
        """Results to add to: in `file` (made if absent), or in memory for None."""
        memory = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}  # one, for all threads
        engine = create_engine(URL.create("sqlite", database=str(file) if file else None), **({} if file else memory))
        metadata.create_all(engine)
        results = cls(engine)
        results.remember_environment({"results_schema": SCHEMA_VERSION})
        return results

    @classmethod
    def read(cls, file: Path) -> "Results":
        """Results that are there. Raises Refused when they are absent, or of another version."""
        if not file.is_file():
            raise Refused(f"{file}: no results there; 'carenotes report' makes some")
        address = f"file:{quote(str(file))}"
        results = cls(create_engine(URL.create("sqlite", database=address, query={"mode": "ro", "uri": "true"})))
        try:
            version = results.environment().get("results_schema")
        except DatabaseError:
            raise Refused(f"{file}: holds no results of carenotes") from None
        if version != SCHEMA_VERSION:
            raise Refused(f"{file}: results of version {version}; this carenotes reads {SCHEMA_VERSION}")
        return results

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def begin(self, notebook: str, parameters: dict[str, Any]) -> None:
        """Say which parameters a notebook runs with. Raises Refused if it ran here with others."""
        known = self._rows(select(run_table.c.parameters).where(run_table.c.notebook == notebook))
        if not known:
            self._add(run_table, [{"notebook": notebook, "parameters": parameters}])
        elif known[0][0] != parameters:
            raise Refused(f"{notebook}: these results were made with other parameters: {json.dumps(known[0][0])}")

    def remember_environment(self, facts: dict[str, str]) -> None:
        """Keep facts about the machine; those known already stay as they are."""
        known = self.environment()
        self._add(environment_table, [{"name": k, "value": v} for k, v in facts.items() if k not in known])

    def environment(self) -> dict[str, str]:
        """What is known about the machine and the libraries."""
        return {row.name: row.value for row in self._rows(select(environment_table))}

    def finding(self, notebook: str, name: str, find: Callable[[], Any]) -> Any:
        """The value that was found under this name, finding it now if it was not."""
        known = self.known_finding(notebook, name)
        if known is not None:
            return known
        self._add(finding_table, [{"notebook": notebook, "name": name, "value": find()}])
        return self.known_finding(notebook, name)

    def known_finding(self, notebook: str, name: str) -> Any:
        """The value that was found under this name, or None."""
        where = (finding_table.c.notebook == notebook) & (finding_table.c.name == name)
        known = self._rows(select(finding_table.c.value).where(where))
        return known[0][0] if known else None

    def add_round(self, samples: Iterable[dict[str, Any]], latencies: Iterable[dict[str, Any]]) -> None:
        """Keep the samples of one round and the latencies in them, all or none."""
        with self._engine.begin() as connection:
            for table, rows in ((sample_table, list(samples)), (latency_table, list(latencies))):
                if rows:
                    connection.execute(insert(table), rows)

    def add_gate(self, gate: dict[str, Any]) -> None:
        """Keep what the gate found of one condition."""
        self._add(gate_table, [gate])

    def samples(self, notebook: str, experiment: str) -> pd.DataFrame:
        """Raw samples, warm-ups included, in the order in which they were taken."""
        return self._frame(sample_table, notebook, experiment).sort_values(["round", "position"], ignore_index=True)

    def latencies(self, notebook: str, experiment: str) -> pd.DataFrame:
        """What each request waited, in seconds: a row a request, warm-ups left out."""
        frame = self._frame(latency_table, notebook, experiment)
        frame = frame[frame["round"] >= 0].explode("microseconds", ignore_index=True)
        return frame.assign(seconds=frame["microseconds"].astype(float) / 1e6)[["condition", "round", "seconds"]]

    def gates(self, notebook: str | None = None, experiment: str | None = None) -> pd.DataFrame:
        """What the gate found, of every condition."""
        return self._frame(gate_table, notebook, experiment)

    def digests(self) -> dict[str, str]:
        """The digest of each data set that was measured on."""
        rows = self._rows(
            select(finding_table.c.name, finding_table.c.value).where(finding_table.c.name.like("data/%"))
        )
        return {name.removeprefix("data/"): value["digest"] for name, value in rows}

    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table, sorted by its key: what the CSV files hold."""
        order = {table.name: [column.name for column in table.primary_key] for table in metadata.sorted_tables}
        frames = {name: pd.read_sql_table(name, self._engine) for name in order}
        return {name: frame.sort_values(order[name], ignore_index=True) for name, frame in frames.items()}

    def _frame(self, table: Table, notebook: str | None, experiment: str | None) -> pd.DataFrame:
        query = select(table)
        if notebook is not None:
            query = query.where(table.c.notebook == notebook)
        if experiment is not None:
            query = query.where(table.c.experiment == experiment)
        return pd.read_sql_query(query, self._engine)

    def _rows(self, query: Any) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(query))

    def _add(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            with self._engine.begin() as connection:
                connection.execute(insert(table), rows)
