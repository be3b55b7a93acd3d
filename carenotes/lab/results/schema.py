"""The tables of a run's results. Raw samples are never changed; what is computed from them has tables of its own."""

from sqlalchemy import JSON, Column, Float, Integer, MetaData, String, Table

from carenotes.lab.conditions import SHARED

VERSION = "5"

metadata = MetaData()


def _key(*names: str) -> list[Column[str]]:
    return [Column(name, String, primary_key=True) for name in names]


def _replicate() -> Column[int]:
    return Column("replicate", Integer, primary_key=True)  # 1; 2 where the same is run again for the A/A control


run_table = Table("run", metadata, *_key("notebook"), Column("parameters", JSON, nullable=False))
environment_table = Table("environment", metadata, *_key("name"), Column("value", String, nullable=False))
fact_table = Table(
    "fact",  # about data or plans, and no timing: a count, a digest, a query plan
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
_KINDS = {"notes": Integer, "clients": Integer}
condition_table = Table(
    "condition",  # one cell of an experiment by its label, and what it is
    metadata,
    *_key("notebook", "experiment", "condition"),
    Column("place", Integer, nullable=False),  # in the order of the experiment
    *[Column(name, _KINDS.get(name, String)) for name in SHARED],
    Column("particular", JSON, nullable=False),  # fields of this experiment alone: a list of names and values
)
sample_table = Table(
    "sample",  # one condition in one part of a round: `units` of work (queries, notes) took `elapsed_ns`
    metadata,
    *_key("notebook", "experiment", "condition"),
    _replicate(),
    Column("round", Integer, primary_key=True),  # each in a process of its own
    Column("part", Integer, primary_key=True),  # -2 and -1: warm-ups; 0: what counts
    Column("position", Integer, nullable=False),  # place in the round's order
    Column("units", Integer, nullable=False),
    Column("elapsed_ns", Integer, nullable=False),
    Column("checked", Integer, nullable=False),  # answers compared with the right ones
    Column("changed", Integer, nullable=False),  # of them, right for notes that were written meanwhile
    # SHA-256 of the digests of the answers, 16 digits: the same for all conditions that got the same queries
    Column("answers", String),
)
latency_table = Table(
    "latency",  # of each request of a sample, in the order in which they were made
    metadata,
    *_key("notebook", "experiment", "condition"),
    _replicate(),
    Column("round", Integer, primary_key=True),
    *_key("kind"),  # latency; pool wait; event-loop lag
    Column("microseconds", JSON, nullable=False),  # a list
)
correctness_table = Table(
    "correctness",  # answers of a condition that were compared, and how many of them are not the oracle's
    metadata,
    *_key("notebook", "experiment", "condition"),
    _replicate(),
    *_key("stage"),  # "before" the clock started, or "timed" by it
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
    "estimate",  # computed from samples: seconds a unit of work, and the speedup over the baseline
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
    Column("kind", String, nullable=False),  # of the effect: speedup, seconds, exponent; saved is a speedup, too
    Column("said", String, nullable=False),
    Column("contested", String, nullable=False),  # why an audit does not accept the verdict; empty if it does
)
