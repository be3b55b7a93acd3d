"""`python -m carenotes` is the command line."""

from carenotes.cli import run

run()
