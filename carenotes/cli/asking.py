"""Commands about a database that is there: `stats`, and `index`, which makes its designs."""

import json
import time
from datetime import date

import click

from carenotes.cli.options import DAY, database_option
from carenotes.errors import Refused


@click.command()
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


@click.command()
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
