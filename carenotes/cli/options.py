"""What several commands have in common: kinds of arguments, progress, and what a bare installation has not."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import click

from carenotes.errors import Refused


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


@contextmanager
def report_extra() -> Iterator[None]:
    """Say how to get what the report needs and a bare installation has not."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise Refused(f"the report needs {error.name}: pip install 'carenotes[report]'") from None


def progress(total: int | None, unit: str) -> Any:
    """What shows on a terminal how far something has come; nothing elsewhere."""
    from tqdm import tqdm

    return tqdm(total=total, unit=f" {unit}", unit_scale=True, disable=None, dynamic_ncols=True)
