"""The command `server`: a server to try things on."""

import time

import click

from carenotes.cli.options import report_extra


@click.command()
@click.argument("kind", type=click.Choice(["postgresql"]))
@click.option("--port", type=click.IntRange(1, 65_535), help="Of 127.0.0.1.  [default: a free one]")
def server(kind: str, port: int | None) -> None:  # noqa: ARG001 - there is one kind so far
    """Start a server to try things on, and print its URL; Ctrl-C ends it and removes what it holds."""
    from carenotes.servers.postgresql import postgresql

    with report_extra(), postgresql(port) as started:
        click.echo(started.url.set(drivername="postgresql").render_as_string(hide_password=False))
        click.echo("Ctrl-C ends it, and removes what it holds", err=True)
        try:
            while True:
                started.process.check()
                time.sleep(0.2)
        except KeyboardInterrupt:
            pass
