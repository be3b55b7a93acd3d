"""Commands that make a rollup and keep it: `rollup build`, `refresh` and `verify`."""

import time
from datetime import date

import click

from carenotes.cli.options import DAY, database_option, progress
from carenotes.errors import Failed


@click.group()
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
    with progress(None, "notes") as bar:
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
    with progress(None, "notes") as bar:
        for one in verify(open_database(database, read_only=True), bar.update):
            wrong += 1
            click.echo(one)
    if wrong:
        raise Failed(f"{wrong:,} nodes are wrong; 'carenotes index --database URL --plan rollup' makes them anew")
    click.echo("every node is what the notes say")
