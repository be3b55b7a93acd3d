"""What a run keeps: raw samples, checks and facts in one SQLite file, each row written once and never changed."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from sqlalchemy import (
    URL,
    ColumnElement,
    Engine,
    Table,
    and_,
    create_engine,
    delete,
    func,
    insert,
    inspect,
    select,
    true,
)
from sqlalchemy.dialects.sqlite import insert as insert_new
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from carenotes.errors import Refused
from carenotes.lab.conditions import SHARED, Condition
from carenotes.lab.results.schema import (
    VERSION,
    condition_table,
    correctness_table,
    dataset_table,
    environment_table,
    fact_table,
    latency_table,
    metadata,
    run_table,
    sample_table,
)
from carenotes.lab.runner.workers import TIMED, Sample

READ_ONLY = "CARENOTES_READ_ONLY"  # set while a page is made anew: what is missing is then an error, not measured

Experiment = Mapping[str, str]  # its `notebook` and its name, `experiment`


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
        results.remember_environment({"results_schema": VERSION})
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
        if version != VERSION and not (new and version is None):
            raise Refused(f"{file}: results of version {version}; this carenotes reads {VERSION}")

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

    def knows_environment(self) -> bool:
        """Whether somebody has said what is measured on."""
        return "cpu" in self.environment()

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

    def add_conditions(self, experiment: Experiment, conditions: Mapping[str, Condition]) -> None:
        """Keep what the conditions of an experiment are, by their labels."""
        known = self.conditions(**experiment)
        rows = [
            {**experiment, "condition": label, "place": place, **_condition_row(one)}
            for place, (label, one) in enumerate(conditions.items(), len(known))
            if label not in known
        ]
        self._add(condition_table, rows)

    def conditions(self, notebook: str, experiment: str) -> dict[str, Condition]:
        """What each condition of an experiment is, by its label, in the experiment's order."""
        here = _of(condition_table, notebook, experiment)
        rows = self._rows(select(condition_table).where(here).order_by(condition_table.c.place))
        return {
            row.condition: Condition(
                **{name: getattr(row, name) for name in SHARED},
                particular=tuple((name, value) for name, value in row.particular),
            )
            for row in rows
        }

    def add_round(self, experiment: Experiment, samples: Iterable[Sample]) -> None:
        """Keep the samples of one round and the times of single requests in them, all or none."""
        kept = list(samples)
        timed = [_sample_row(experiment, one) for one in kept]
        single = [row for one in kept if one.part == TIMED for row in _latency_rows(experiment, one)]
        with self._engine.begin() as connection:
            for table, rows in ((sample_table, timed), (latency_table, single)):
                if rows:
                    connection.execute(insert(table), rows)

    def add_correctness(self, found: Iterable[Mapping[str, Any]]) -> None:
        """Keep what comparing the answers of conditions at a stage found, a row each; the first word stays."""
        names = [column.name for column in correctness_table.primary_key]
        known = set(self._rows(select(*(correctness_table.c[name] for name in names))))
        new = [dict(one) for one in found if tuple(one[name] for name in names) not in known]
        if new:  # else nothing is written, as when a page is made anew
            with self._engine.begin() as connection:
                connection.execute(insert_new(correctness_table).on_conflict_do_nothing(), new)

    def add_timed_correctness(self, experiment: Experiment) -> None:
        """Keep how many answers of each condition were compared while it was timed, and none of them wrong."""
        of, table = sample_table.c, correctness_table.c
        total = func.sum(of.checked)
        checked = select(of.condition, of.replicate, total).group_by(of.condition, of.replicate).having(total > 0)
        here = _of(correctness_table, **experiment)
        wrong = set(self._rows(select(table.condition, table.replicate).where(here, table.wrong > 0)))
        rows = [
            {**experiment, "condition": name, "replicate": replicate, "stage": "timed", "queries": count}
            | {"wrong": 0, "changed": 0}
            for name, replicate, count in self._rows(checked.where(_of(sample_table, **experiment)))
            if (name, replicate) not in wrong
        ]
        with self._engine.begin() as connection:
            connection.execute(delete(correctness_table).where(here, table.stage == "timed", table.wrong == 0))
            if rows:
                connection.execute(insert(correctness_table), rows)

    def rounds(self, notebook: str, experiment: str) -> set[int]:
        """The rounds that are whole."""
        here = _of(sample_table, notebook, experiment)
        return {number for (number,) in self._rows(select(sample_table.c.round).where(here).distinct())}

    def samples(self, notebook: str, experiment: str) -> pd.DataFrame:
        """Raw samples, warm-ups included, in the order in which they were taken."""
        frame = self._frame(sample_table, notebook, experiment)
        return frame.sort_values(["round", "position", "part"], ignore_index=True)

    def latencies(self, notebook: str, experiment: str) -> pd.DataFrame:
        """What each request took, in seconds, by kind: a row a request."""
        frame = self._frame(latency_table, notebook, experiment)
        if not frame.empty:  # few experiments have any
            frame = frame.explode("microseconds", ignore_index=True)
        seconds = frame["microseconds"].astype(float) / 1e6
        return frame.assign(seconds=seconds)[["condition", "replicate", "round", "kind", "seconds"]]

    def correctness(self, notebook: str | None = None, experiment: str | None = None) -> pd.DataFrame:
        """What comparing answers found, of every condition."""
        return self._frame(correctness_table, notebook, experiment)

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
        return pd.read_sql_query(select(table).where(_of(table, notebook, experiment)), self._engine)

    def _rows(self, query: Any) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(query))

    def _add(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            with self._engine.begin() as connection:
                connection.execute(insert(table), rows)


def _of(table: Table, notebook: str | None, experiment: str | None) -> ColumnElement[bool]:
    """The rows of a notebook and an experiment; of all where none is named."""
    wanted = {"notebook": notebook, "experiment": experiment}
    return and_(true(), *(table.c[name] == value for name, value in wanted.items() if value is not None))


def _condition_row(one: Condition) -> dict[str, Any]:
    return {name: getattr(one, name) for name in SHARED} | {"particular": [list(pair) for pair in one.particular]}


def _sample_row(experiment: Experiment, sample: Sample) -> dict[str, Any]:
    digests = sample.digests or ()
    answers = hashlib.sha256("".join(digests).encode()).hexdigest()[:16] if digests else None
    row = {**experiment, "condition": sample.cell.condition, "replicate": sample.cell.replicate}
    row |= {name: getattr(sample, name) for name in ("round", "part", "position", "units", "elapsed_ns")}
    return row | {"checked": len(digests), "changed": sample.changed, "answers": answers}


def _latency_rows(experiment: Experiment, sample: Sample) -> list[dict[str, Any]]:
    row = {**experiment, "condition": sample.cell.condition, "replicate": sample.cell.replicate, "round": sample.round}
    return [
        row | {"kind": kind, "microseconds": [round(ns / 1000) for ns in each]} for kind, each in sample.details.items()
    ]
