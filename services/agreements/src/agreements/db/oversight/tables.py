"""Rows of staff in DSCRO roles, audits, directions, and warnings before something lapses."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, String, Text
from sqlmodel import Field

from agreements.db.tables import Versioned, metadata, one_current


class StaffRecordRow(Versioned, table=True):
    """A policy signed, a training done, or a secondment; of a person, by the token's subject."""

    __tablename__ = "staff_record"
    __table_args__ = (
        one_current("uq_staff_record_current", "subject", "kind", "reference", "valid_from"),
    )

    subject: str = Field(index=True)
    organisation: str
    kind: str = Field(sa_type=String)  # policy, training, secondment
    reference: str
    valid_from: date
    valid_to: date | None = None


class AuditRow(Versioned, table=True):
    """The yearly audit of the service, or one of a recipient, with its findings and actions."""

    __tablename__ = "audit"
    __table_args__ = (one_current("uq_audit_current", "reference"),)

    reference: str = Field(index=True)
    kind: str = Field(sa_type=String)  # service, recipient
    organisation: str
    agreement: str | None = None
    auditor: str
    areas: list[str] = Field(sa_column=Column(JSON, nullable=False))
    planned_for: date
    performed_on: date | None = None
    summary: str | None = Field(default=None, sa_type=Text)
    findings: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    actions: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    reported_at: datetime | None = None
    published_at: datetime | None = None
    reviewed_on: date | None = None
    follow_up: str | None = Field(default=None, sa_type=Text)
    closed_at: datetime | None = None


class LapseWarningRow(Versioned, table=True):
    """A warning that was given before something lapsed."""

    __tablename__ = "lapse_warning"
    __table_args__ = (
        one_current(
            "uq_lapse_warning_current", "kind", "subject_id", "reference", "ends_on", "days"
        ),
    )

    kind: str = Field(sa_type=String)
    subject_id: UUID = Field(index=True)
    reference: str
    organisations: list[str] = Field(sa_column=Column(JSON, nullable=False))
    ends_on: date
    days: int
    warned_at: datetime


class DirectionRow(Versioned, table=True):
    """A direction or a provision notice, and the data sets that are collected under it."""

    __tablename__ = "direction"
    __table_args__ = (one_current("uq_direction_current", "reference"),)

    kind: str = Field(sa_type=String)  # direction, provision_notice
    reference: str = Field(index=True)
    title: str
    data_sets: list[str] = Field(sa_column=Column(JSON, nullable=False))
    valid_from: date
    valid_to: date | None = None
    source: str


class OptOutWaiverRow(Versioned, table=True):
    """A letter that waives opt-outs for a purpose, once two people have seen it."""

    __tablename__ = "opt_out_waiver"
    __table_args__ = (one_current("uq_opt_out_waiver_current", "reference"),)

    reference: str = Field(index=True)
    purpose: str = Field(sa_type=String)
    data_sets: list[str] = Field(sa_column=Column(JSON, nullable=False))
    dated: date
    valid_from: date
    valid_to: date | None = None
    document_digest: str
    source: str
    state: str = Field(sa_type=String)  # waiting, confirmed, taken_back
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None


class InternalInstructionRow(Versioned, table=True):
    """What two roles of the Body sign in place of a contract, for one agreement."""

    __tablename__ = "internal_instruction"
    __table_args__ = (one_current("uq_internal_instruction_current", "reference"),)

    reference: str = Field(index=True)
    agreement: str = Field(index=True)
    valid_from: date
    valid_to: date
    document_digest: str
    recorded_by: str
    manager_signed_by: str | None = None
    manager_signed_at: datetime | None = None
    approver_signed_by: str | None = None
    approver_signed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    reason: str | None = None


__all__ = [
    "AuditRow",
    "DirectionRow",
    "InternalInstructionRow",
    "LapseWarningRow",
    "OptOutWaiverRow",
    "StaffRecordRow",
    "metadata",
]
