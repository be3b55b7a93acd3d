"""The rollup pyramid: counts and patient sets of each facility and day, and of ever longer times above them.

The aggregators that read it are `rollup` and `pyramid`. `building`, `refreshing` and `verifying` have what the command
line calls; `mark` is for whoever changes notes in a way that no trigger sees.
"""

from datetime import date

from sqlalchemy import Connection, insert

from carenotes.rollup.tables import MARKS


def mark(connection: Connection, tenant_id: int, facility_id: int, day: date) -> None:
    """Say that the notes of a day have changed, in the transaction that changes them; nothing else is done.

    For what no trigger sees, such as a partition that is detached or dropped.
    """
    marked = {"tenant_id": tenant_id, "facility_id": facility_id, "day": day.toordinal()}
    connection.execute(insert(MARKS).values(**marked))
