"""The command line: arguments, calls and messages, nothing else. Errors are one line, exit statuses as documented."""

import sys
from typing import NoReturn

import click

from carenotes import __version__
from carenotes.cli.asking import index, stats
from carenotes.cli.filling import ingest, seed
from carenotes.cli.measuring import compare, gate, report
from carenotes.cli.rollups import rollup
from carenotes.cli.serving import server
from carenotes.errors import INTERRUPTED, CarenotesError, Failed


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="carenotes")
def cli(debug: bool) -> None:
    """Find out, with evidence, what makes a multi-tenant dashboard question fast."""


for _command in (seed, ingest, stats, index, rollup, report, gate, compare, server):
    cli.add_command(_command)


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
