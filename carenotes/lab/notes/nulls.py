"""Notes of somebody's own that say nothing where an answer counts: they cannot be copied, nor numbered in a rollup."""

from sqlalchemy import Engine, func, inspect, select

from carenotes.backends import shown, told_plainly
from carenotes.backends.pages import id_ranges
from carenotes.errors import Refused, null_in
from carenotes.models import CareNote

_NEEDED = [one.name for one in CareNote.__table__.columns if not (one.nullable or one.primary_key)]


def refuse_nulls(engine: Engine) -> None:
    """Raise Refused, by the column's name, where a column that our own tables have filled holds NULL.

    Only columns that may hold any are looked through, a part of the notes at a time.
    """
    with told_plainly(engine), engine.connect() as connection:
        with connection.begin():
            there = inspect(connection).get_columns(CareNote.__tablename__)
        nullable = [one["name"] for one in there if one["nullable"] and one["name"] in _NEEDED]
        if not nullable:
            return
        lacking = select(*((func.count() - func.count(CareNote.__table__.c[name])).label(name) for name in nullable))
        for ends in id_ranges(connection):
            with connection.begin():
                found = connection.execute(lacking.where(CareNote.id.between(*ends))).one()
            for name, count in zip(nullable, found, strict=True):
                if count:
                    raise Refused(f"{shown(engine)}: {null_in(name)}")
