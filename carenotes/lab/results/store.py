"""What a run keeps: raw samples, gates and findings in one SQLite file, each row written once and never changed."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from sqlalchemy import (
    JSON,
    URL,
    Column,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    insert,
    inspect,
    select,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from carenotes.errors import Refused
from carenotes.lab.runner.workers import TIMED, Sample

SCHEMA_VERSION = "4"
READ_ONLY = "CARENOTES_READ_ONLY"  # set while a page is made anew: what is missing is then an error, not measured

metadata = MetaData()


def _key(*names: str) -> list[Column[str]]:
    return [Column(name, String, primary_key=True) for name in names]


run_table = Table("run", metadata, *_key("notebook"), Column("parameters", JSON, nullable=False))
environment_table = Table("environment", metadata, *_key("name"), Column("value", String, nullable=False))
fact_table = Table(
    "fact",  # a fact about data or plans that is no timing: a count, a digest, a query plan
    metadata,
    *_key("notebook", "name"),
    Column("value", JSON, nullable=False),
)
dataset_table = Table(
    "dataset",  # notes that are measured on
    metadata,
    *_key("notebook", "name"),
    Column("notes", Integer, nullable=False),
    Column("tenants", Integer, nullable=False),
    Column("facilities", Integer, nullable=False),
    Column("first_day", String, nullable=False),
    Column("last_day", String, nullable=False),
    Column("indexes", String, nullable=False),  # that are there, by name
    Column("settings", String, nullable=False),  # that a connection to them has
    Column("digest", String, nullable=False),  # SHA-256 of one line a note, in a canonical order
)
condition_table = Table(
    "condition",  # one cell of an experiment, and what it is: the way to ask, the engine, the index plan
    metadata,
    *_key("notebook", "experiment", "condition"),
    Column("about", JSON, nullable=False),
)
sample_table = Table(
    "sample",  # one condition in one part of a round: `units` of work (queries, notes) took `elapsed_ns`
    metadata,
    *_key("notebook", "experiment", "condition"),
    Column("round", Integer, primary_key=True),  # each in a process of its own
    Column("part", Integer, primary_key=True),  # -2 and -1: warm-ups; 0: what counts
    Column("position", Integer, nullable=False),  # place in the round's order
    Column("units", Integer, nullable=False),
    Column("elapsed_ns", Integer, nullable=False),
    Column("checked", Integer, nullable=False),  # answers compared with the right ones
    Column("changed", Integer, nullable=False),  # of them, right for notes that were written meanwhile
    Column(
        "answers", String
    ),  # SHA-256 of their digests, 16 digits: the same for all conditions that were asked the same
)
latency_table = Table(
    "latency",  # nanoseconds of each request of a sample, in the order in which they were made
    metadata,
    *_key("notebook", "experiment", "condition"),
    Column("round", Integer, primary_key=True),
    *_key("kind"),  # latency; pool wait; lateness of the loop
    Column("microseconds", JSON, nullable=False),  # a list
)
correctness_table = Table(
    "correctness",  # answers of a condition that were compared, and how many of them not as the oracle's
    metadata,
    *_key("notebook", "experiment", "condition", "stage"),  # "before" the clock started, or "timed" by it
    Column("queries", Integer, nullable=False),
    Column("wrong", Integer, nullable=False),
    Column("changed", Integer, nullable=False),  # right for notes that were written meanwhile
    Column("error", String),
)
_interval = ("low", "high")  # null when there are too few rounds for an interval
ceiling_table = Table(
    "ceiling",  # what the machine can do at best, in this run
    metadata,
    *_key("name"),
    Column("value", Float, nullable=False),
    *[Column(name, Float) for name in _interval],
    Column("unit", String, nullable=False),
)
estimate_table = Table(
    "estimate",  # computed from samples: seconds a unit of work, and times as fast as the baseline
    metadata,
    *_key("notebook", "experiment", "condition", "kind"),
    Column("value", Float, nullable=False),
    *[Column(name, Float) for name in _interval],
    Column("rounds", Integer, nullable=False),
)
fit_table = Table(
    "fit",  # computed from samples: a parameter of a law, such as the seconds that a note adds
    metadata,
    *_key("notebook", "experiment", "subject", "parameter"),
    Column("value", Float, nullable=False),
    *[Column(name, Float) for name in _interval],
)
claim_table = Table(
    "claim",  # computed: the verdict on a claim
    metadata,
    *_key("claim"),
    Column("verdict", String, nullable=False),
    Column("effect", Float),
    *[Column(name, Float) for name in _interval],
    Column("kind", String, nullable=False),  # of the effect: times as fast, seconds, power; saved is in times, too
    Column("said", String, nullable=False),
    Column("contested", String, nullable=False),  # why an audit does not accept the verdict; empty if it does
)


class Results:
    """The results of one run, in one SQLite file."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def create(cls, file: Path | None) -> "Results":
        """Results to add to: in `file` (made if absent), or in memory for None.

        Raises Refused for a file of another version, or of something else.
        """
        memory = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}  # one, for all threads
        engine = create_engine(URL.create("sqlite", database=str(file) if file else None), **({} if file else memory))
        results = cls(engine)
        results._hold_version(file, new=True)
        metadata.create_all(engine)
        results.remember_environment({"results_schema": SCHEMA_VERSION})
        return results

    @classmethod
    def read(cls, file: Path) -> "Results":
        """Results that are there. Raises Refused when they are absent, or of another version."""
        if not file.is_file():
            raise Refused(f"{file}: no results there; 'carenotes report' makes some")
        address = f"file:{quote(str(file))}"
        results = cls(create_engine(URL.create("sqlite", database=address, query={"mode": "ro", "uri": "true"})))
        results._hold_version(file)
        return results

    def _hold_version(self, file: Path | None, *, new: bool = False) -> None:
        """Raises Refused if what is there is none of ours; what is `new` may be empty, or have been killed so far."""
        try:
            begun = inspect(self._engine).has_table(environment_table.name)
            version = self.environment().get("results_schema") if begun or not new else None
        except DatabaseError:
            raise Refused(f"{file}: holds no results of carenotes") from None
        if version != SCHEMA_VERSION and not (new and version is None):
            raise Refused(f"{file}: results of version {version}; this carenotes reads {SCHEMA_VERSION}")

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

    def parameters(self, notebook: str) -> dict[str, Any]:
        """What a notebook ran with; empty when it did not."""
        known = self._rows(select(run_table.c.parameters).where(run_table.c.notebook == notebook))
        return dict(known[0][0]) if known else {}

    def started(self, notebook: str) -> bool:
        """Whether a notebook has begun to run here."""
        return bool(self._rows(select(run_table.c.notebook).where(run_table.c.notebook == notebook)))

    def remember_environment(self, facts: dict[str, str]) -> None:
        """Keep facts about what is measured on; those known already stay as they are."""
        known = self.environment()
        self._add(environment_table, [{"name": k, "value": v} for k, v in facts.items() if k not in known])

    def hold_environment_equal(self, facts: dict[str, str]) -> None:
        """Raises Refused if a fact was another when these results were begun: they would be of two machines."""
        known = self.environment()
        for name, fact in facts.items():
            if known.get(name, fact) != fact:
                raise Refused(f"begun with another {name} ({known[name]}; here it is {fact})")

    def environment(self) -> dict[str, str]:
        """What is known about the machine and the libraries."""
        return {row.name: row.value for row in self._rows(select(environment_table))}

    def fact(self, notebook: str, name: str, find: Callable[[], Any]) -> Any:
        """The value that was found under this name, finding it now if it was not."""
        known = self.known_fact(notebook, name)
        if known is not None:
            return known
        self._add(fact_table, [{"notebook": notebook, "name": name, "value": find()}])
        return self.known_fact(notebook, name)

    def known_fact(self, notebook: str, name: str) -> Any:
        """The value that was found under this name, or None."""
        where = (fact_table.c.notebook == notebook) & (fact_table.c.name == name)
        known = self._rows(select(fact_table.c.value).where(where))
        return known[0][0] if known else None

    def dataset(self, notebook: str, name: str, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The facts about notes under this name, found now if they were not."""
        where = (dataset_table.c.notebook == notebook) & (dataset_table.c.name == name)
        known = self._rows(select(dataset_table).where(where))
        if not known:
            self._add(dataset_table, [{"notebook": notebook, "name": name, **find()}])
            known = self._rows(select(dataset_table).where(where))
        return {column: value for column, value in known[0]._mapping.items() if column not in ("notebook", "name")}

    def add_conditions(self, experiment: dict[str, str], about: Mapping[str, Mapping[str, str]]) -> None:
        """Keep what the conditions of an experiment are."""
        known = set(self._frame(condition_table, **experiment)["condition"])
        rows = [{**experiment, "condition": name, "about": dict(what)} for name, what in about.items()]
        self._add(condition_table, [row for row in rows if row["condition"] not in known])

    def add_round(self, experiment: dict[str, str], samples: Iterable[Sample]) -> None:
        """Keep the samples of one round and the times of single requests in them, all or none."""
        kept = list(samples)
        timed = [_sample_row(experiment, one) for one in kept]
        single = [row for one in kept if one.part == TIMED for row in _latency_rows(experiment, one)]
        with self._engine.begin() as connection:
            for table, rows in ((sample_table, timed), (latency_table, single)):
                if rows:
                    connection.execute(insert(table), rows)

    def add_correctness(self, gate: dict[str, Any]) -> None:
        """Keep what the gate found of one condition at a stage; the first word stays."""
        known = self.correctness(gate["notebook"], gate["experiment"])
        if not ((known["condition"] == gate["condition"]) & (known["stage"] == gate["stage"])).any():
            self._add(correctness_table, [gate])

    def add_timed_correctness(self, experiment: dict[str, str]) -> None:
        """Keep how many answers of each condition were compared while it was timed, and none of them wrong."""
        samples = self.samples(**experiment)
        checked = {str(name): int(n) for name, n in samples.groupby("condition")["checked"].sum().items()}
        gates = self.correctness(**experiment)
        wrong = set(gates[gates["wrong"] > 0]["condition"])
        key = (correctness_table.c.notebook == experiment["notebook"]) & (
            correctness_table.c.experiment == experiment["experiment"]
        )
        right = [name for name, count in checked.items() if count and name not in wrong]
        rows = [
            {**experiment, "condition": name, "stage": "timed", "queries": checked[name], "wrong": 0, "changed": 0}
            for name in right
        ]
        with self._engine.begin() as connection:
            connection.execute(
                delete(correctness_table).where(
                    key, correctness_table.c.stage == "timed", correctness_table.c.wrong == 0
                )
            )
            if rows:
                connection.execute(insert(correctness_table), rows)

    def rounds(self, notebook: str, experiment: str) -> set[int]:
        """The rounds that are whole."""
        return {int(number) for number in self.samples(notebook, experiment)["round"]}

    def samples(self, notebook: str, experiment: str) -> pd.DataFrame:
        """Raw samples, warm-ups included, in the order in which they were taken."""
        frame = self._frame(sample_table, notebook, experiment)
        return frame.sort_values(["round", "position", "part"], ignore_index=True)

    def latencies(self, notebook: str, experiment: str) -> pd.DataFrame:
        """What each request took, in seconds, by kind: a row a request."""
        frame = self._frame(latency_table, notebook, experiment).explode("microseconds", ignore_index=True)
        seconds = frame["microseconds"].astype(float) / 1e6
        return frame.assign(seconds=seconds)[["condition", "round", "kind", "seconds"]]

    def correctness(self, notebook: str | None = None, experiment: str | None = None) -> pd.DataFrame:
        """What the gate found, of every condition."""
        return self._frame(correctness_table, notebook, experiment)

    def conditions(self, notebook: str | None = None, experiment: str | None = None) -> pd.DataFrame:
        """What each condition is."""
        return self._frame(condition_table, notebook, experiment)

    def experiments(self) -> list[tuple[str, str]]:
        """Every notebook and experiment that has samples, in order."""
        query = select(sample_table.c.notebook, sample_table.c.experiment).distinct().order_by("notebook", "experiment")
        return [(row.notebook, row.experiment) for row in self._rows(query)]

    def digests(self) -> dict[str, str]:
        """The digest of each data set that was measured on."""
        rows = self._rows(select(dataset_table.c.name, dataset_table.c.digest).order_by(dataset_table.c.notebook))
        return {row.name: row.digest for row in rows}

    def took(self) -> dict[str, dict[str, float]]:
        """Of each notebook that ran in one go: seconds, and bytes of memory and disk at most."""
        query = select(fact_table.c.notebook, fact_table.c.value).where(fact_table.c.name == "took")
        return {row.notebook: row.value for row in self._rows(query.order_by(fact_table.c.notebook))}

    def derive(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Keep what was computed in the place of what was computed before; what is the same is not touched."""
        columns = [column.name for column in table.columns]
        new = sorted(tuple(row.get(name) for name in columns) for row in rows)
        if new != sorted(tuple(row) for row in self._rows(select(table))):
            with self._engine.begin() as connection:
                connection.execute(delete(table))
                if rows:
                    connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in new])

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


def _sample_row(experiment: dict[str, str], sample: Sample) -> dict[str, Any]:
    digests = sample.digests or ()
    answers = hashlib.sha256("".join(digests).encode()).hexdigest()[:16] if digests else None
    names = ("condition", "round", "part", "position", "units", "elapsed_ns")
    row = {**experiment, **{name: getattr(sample, name) for name in names}}
    return row | {"checked": len(digests), "changed": sample.changed, "answers": answers}


def _latency_rows(experiment: dict[str, str], sample: Sample) -> list[dict[str, Any]]:
    return [
        {
            **experiment,
            "condition": sample.condition,
            "round": sample.round,
            "kind": kind,
            "microseconds": [round(ns / 1000) for ns in each],
        }
        for kind, each in sample.details.items()
    ]
