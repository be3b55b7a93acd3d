"""The command line as a user meets it: results on standard output, one line for an error, documented exit statuses."""

import json
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from carenotes import __version__
from carenotes.backends import create_database
from carenotes.seeding import SeedSpec, batches, digest, stored_digest
from tests.conftest import Command, one_line_refusal, run_in


@pytest.fixture
def carenotes(carenotes_here: Command) -> Command:
    """In this process, but where its start is the subject: what is told is the same, and a start takes a second."""
    return carenotes_here


def stats(carenotes: Command, url: str, *more: str) -> dict[str, object]:
    done = carenotes("stats", "--database", url, "--tenant", "2", "--day", "2026-06-25", *more)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.slow
def test_help_and_version(tmp_path: Path, carenotes_here: Command) -> None:
    assert run_in(tmp_path, "--version").stdout.strip() == f"carenotes, version {__version__}"
    for command in ([], ["seed"], ["ingest"], ["stats"], ["index"], ["report"], ["gate"]):
        done = carenotes_here(*command, "--help")
        assert done.returncode == 0
        assert "Usage: " in done.stdout
    assert run_in(tmp_path).stdout == run_in(tmp_path, "--help").stdout


def test_seed_makes_the_notes_of_its_arguments_and_again_does_nothing(carenotes: Command, url: str) -> None:
    arguments = ["seed", "--database", url, "--notes", "1500", "--tenants", "3", "--facilities", "2", "--patients", "7"]
    arguments += ["--days", "9", "--last-day", "2025-03-01", "--random-seed", "5", "--batch-size", "400"]
    first, again = carenotes(*arguments), carenotes(*arguments)
    assert (first.returncode, first.stderr, again.returncode, again.stderr) == (0, "", 0, "")
    assert "1,500 notes written" in first.stdout
    assert again.stdout.strip() == "1,500 notes were there already"
    from datetime import date

    spec = SeedSpec(1500, 3, 2, 7, 9, date(2025, 3, 1), 5)
    with create_database(url).connect() as connection:
        assert stored_digest(connection) == digest(batches(spec, 1500))


def test_a_preset_needs_no_number_of_notes(carenotes: Command, url: str) -> None:
    done = carenotes("seed", "--database", url, "--preset", "original_workload", "--index-plan", "original")
    assert done.returncode == 0, done.stderr
    assert "100,000 notes written" in done.stdout
    assert "index plan original applied" in done.stdout


def test_stats_are_the_answer_as_json_the_same_with_every_aggregator(carenotes: Command, seeded: str) -> None:
    answers = [stats(carenotes, seeded, "--aggregator", name) for name in ("naive", "single_pass", "pushdown")]
    assert answers[0] == answers[1] == answers[2]
    assert list(answers[0]) == [
        "total_notes", "unique_patients", "by_category", "by_priority", "by_facility", "avg_notes_per_patient",
    ]  # fmt: skip
    assert answers[0]["total_notes"]
    assert list(answers[0]["by_priority"]) == ["1", "2", "3", "4", "5"]  # type: ignore[call-overload]


def test_stats_over_days_and_of_some_facilities(carenotes: Command, seeded: str) -> None:
    whole = stats(carenotes, seeded, "--last-day", "2026-06-27")
    parts = [stats(carenotes, seeded, "--last-day", "2026-06-27", "--facility", f) for f in ("1", "2", "3")]
    both = stats(carenotes, seeded, "--last-day", "2026-06-27", "--facility", "1", "--facility", "3")
    assert whole["total_notes"] == sum(part["total_notes"] for part in parts)  # type: ignore[misc]
    assert set(both["by_facility"]) == {"1", "3"}  # type: ignore[call-overload]


def test_index_applies_a_plan_and_shows_how_a_query_then_runs(carenotes: Command, url: str) -> None:
    carenotes("seed", "--database", url, "--notes", "500")
    done = carenotes("index", "--database", url, "--plan", "covering")
    assert done.returncode == 0, done.stderr
    assert "SEARCH care_notes USING COVERING INDEX carenotes_covering" in done.stdout
    assert "SCAN care_notes" in carenotes("index", "--database", url, "--plan", "none").stdout


REFUSALS = {
    "unknown command": (["sead"], "No such command 'sead'"),
    "unknown option": (["stats", "--databse", "x"], "No such option"),
    "missing option": (["stats", "--tenant", "1", "--day", "2026-01-01"], "--database"),
    "unknown aggregator": (
        ["stats", "--tenant", "1", "--day", "2026-01-01", "--aggregator", "magic"],
        "naive, single_pass",
    ),
    "a date that is none": (["stats", "--tenant", "1", "--day", "2026-02-30"], "allowed: YYYY-MM-DD"),
    "a date in another form": (["stats", "--tenant", "1", "--day", "20260210"], "allowed: YYYY-MM-DD"),
    "days in the wrong order": (
        ["stats", "--tenant", "1", "--day", "2026-02-02", "--last-day", "2026-02-01"],
        "is after",
    ),
    "a tenant that is no number": (["stats", "--tenant", "all", "--day", "2026-01-01"], "--tenant"),
    "an empty facility": (["stats", "--tenant", "1", "--day", "2026-01-01", "--facility", ""], "--facility"),
    "unknown plan": (["index", "--plan", "all"], "allowed: none, original, original_meant, date, covering"),
    "no number of notes": (["seed"], "--notes is missing"),
    "no notes": (["seed", "--notes", "0"], "allowed: 1 to"),
    "unknown preset": (["seed", "--preset", "none"], "allowed: original_workload"),
    "a preset with a shape": (["seed", "--preset", "original_workload", "--tenants", "9"], "does not go with --preset"),
    "a batch of nothing": (["seed", "--notes", "10", "--batch-size", "0"], "batch size is 0"),
    "unknown plan to seed": (["seed", "--notes", "10", "--index-plan", "best"], "allowed: none, original"),
}


@pytest.mark.parametrize(("arguments", "said"), REFUSALS.values(), ids=REFUSALS)
def test_a_wrong_argument_is_one_line_that_says_what_is_allowed_and_writes_nothing(
    carenotes: Command, url: str, arguments: list[str], said: str, tmp_path: Path
) -> None:
    if (
        "--databse" not in arguments
        and "missing option" not in said
        and said != "--database"
        and arguments[0] != "sead"
    ):
        arguments = [*arguments, "--database", url]
    assert said in one_line_refusal(carenotes(*arguments))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_absent_database_is_refused_by_every_command_that_reads(
    carenotes: Command, url: str, tmp_path: Path
) -> None:
    for arguments in (["stats", "--tenant", "1", "--day", "2026-01-01"], ["index", "--plan", "date"], ["report"]):
        assert "no such database" in one_line_refusal(carenotes(*arguments, "--database", url))
    assert list(tmp_path.iterdir()) == []


def test_seeding_other_notes_on_top_is_refused_and_leaves_the_database_alone(carenotes: Command, seeded: str) -> None:
    file = Path(seeded.removeprefix("sqlite:///"))
    before = file.read_bytes()
    said = one_line_refusal(carenotes("seed", "--database", seeded, "--notes", "10"))
    assert "--append" in said
    assert file.read_bytes() == before


@pytest.mark.slow
def test_a_locked_database_is_refused(carenotes: Command, seeded: str) -> None:
    holder = sqlite3.connect(seeded.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        done = carenotes("stats", "--database", seeded, "--tenant", "1", "--day", "2026-06-25")
        assert "locked by another process" in one_line_refusal(done)
    finally:
        holder.close()


def test_a_traceback_is_shown_only_to_who_asks_for_it(tmp_path: Path, url: str) -> None:
    carenotes = partial(run_in, tmp_path)
    arguments = ["stats", "--database", url, "--tenant", "1", "--day", "2026-01-01"]
    assert "Traceback" not in carenotes(*arguments).stderr
    assert "Traceback" in carenotes(*arguments, "--debug").stderr
