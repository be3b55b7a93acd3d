"""What `carenotes.backends.expressions` lists, as PostgreSQL spells it."""

from typing import Any

from sqlalchemy.ext.compiler import compiles

from carenotes.backends.expressions import Among, DayNumber, Numbers, OnDay, Padded, Pairs, Spans, TextOfTime, arguments


@compiles(TextOfTime, "postgresql")
def _time(element: TextOfTime, compiler: Any, **options: Any) -> str:
    return f"to_char({arguments(element, compiler, options)[0]}, 'YYYY-MM-DD HH24:MI:SS.US')"


@compiles(OnDay, "postgresql")
def _on_day(element: OnDay, compiler: Any, **options: Any) -> str:
    moment, day = arguments(element, compiler, options)
    return f"date({moment}) = CAST({day} AS DATE)"


@compiles(Padded, "postgresql")
def _padded(element: Padded, compiler: Any, **options: Any) -> str:
    number, length = arguments(element, compiler, options)
    return f"right(lpad(CAST({number} AS TEXT), greatest({length}, 20), '0'), {length})"


@compiles(Numbers, "postgresql")
def _numbers(element: Numbers, compiler: Any, **options: Any) -> str:
    listed = arguments(element, compiler, options)[0]
    return f"(SELECT CAST(json_array_elements_text(CAST({listed} AS JSON)) AS BIGINT) AS value)"


@compiles(DayNumber, "postgresql")
def _day_number(element: DayNumber, compiler: Any, **options: Any) -> str:
    return f"(CAST({arguments(element, compiler, options)[0]} AS DATE) - DATE '0001-01-01') + 1"


@compiles(Among, "postgresql")
def _among(element: Among, compiler: Any, **options: Any) -> str:
    number, listed = arguments(element, compiler, options)
    return f"{number} = ANY(CAST(translate({listed}, '[]', '{{}}') AS BIGINT[]))"


@compiles(Spans, "postgresql")
def _spans(element: Spans, compiler: Any, **options: Any) -> str:
    pairs = f"json_array_elements(CAST({arguments(element, compiler, options)[0]} AS JSON)) AS pair"
    ends = "CAST(pair ->> 0 AS TIMESTAMP) AS first, CAST(pair ->> 1 AS TIMESTAMP) AS last"
    return f"(SELECT {ends} FROM {pairs})"  # noqa: S608 - no value: its place


@compiles(Pairs, "postgresql")
def _pairs(element: Pairs, compiler: Any, **options: Any) -> str:
    pairs = f"json_array_elements(CAST({arguments(element, compiler, options)[0]} AS JSON)) AS pair"
    ends = "CAST(pair ->> 0 AS BIGINT) AS first, CAST(pair ->> 1 AS BIGINT) AS second"
    return f"(SELECT {ends} FROM {pairs})"  # noqa: S608 - no value: its place
