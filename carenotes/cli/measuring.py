"""Commands that measure, and tell what was measured: `report`, `gate` and `compare`."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from carenotes.cli.options import progress, report_extra
from carenotes.errors import Failed, Interrupted, Refused


@click.command()
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
    if from_results is not None and (database or out):
        raise Refused("--from-results goes with --only alone: it measures nothing and writes in place")
    names = None if only is None else only.split(",")
    with ExitStack() as meanwhile:
        with report_extra():
            from carenotes.report.runs.kernels import forked

            meanwhile.enter_context(forked())  # it loads what notebooks need while we load what a run needs
            from carenotes.report.runs import run as runs
        if from_results is not None:
            outcome = runs.remake(from_results, names)
        else:
            outcome = runs.report(profile, database=database, only=names, out=out)
    click.echo(outcome.page)
    if outcome.failed:
        raise Failed(f"failed: {', '.join(outcome.failed)}; the page says where")


@click.command()
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
        with progress(chosen.rounds, "rounds") as bar:
            compared = regression.compare(revision_a, revision_b, chosen, bar.update)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; nothing of it is kept") from None
    if file is not None:
        file.write_text(json.dumps(told.as_json(compared), indent=2) + "\n")
    click.echo(told.text(compared))
    if not compared.passed:
        raise Failed(told.verdict(compared))


@click.command()
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
    with report_extra():
        from carenotes.report.two_runs import compare as comparing
        from carenotes.report.two_runs import compared
    found = comparing.compare(run_a, run_b, same=same, matters=matters, across_machines=across_machines)
    if html is not None:
        compared.page(found, html)
    click.echo(compared.text(found, every))
    if html is not None:
        click.echo(html)
