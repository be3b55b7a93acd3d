"""Designs that PostgreSQL alone can have."""

from carenotes.backends.postgresql import months
from carenotes.design import COVERING, Design, Structure, notes_index

_HERE = ("postgresql",)

COVERING_INCLUDE = Design(
    "covering_include",
    "index on tenant and time that includes the rest",
    (
        notes_index(
            "carenotes_covering_include",
            "tenant_id",
            "created_at",
            postgresql_include=["facility_id", "category", "priority", "patient_id"],
        ),
    ),
    backends=_HERE,
)
BRIN = Design(
    "brin",
    "BRIN index on time",
    (notes_index("carenotes_brin", "created_at", postgresql_using="brin"),),
    backends=_HERE,
)
# The index is that of `covering`, so that what is compared with it differs in the partitions alone.
PARTITIONS = Design(
    "partitions",
    "partitions by month, covering index",
    COVERING.indexes,
    (Structure("months", months.stand, months.build, months.drop, months.alone, months.make_months),),
    backends=_HERE,
)
OWN_DESIGNS: tuple[Design, ...] = (COVERING_INCLUDE, BRIN, PARTITIONS)
