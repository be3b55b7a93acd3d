"""The command line: arguments, calls and messages, nothing else. Errors are one line, exit statuses as documented."""

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import click

from carenotes import __version__
from carenotes.errors import CarenotesError, Failed, Refused

INTERRUPTED = 130


class Day(click.ParamType[date]):
    """A calendar day, written YYYY-MM-DD."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The date, or a usage error that says what is allowed."""
        if isinstance(value, date):
            return value
        try:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day; allowed: YYYY-MM-DD", param, ctx)


DAY = Day()
database_option = click.option(
    "--database", required=True, metavar="URL", help="Database URL, such as sqlite:///notes.db."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="carenotes")
def cli(debug: bool) -> None:
    """Find out, with evidence, what makes a multi-tenant dashboard question fast."""


@cli.command()
@database_option
@click.option("--notes", type=int, help="How many notes to make.  [required without --preset]")
@click.option("--tenants", type=int, help="Tenants.  [default: 20]")
@click.option("--facilities", type=int, help="Facilities a tenant.  [default: 12]")
@click.option("--patients", type=int, help="Patients a facility.  [default: 80]")
@click.option("--days", type=int, help="Days, the last one included.  [default: 90]")
@click.option("--last-day", type=DAY, help="The last day with notes.  [default: 2026-06-30]")
@click.option("--random-seed", type=int, default=1, show_default=True, help="The same seed gives the same notes.")
@click.option("--batch-size", type=int, help="Notes a transaction.  [default: 100000]")
@click.option("--index-plan", default="none", show_default=True, help="Indexes to build after the load.")
@click.option("--preset", help="original_workload: the workload of the report that this project grew from.")
@click.option("--append", is_flag=True, help="Add to notes that are there already.")
def seed(database: str, batch_size: int | None, index_plan: str, append: bool, **shape: Any) -> None:
    """Fill a database with made-up notes; run again to finish what was interrupted."""
    from carenotes import designs, seeding
    from carenotes.backends import create_database

    spec = _spec(**shape)
    designs.design(index_plan)
    size = seeding.BATCH_SIZE if batch_size is None else batch_size
    if size < 1:
        raise Refused(f"batch size is {size}; allowed: 1 or more")
    began = time.perf_counter()
    engine = create_database(database)
    with _progress(spec.notes, "notes") as bar:
        loaded = seeding.load(engine, spec, batch_size=size, append=append, progress=bar.update)
    seconds = time.perf_counter() - began
    if loaded.written:
        click.echo(f"{loaded.written:,} notes written in {seconds:.1f} s ({loaded.written / seconds:,.0f} notes/s)")
    if loaded.before:
        click.echo(f"{loaded.before:,} notes were there already")
    if index_plan != "none":
        designs.prepare(engine, index_plan)
        click.echo(f"index plan {index_plan} applied")


def _spec(preset: str | None, notes: int | None, **shape: Any) -> Any:
    """The arguments as a SeedSpec; a preset has its own shape."""
    from carenotes.seeding import SeedSpec

    given = {name: value for name, value in shape.items() if value is not None}
    if preset is None:
        if notes is None:
            raise Refused("--notes is missing: how many notes to make")
        return SeedSpec(notes, **given)
    fixed = sorted(given.keys() & {"tenants", "facilities", "patients", "days"})
    if fixed:
        raise Refused(f"--{fixed[0]} does not go with --preset, which has its own")
    if preset != "original_workload":
        raise Refused(f"{preset}: no such preset; allowed: original_workload")
    return SeedSpec.original_workload(**(given if notes is None else given | {"notes": notes}))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@database_option
@click.option("--map", "pairs", multiple=True, metavar="OURS=THEIRS", help="The file's name of a column; repeatable.")
@click.option("--any-category", is_flag=True, help="Take every category, not only the three of ours.")
@click.option("--any-priority", is_flag=True, help="Take every whole number as a priority, not only 1 to 5.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where bad rows go.  [default: beside FILE]")
def ingest(
    file: Path, database: str, pairs: tuple[str, ...], any_category: bool, any_priority: bool, rejects: Path | None
) -> None:
    """Bring in notes of your own, .csv, .csv.gz or .parquet; run again to finish what was interrupted.

    Needed columns: tenant_id, facility_id, patient_id, category, priority, created_at; created_by and note_text may
    be there. Rows that are no notes go to a CSV file with their line and the reason.
    """
    from carenotes import seeding
    from carenotes.backends import create_database

    mapping = seeding.parse_mapping(pairs)
    options: dict[str, Any] = {"any_category": any_category, "any_priority": any_priority, "rejects": rejects}
    began = time.perf_counter()
    with _progress(None, "rows looked at") as bar:
        surveyed = seeding.survey(file, mapping, **options, progress=bar.update)
    engine = create_database(database)
    with _progress(surveyed.rows, "rows") as bar:
        done = seeding.bring_in(engine, surveyed, progress=bar.update)
    seconds = time.perf_counter() - began
    if done.already:
        click.echo(f"{file}: already ingested")
    reasons = f" (reasons in {done.rejects})" if done.rejected else ""
    counts = f"{done.before + done.written:,} ingested, {done.rejected:,} rejected{reasons}"
    click.echo(f"{done.read:,} rows read: {counts}")
    if done.written:
        click.echo(f"{done.written:,} notes written in {seconds:.1f} s ({done.written / seconds:,.0f} notes/s)")


@cli.command()
@database_option
@click.option("--tenant", type=int, required=True, help="Tenant to ask about.")
@click.option("--day", type=DAY, required=True, help="First day, UTC.")
@click.option("--last-day", type=DAY, help="Last day, included.  [default: the first day]")
@click.option("--facility", type=int, multiple=True, help="Only this facility; may be repeated.  [default: all]")
@click.option("--aggregator", default="pushdown", show_default=True, help="The way to answer.")
def stats(
    database: str, tenant: int, day: date, last_day: date | None, facility: tuple[int, ...], aggregator: str
) -> None:
    """Answer one query, as JSON."""
    from carenotes import designs
    from carenotes.aggregators import aggregator as named
    from carenotes.backends import open_database, told_plainly
    from carenotes.queries import StatsQuery

    answer_with = named(aggregator)
    try:
        query = StatsQuery(tenant, day, day if last_day is None else last_day, facility or None)
    except ValueError as error:
        raise Refused(str(error)) from None
    engine = open_database(database, read_only=True)
    with told_plainly(database), engine.connect() as connection:
        designs.check_needs(connection, aggregator)
        answer = answer_with(connection, query)
    click.echo(json.dumps(answer.as_json(), indent=2))


@cli.command()
@database_option
@click.option("--plan", required=True, help="A design by name: none, original, date, covering ...")
@click.option("--months-ahead", type=int, metavar="N", help="Of partitions: make N months after the latest note, too.")
def index(database: str, plan: str, months_ahead: int | None) -> None:
    """Make an index plan, or a design of an aggregator's own, the only one of ours; show how a query then runs."""
    from carenotes import designs
    from carenotes.aggregators import AGGREGATORS, NEEDS
    from carenotes.backends import open_database, told_plainly
    from carenotes.lab.notes.workload import any_query
    from carenotes.statements import query_plan

    wanted = designs.design(plan)
    if months_ahead is not None and (not wanted.by_month or months_ahead < 0):
        plans = " or ".join(name for name, one in designs.DESIGNS.items() if one.by_month)
        raise Refused(f"--months-ahead is a number of months, 0 or more, and goes with --plan {plans} alone")
    engine = open_database(database)
    began = time.perf_counter()
    designs.prepare(engine, plan)
    click.echo(f"{designs.title(plan)}: made in {time.perf_counter() - began:.1f} s")
    if months_ahead is not None:
        made = designs.make_months(engine, wanted, months_ahead)
        click.echo(f"months made: {', '.join(made) or 'none, they were there'}")
    own = [name for name, needs in NEEDS.items() if needs.design.name == plan != "none"]
    shown = own[0] if own else "pushdown"
    with told_plainly(database), engine.connect() as connection:
        query = any_query(connection)
        click.echo(f"{shown}, tenant {query.tenant_id}, {query.first_day}:")
        for step in query_plan(connection, lambda asked: AGGREGATORS[shown](asked, query)):
            click.echo(f"  {step}")


@cli.group()
def rollup() -> None:
    """Counts and patient sets of each facility and day, and of longer times: made, kept true, and looked through."""


@rollup.command("build")
@database_option
@click.option("--first-day", type=DAY, help="Notes before it stay out, and are counted when they are asked for.")
def rollup_build(database: str, first_day: date | None) -> None:
    """Make the rollup while others write; run again to finish what was interrupted."""
    from carenotes.backends import open_database
    from carenotes.rollup.building import build

    engine = open_database(database)
    began = time.perf_counter()
    with _progress(None, "notes") as bar:
        read = build(engine, first_day or date.min, progress=bar.update)
    seconds = time.perf_counter() - began
    click.echo(f"{read:,} notes in {seconds:.1f} s ({read / seconds:,.0f} notes/s)" if read else "it is there already")


@rollup.command("refresh")
@database_option
def rollup_refresh(database: str) -> None:
    """Work off what was marked since the last refresh."""
    from carenotes.backends import open_database
    from carenotes.rollup.refreshing import refresh

    engine = open_database(database)
    began = time.perf_counter()
    leaves = refresh(engine)
    click.echo(f"{leaves:,} days of facilities made anew in {time.perf_counter() - began:.1f} s")


@rollup.command("verify")
@database_option
def rollup_verify(database: str) -> None:
    """Compare every node with the notes, and name those that are wrong; exit status 1 when any is."""
    from carenotes.backends import open_database
    from carenotes.rollup.verifying import verify

    wrong = 0
    with _progress(None, "notes") as bar:
        for one in verify(open_database(database, read_only=True), bar.update):
            wrong += 1
            click.echo(one)
    if wrong:
        raise Failed(f"{wrong:,} nodes are wrong; 'carenotes index --database URL --plan rollup' makes them anew")
    click.echo("every node is what the notes say")


@cli.command()
@click.option(
    "--profile",
    default="standard",
    show_default=True,
    help="smoke, standard or full; standard-2, full-3 ... on other data.",
)
@click.option("--database", metavar="URL", help="Your own notes; they are only read.  [default: seeded ones]")
@click.option("--only", metavar="02,04", help="Only these notebooks.")
@click.option("--out", type=click.Path(path_type=Path), help="The run folder.  [default: reports/runs/<time>]")
@click.option("--from-results", type=click.Path(path_type=Path), help="Make a finished run's page anew.")
def report(profile: str, database: str | None, only: str | None, out: Path | None, from_results: Path | None) -> None:
    """Run the notebooks and write one HTML report; its path is the last line printed."""
    with _report_extra():
        from carenotes.report.runs import run as runs
    names = None if only is None else only.split(",")
    if from_results is not None:
        if database or out:
            raise Refused("--from-results goes with --only alone: it measures nothing and writes in place")
        outcome = runs.remake(from_results, names)
    else:
        outcome = runs.report(profile, database=database, only=names, out=out)
    click.echo(outcome.page)
    if outcome.failed:
        raise Failed(f"failed: {', '.join(outcome.failed)}; the page says where")


@cli.command()
@click.argument("revision_a", metavar="REV_A")
@click.argument("revision_b", metavar="REV_B")
@click.option("--notes", type=int, default=100_000, show_default=True, help="How many notes to ask about.")
@click.option("--rounds", type=int, default=12, show_default=True, help="Rounds; each starts fresh processes.")
@click.option("--matters", type=float, default=1.10, show_default=True, help="The smallest ratio that matters.")
@click.option("--random-seed", type=int, default=1, show_default=True, help="Of notes, queries and turns.")
@click.option("--only", metavar="naive,hit", help="Only these: aggregators, or hit, an answer from QueryCache.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write all of it to this file.")
def gate(revision_a: str, revision_b: str, only: str | None, file: Path | None, **settings: Any) -> None:
    """Tell whether revision B answers slower than revision A by more than matters.

    Run it in a git checkout of carenotes. A revision is a commit, branch or tag, or . for the working tree as it is,
    uncommitted changes included. Both are run by this Python with the libraries that it has installed: a revision
    that needs others cannot be compared. Exit status 1 when anything is slower, or an answer is wrong.
    """
    try:
        import scipy  # noqa: F401  (imported late by the estimates: without it, the answer is now, not in minutes)

        from carenotes.lab.revisions import regression
        from carenotes.report import regression as told
    except ModuleNotFoundError as error:
        needed = str(error.name).partition(".")[0]
        raise Refused(f"the gate needs {needed}: pip install 'carenotes[report]'") from None
    if file is not None and not file.absolute().parent.is_dir():
        raise Refused(f"{file}: its folder does not exist")
    chosen = regression.Settings(**settings, only=None if only is None else tuple(only.split(",")))
    try:
        with _progress(chosen.rounds, "rounds") as bar:
            compared = regression.compare(revision_a, revision_b, chosen, bar.update)
    except KeyboardInterrupt:
        raise _Interrupted("interrupted; nothing of it is kept") from None
    if file is not None:
        file.write_text(json.dumps(told.as_json(compared), indent=2) + "\n")
    click.echo(told.text(compared))
    if not compared.passed:
        raise Failed(told.verdict(compared))


class _Interrupted(CarenotesError):  # noqa: N818
    """Stopped by its user, with other words than those of a command that can be finished."""

    exit_status = INTERRUPTED


@cli.command()
@click.argument("run_a", type=click.Path(path_type=Path))
@click.argument("run_b", type=click.Path(path_type=Path))
@click.option("--same", multiple=True, type=click.Path(path_type=Path), help="A further run like RUN_A; repeatable.")
@click.option("--matters", type=float, default=1.10, show_default=True, help="The smallest ratio that counts.")
@click.option("--across-machines", is_flag=True, help="Compare though the environments differ.")
@click.option("--all", "every", is_flag=True, help="Every condition, not only those that changed.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page as well; its path is the last line.")
def compare(
    run_a: Path,
    run_b: Path,
    same: tuple[Path, ...],
    matters: float,
    across_machines: bool,
    every: bool,
    html: Path | None,
) -> None:
    """Set two finished runs side by side: what is slower in RUN_B, what faster, what cannot be told."""
    with _report_extra():
        from carenotes.report.two_runs import compare as comparing
        from carenotes.report.two_runs import compared
    found = comparing.compare(run_a, run_b, same=same, matters=matters, across_machines=across_machines)
    if html is not None:
        compared.page(found, html)
    click.echo(compared.text(found, every))
    if html is not None:
        click.echo(html)


@cli.command()
@click.argument("kind", type=click.Choice(["postgresql"]))
@click.option("--port", type=click.IntRange(1, 65_535), help="Of 127.0.0.1.  [default: a free one]")
def server(kind: str, port: int | None) -> None:  # noqa: ARG001 - there is one kind so far
    """Start a server to try things on, and print its URL; Ctrl-C ends it and removes what it holds."""
    from carenotes.servers.postgresql import postgresql

    with _report_extra(), postgresql(port) as started:
        click.echo(started.url.set(drivername="postgresql").render_as_string(hide_password=False))
        click.echo("Ctrl-C ends it, and removes what it holds", err=True)
        try:
            while True:
                started.process.check()
                time.sleep(0.2)
        except KeyboardInterrupt:
            pass


@contextmanager
def _report_extra() -> Iterator[None]:
    """Say how to get what the report needs and a bare installation has not."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise Refused(f"the report needs {error.name}: pip install 'carenotes[report]'") from None


def _progress(total: int | None, unit: str) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit=f" {unit}", unit_scale=True, disable=None, dynamic_ncols=True)


def run(arguments: list[str] | None = None) -> NoReturn:
    """The console script: run a command, turn every error into one line and an exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    rest = [one for one in arguments if one != "--debug"] or ["--help"]
    try:
        status = cli.main(rest, prog_name="carenotes", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        message, status = _told(error)
        click.echo(f"carenotes: {message}", err=True)
        sys.exit(status)


def _told(error: BaseException) -> tuple[str, int]:
    if isinstance(error, CarenotesError):
        return " ".join(str(error).split()), error.exit_status
    if isinstance(error, click.ClickException):
        return " ".join(error.format_message().split()), 2
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return "interrupted; what was finished is kept, the same command goes on", INTERRUPTED
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or error}", Failed.exit_status
    return f"unexpected {type(error).__name__}: {str(error).splitlines()[0]}; --debug shows where", Failed.exit_status
