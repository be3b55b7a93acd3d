"""The few expressions that each engine spells otherwise: each in its own module, by `@compiles`."""

from typing import Any, NoReturn

from sqlalchemy import BigInteger, Boolean, ColumnElement, Select, String, bindparam, column, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from typing_extensions import override


class TextOfTime(FunctionElement[str]):
    """A time as text `YYYY-MM-DD HH:MM:SS.ffffff`."""

    type = String()
    inherit_cache = True


class OnDay(FunctionElement[bool]):
    """`OnDay(time, day)`: whether the day of a time is that one, a text `YYYY-MM-DD`, by `date(time) = day`."""

    type = Boolean()
    inherit_cache = True

    @override
    def self_group(self, against: Any = None) -> Any:
        """It is a comparison already: SQLAlchemy would write `... = 1` behind it, and no index is searched by that."""
        return self


class Padded(FunctionElement[str]):
    """`Padded(number, length)`: a whole number as text of a length, filled with zeros or cut from the left."""

    type = String()
    inherit_cache = True


class Numbers(FunctionElement[int]):
    """The whole numbers of a JSON list, as a table of one column `value`."""

    inherit_cache = True


@compiles(TextOfTime)
@compiles(OnDay)
@compiles(Padded)
@compiles(Numbers)
def _unsaid(element: Any, compiler: Any, **_: Any) -> NoReturn:
    name = compiler.dialect.name
    raise NotImplementedError(f"{name} does not say how it spells {type(element).__name__}: see carenotes/backends")


def arguments(element: Any, compiler: Any, options: Any) -> list[str]:
    """The SQL of each argument of an expression; for who spells one."""
    return [compiler.process(one, **options) for one in element.clauses]


def numbers_in(name: str) -> Select[Any]:
    """SELECT of any number of whole numbers, which travel as one JSON text: databases bound the number of parameters.

    The text is a value of the statement, by this name.
    """
    text: ColumnElement[str] = bindparam(name, type_=String)
    return select(Numbers(text).table_valued(column("value", BigInteger)).c.value)
