"""The tables, as typed SQLAlchemy models without behaviour."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite counts up only a key that is declared as plain INTEGER.
BigKey = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """The metadata of everything that carenotes keeps in a database."""


class CareNote(Base):
    """One note about one patient, written in a facility of a tenant. It has no index of its own: plans add them.

    `created_at` is UTC without a zone; SQLite keeps it as text `YYYY-MM-DD HH:MM:SS.ffffff`.
    """

    __tablename__ = "care_notes"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    tenant_id: Mapped[int]
    facility_id: Mapped[int]  # unique within a tenant only
    patient_id: Mapped[str] = mapped_column(String)
    category: Mapped[str] = mapped_column(String)
    priority: Mapped[int]
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String)
    note_text: Mapped[str | None] = mapped_column(Text)


class SeedLoad(Base):
    """One load of generated notes and how far it has come; its row moves in the same transaction as its notes."""

    __tablename__ = "seed_loads"

    load_id: Mapped[str] = mapped_column(String, primary_key=True)  # SHA-256 of the arguments
    arguments: Mapped[str] = mapped_column(Text)  # the arguments themselves, canonical JSON
    first_id: Mapped[int] = mapped_column(BigInteger)
    notes_total: Mapped[int] = mapped_column(BigInteger)
    notes_loaded: Mapped[int] = mapped_column(BigInteger)
