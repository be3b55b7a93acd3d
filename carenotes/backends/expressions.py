"""The few expressions that each engine spells otherwise."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, String, bindparam, column, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class TextOfTime(FunctionElement[str]):
    """A time as text `YYYY-MM-DD HH:MM:SS.ffffff`."""

    type = String()
    inherit_cache = True


@compiles(TextOfTime)
def _format(element: TextOfTime, compiler: Any, **options: Any) -> str:
    return f"strftime({compiler.process(element.clauses, **options)}, '%Y-%m-%d %H:%M:%S.%f')"


@compiles(TextOfTime, "sqlite")
def _as_it_is(element: TextOfTime, compiler: Any, **options: Any) -> str:
    text: str = compiler.process(element.clauses, **options)
    return text


class _Numbers(FunctionElement[int]):
    """The whole numbers of a JSON list, as a table of one column `value`."""

    inherit_cache = True


@compiles(_Numbers)
def _each(element: _Numbers, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Numbers, "duckdb")
def _unnested(element: _Numbers, compiler: Any, **options: Any) -> str:
    return f"(SELECT unnest(CAST({compiler.process(element.clauses, **options)} AS BIGINT[])) AS value)"


def numbers_in(name: str) -> Select[Any]:
    """SELECT of any number of whole numbers, which travel as one JSON text: databases bound the number of parameters.

    The text is a value of the statement, by this name.
    """
    text: ColumnElement[str] = bindparam(name, type_=String)
    return select(_Numbers(text).table_valued(column("value", BigInteger)).c.value)
