"""The few expressions that each engine spells otherwise: each in its own module, by `@compiles`."""

from typing import Any, NoReturn

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Join,
    Select,
    String,
    TableValuedAlias,
    bindparam,
    column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeEngine
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


class DayNumber(FunctionElement[int]):
    """The day of a time as a number, 1 being 0001-01-01, as `date.toordinal` has it."""

    type = BigInteger()
    inherit_cache = True


class Among(FunctionElement[bool]):
    """`Among(number, list)`: whether a number is one of a JSON list, each of which is looked for in an index."""

    # No Boolean, although it is one: where an engine has no such type, `= 1` would be put behind, and no index used.
    type: TypeEngine[Any] = NullType()
    inherit_cache = True


class Spans(FunctionElement[Any]):
    """The pairs of times of a JSON list `[["first", "last"], ...]`, as a table of two columns `first`, `last`."""

    inherit_cache = True


class Pairs(FunctionElement[Any]):
    """The pairs of whole numbers of a JSON list `[[1, 2], ...]`, as a table of two columns `first`, `second`."""

    inherit_cache = True


class Nested(Join):
    """A join that is begun from its left side: for each row there the right side is searched."""

    inherit_cache = True


@compiles(Nested)
def _nested(element: Nested, compiler: Any, **options: Any) -> str:
    options["asfrom"] = True
    left, right = (compiler.process(one, **options) for one in (element.left, element.right))
    return f"{left} CROSS JOIN {right}"


@compiles(TextOfTime)
@compiles(DayNumber)
@compiles(Among)
@compiles(Spans)
@compiles(Pairs)
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


def among(number: ColumnElement[int], name: str) -> ColumnElement[bool]:
    """Whether a number is one of a list that travels as one JSON text: a value of the statement, by this name."""
    return Among(number, bindparam(name, type_=String))


def spans_in(name: str) -> TableValuedAlias:
    """A table of pairs of times `first`, `last`, which travel in the same way: each as `YYYY-MM-DD HH:MM:SS.ffffff`."""
    text: ColumnElement[str] = bindparam(name, type_=String)
    return Spans(text).table_valued(column("first", DateTime), column("last", DateTime), name="spans")


def pairs_in(name: str) -> Select[Any]:
    """SELECT of any number of pairs of whole numbers, which travel in the same way."""
    text: ColumnElement[str] = bindparam(name, type_=String)
    pairs = Pairs(text).table_valued(column("first", BigInteger), column("second", BigInteger), name="pairs")
    return select(pairs.c.first, pairs.c.second)
