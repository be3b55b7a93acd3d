"""Commands that fill a database: `seed` and `ingest`."""

import time
from pathlib import Path
from typing import Any

import click

from carenotes.cli.options import DAY, database_option, progress
from carenotes.errors import Refused


@click.command()
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
    with progress(spec.notes, "notes") as bar:
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


@click.command()
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
    with progress(None, "rows looked at") as bar:
        surveyed = seeding.survey(file, mapping, **options, progress=bar.update)
    engine = create_database(database)
    with progress(surveyed.rows, "rows") as bar:
        done = seeding.bring_in(engine, surveyed, progress=bar.update)
    seconds = time.perf_counter() - began
    if done.already:
        click.echo(f"{file}: already ingested")
    reasons = f" (reasons in {done.rejects})" if done.rejected else ""
    counts = f"{done.before + done.written:,} ingested, {done.rejected:,} rejected{reasons}"
    click.echo(f"{done.read:,} rows read: {counts}")
    if done.written:
        click.echo(f"{done.written:,} notes written in {seconds:.1f} s ({done.written / seconds:,.0f} notes/s)")
