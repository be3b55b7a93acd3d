"""The physical designs by name, and how a database gets one: index plans, and what aggregators need of their own."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Connection, Dialect, Engine
from sqlalchemy.schema import CreateIndex

from carenotes.aggregators import NEEDS
from carenotes.backends import BACKENDS, backend_of, refuse_view, told_plainly
from carenotes.backends.upkeep import fresh
from carenotes.design import INDEX_PLANS, Design, Structure, notes_index
from carenotes.errors import Refused

# What an engine or an aggregator has of its own is found by what these say: it is named nowhere else.
_OF_ENGINES = (one for backend in BACKENDS.values() for one in backend.OWN_DESIGNS)
_OF_AGGREGATORS = (needs.design for needs in NEEDS.values())
DESIGNS: Mapping[str, Design] = MappingProxyType(
    {one.name: one for one in (*INDEX_PLANS, *_OF_ENGINES, *_OF_AGGREGATORS)}
)


def design(name: str) -> Design:
    """The design `name`; Refused for a name that is none."""
    try:
        return DESIGNS[name]
    except KeyError:
        raise Refused(f"{name}: no such design; allowed: {', '.join(DESIGNS)}") from None


def title(name: str) -> str:
    """What tables call a design; a name that is none, such as "as it is", stays as it is."""
    return DESIGNS[name].title if name in DESIGNS else name


def ddl(name: str, dialect: Dialect) -> list[str]:
    """The statements that make the indexes of the design `name`, as the engine of a dialect is sent them."""
    return [str(CreateIndex(index).compile(dialect=dialect)) for index in design(name).indexes]


def prepare(engine: Engine, wanted: str | Design) -> None:
    """Make a design the only one of ours in a database, in one transaction; what is not ours is not touched.

    What is there of it as a whole stays, half of it is made anew. Ours are what the designs name: their indexes of
    `care_notes`, and their structures. Raises Refused for an unknown design, for one that the engine cannot have, and
    where `care_notes` is a view.
    """
    one = _possible(design(wanted) if isinstance(wanted, str) else wanted, engine.dialect.name)
    with told_plainly(engine), engine.connect() as connection:
        refuse_view(connection)
    with told_plainly(engine), fresh(engine).begin() as connection:
        for structure in _ours(one, engine.dialect.name):
            if structure.begin is not None:
                structure.begin(connection)
        for structure in _ours(one, engine.dialect.name):
            if structure not in one.structures or not structure.stands(connection):
                structure.drop(connection)
        _index(connection, one)
        for structure in one.structures:
            if not structure.stands(connection):
                structure.build(connection)


def make_months(engine: Engine, wanted: Design, ahead: int) -> list[str]:
    """Make the months that a design lacks, and so many after the latest note; the names of what was made.

    Raises Refused where the design does not stand.
    """
    with told_plainly(engine), engine.begin() as connection:
        makers = [one.make_months for one in wanted.structures if one.make_months]
        return [name for make in makers for name in make(connection, ahead)]


def stands(connection: Connection, wanted: str | Design) -> bool:
    """Whether everything of a design is there; there may be more."""
    one = design(wanted) if isinstance(wanted, str) else wanted
    if not one.possible_on(connection.dialect.name):
        return False
    there = backend_of(connection).index_names(connection)
    return {index.name for index in one.indexes} <= there and all(part.stands(connection) for part in one.structures)


def check_needs(connection: Connection, aggregator: str) -> None:
    """Raise Refused, in a line that says how to get it, where a database lacks the design that an aggregator needs."""
    needed = _possible(NEEDS[aggregator].design, connection.dialect.name)
    if not stands(connection, needed):
        raise Refused(
            f"{aggregator}: needs the design {needed.name}, which is not there; "
            f"'carenotes index --database URL --plan {needed.name}' makes it"
        )


def _possible(one: Design, backend: str) -> Design:
    if not one.possible_on(backend):
        raise Refused(f"{one.name}: a design that {backend} cannot have; allowed: {', '.join(one.backends or ())}")
    return one


def _ours(one: Design, backend: str) -> list[Structure]:
    """Every structure that may be there, each once; on an engine that cannot have it, it is not looked for."""
    possible = [other for other in (*DESIGNS.values(), one) if other.possible_on(backend)]
    return list(dict.fromkeys(structure for other in possible for structure in other.structures))


def _index(connection: Connection, one: Design) -> None:
    """Drop the indexes that are ours and not wanted, then make those that lack."""
    there = backend_of(connection).index_names(connection)
    ours = {index.name: index for other in (*DESIGNS.values(), one) for index in other.indexes}
    # In the design's own order: of two indexes that serve alike, SQLite takes the one made last. So what comes after
    # one that lacks is made anew.
    lacking = next((place for place, index in enumerate(one.indexes) if index.name not in there), len(one.indexes))
    kept = {index.name for index in one.indexes[:lacking]}
    for gone in ours.keys() & there - kept:
        ours[gone].drop(connection)
    for index in one.indexes[lacking:]:
        index.create(connection)


__all__ = [
    "DESIGNS",
    "Design",
    "Structure",
    "check_needs",
    "ddl",
    "design",
    "make_months",
    "notes_index",
    "prepare",
    "stands",
    "title",
]
