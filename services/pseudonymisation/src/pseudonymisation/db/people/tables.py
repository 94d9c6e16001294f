"""Rows of people: lists of registrations, re-identifications, and of whom somebody was told."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, Text
from sqlmodel import Field

from common.db.replacement import StandingColumns
from pseudonymisation.db.tables import Row


class RegistrationListRow(StandingColumns, Row, table=True):
    __tablename__ = "registration_list"

    id: UUID = Field(primary_key=True)
    list_date: date
    """The day whose registrations the list holds."""
    people: int = Field(sa_type=BigInteger)
    digest: str
    object_key: str | None = None
    """Null: destroyed."""
    imported_at: datetime
    imported_by: str
    version: int


class ReidentificationRow(Row, table=True):
    """A request of a practice. Its tokens lie here until its time is over, and no number ever."""

    __tablename__ = "re_identification"

    id: UUID = Field(primary_key=True)
    version: int
    practice: str = Field(index=True)
    client_id: str
    asked_by: str
    agreement: str
    purpose: str
    data_set: str
    classification: str
    domain: str
    reason_code: str
    reason: str = Field(sa_type=Text)
    people: int
    tokens: list[Any] = Field(sa_type=JSON)
    asked_at: datetime
    ends_at: datetime = Field(index=True)
    state: str
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    confirmation: str | None = Field(default=None, sa_type=Text)
    answers: int


class SubjectAccessRow(Row, table=True):
    """Of whom it was asked in which releases they were: by haven token, and no answer ever."""

    __tablename__ = "subject_access"

    id: UUID = Field(primary_key=True)
    version: int
    person: str = Field(index=True)
    """The haven token, in hexadecimal digits."""
    asked_by: str
    reason: str = Field(sa_type=Text)
    asked_at: datetime
    ends_at: datetime = Field(index=True)
    state: str
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    confirmation: str | None = Field(default=None, sa_type=Text)
    answers: int


class InvoiceMatchRow(Row, table=True):
    """A question about NHS numbers and an invoice, as it was answered; no number ever."""

    __tablename__ = "invoice_match"
    __table_args__ = (Index("ix_invoice_match_of_day", "organisation", "agreement", "asked_at"),)

    id: UUID = Field(primary_key=True)
    organisation: str
    client_id: str
    asked_by: str
    agreement: str
    purpose: str
    data_set: str
    classification: str
    invoice: str
    provider: str
    month: str
    asked_at: datetime
    decision_id: str
    people: int
    matched: int
    run_of_no: int
    alerts: bool


class MatchedPersonRow(Row, table=True):
    """Of whom it was said whether they were there, by haven token."""

    __tablename__ = "invoice_matched_person"

    match_id: UUID = Field(primary_key=True, foreign_key="invoice_match.id")
    position: int = Field(primary_key=True)
    person: str | None = Field(default=None, index=True)
    """The haven token, in hexadecimal digits; null: it was no valid number."""
    is_there: bool


class ToldOfRow(Row, table=True):
    """Of whom a practice was told, by haven token."""

    __tablename__ = "re_identified_person"

    id: UUID = Field(primary_key=True)
    reidentification_id: UUID = Field(foreign_key="re_identification.id", index=True)
    person: str = Field(index=True)
    """The haven token, in hexadecimal digits."""
    outcome: str
    told_to: str = Field(index=True)
    told_at: datetime
    decision_id: str
