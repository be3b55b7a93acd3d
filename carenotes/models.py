"""The tables, as typed SQLAlchemy models without behaviour."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, Text, UniqueConstraint
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class BigKey(BigInteger):
    """A key of 64 bits; an engine may have its own word for one (see `carenotes.backends`)."""


@compiles(BigKey)
def _as_any_other(_type: BigKey, compiler: Any, **options: Any) -> str:
    told: str = compiler.visit_BIGINT(BigInteger(), **options)
    return told


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


class Ingest(Base):
    """One file of somebody's own notes and how far it has come; its row moves in the same transaction as its notes."""

    __tablename__ = "ingests"

    ingest_id: Mapped[str] = mapped_column(String, primary_key=True)  # SHA-256 of the file's digest and the arguments
    file_digest: Mapped[str] = mapped_column(String)  # SHA-256 of the file
    file: Mapped[str] = mapped_column(Text)  # where it lay, percent-encoded
    arguments: Mapped[str] = mapped_column(Text)  # canonical JSON
    rejects_file: Mapped[str] = mapped_column(Text)  # percent-encoded; one without a folder lies beside the database
    first_id: Mapped[int] = mapped_column(BigInteger)
    rows_read: Mapped[int] = mapped_column(BigInteger)
    notes_written: Mapped[int] = mapped_column(BigInteger)
    rows_rejected: Mapped[int] = mapped_column(BigInteger)
    rejects_bytes: Mapped[int] = mapped_column(BigInteger)  # how long the file of the rejects is
    finished: Mapped[bool]


class TenantName(Base):
    """The number that a tenant got whose id in somebody's file is a text."""

    __tablename__ = "tenant_names"
    __table_args__ = (UniqueConstraint("name"),)

    tenant_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text)


class FacilityName(Base):
    """The number, within its tenant, that a facility got whose id in somebody's file is a text."""

    __tablename__ = "facility_names"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    tenant_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    facility_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text)
