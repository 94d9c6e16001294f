"""Rows of the facts that agreements owns. They hold what the domain already checked.

Facts have two times (design.md section 5). What was *true* is in the dated columns (`valid_from`,
`valid_to`: civil dates in Europe/London, both inclusive, and instants in UTC). What we *knew* is
in the epochs: a row is known from `epoch` on and, where it is `Versioned`, until before
`superseded_epoch`. Nothing is overwritten but `superseded_epoch`, once.
    Known at E:  epoch <= E and (superseded_epoch is null or superseded_epoch > E)
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    text,
)
from sqlmodel import Field, SQLModel

from common.db.tables import NAMING, install

metadata = MetaData(naming_convention=NAMING)
install(metadata)

CURRENT = text("superseded_epoch IS NULL")


def one_current(name: str, *columns: str) -> Index:
    """No two rows that we hold true at present share these columns."""
    return Index(name, *columns, unique=True, sqlite_where=CURRENT, postgresql_where=CURRENT)


class Row(SQLModel):
    metadata = metadata  # this service's own; SQLModel's default is shared by all


class Recorded(Row):
    """Said once, never changed: a signature, a map, a version of an agreement."""

    id: UUID = Field(primary_key=True)
    epoch: int = Field(index=True, sa_type=BigInteger)
    recorded_at: datetime


class Versioned(Row):
    """Changed by a new row of the same id; the former one keeps what we knew until then."""

    id: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    epoch: int = Field(index=True, sa_type=BigInteger)
    superseded_epoch: int | None = Field(default=None, sa_type=BigInteger)
    recorded_at: datetime


class FactEpochRow(Row, table=True):
    """The counter: one row, locked by whoever changes a fact until its transaction ends."""

    __tablename__ = "fact_epoch"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    epoch: int = Field(sa_type=BigInteger)


class FactChangeRow(Row, table=True):
    """When each epoch was made: resolves `known_at` to the greatest epoch not later than it."""

    __tablename__ = "fact_change"

    epoch: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    recorded_at: datetime = Field(index=True)


# Organisations


class OrganisationRow(Versioned, table=True):
    """A code for a time: `legal_entity` is who stands behind it then (ruling 4)."""

    __tablename__ = "organisation"
    __table_args__ = (one_current("uq_organisation_current", "ods", "valid_from"),)

    ods: str = Field(index=True)
    name: str
    kind: str = Field(sa_type=String)  # domain.organisation.Kind
    legal_entity: str = Field(index=True)  # its own code, or that of the entity it is a part of
    parent: str | None = None
    valid_from: date
    valid_to: date | None = None
    source: str  # eccg, etr, practices, dsfc


class TransferInstrumentRow(Recorded, table=True):
    """From `valid_from` on what was the predecessor's counts for the successor (ruling 4)."""

    __tablename__ = "transfer_instrument"

    predecessor: str = Field(index=True)
    successor: str = Field(index=True)
    valid_from: date
    evidence: str


class MapSnapshotRow(Recorded, table=True):
    """Practice or postcode to commissioner; governs from `valid_from` until the next."""

    __tablename__ = "map_snapshot"

    kind: str = Field(sa_type=String, index=True)  # practice, postcode
    valid_from: date
    digest: str
    entries: int
    bytes: int


class MapChunkRow(Row, table=True):
    """The canonical CSV in pieces, so that a map streams in bounded memory."""

    __tablename__ = "map_chunk"

    map_id: UUID = Field(primary_key=True, foreign_key="map_snapshot.id")
    number: int = Field(primary_key=True)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class RecipientEnvironmentRow(Versioned, table=True):
    """Where data land (ruling 6)."""

    __tablename__ = "recipient_environment"
    __table_args__ = (one_current("uq_recipient_environment_current", "organisation", "kind"),)

    organisation: str
    kind: str = Field(sa_type=String)  # analytics, ceff, ash, rs_supplier, gp_practice


class EnvironmentClientRow(Versioned, table=True):
    """A client belongs to one environment at a time."""

    __tablename__ = "environment_client"
    __table_args__ = (one_current("uq_environment_client_current", "client_id"),)

    environment_id: UUID = Field(index=True)
    client_id: str


# Framework contracts


class ContractRow(Versioned, table=True):
    """In force from both signatures and `valid_from` to `valid_to`, unless terminated before."""

    __tablename__ = "contract"
    __table_args__ = (one_current("uq_contract_current", "reference"),)

    reference: str = Field(index=True)
    organisation: str = Field(index=True)  # the legal entity
    legal_name: str
    valid_from: date
    valid_to: date | None = None
    issued_at: datetime
    document_hash: str
    organisation_signed_at: datetime | None = None
    organisation_signatory: str | None = None  # the role that signed; no names (domain 9.2)
    body_signed_at: datetime | None = None
    body_signatory: str | None = None
    terminated_at: datetime | None = None
    termination_reason: str | None = Field(default=None, sa_type=Text)


# Agreements


class AgreementRow(Versioned, table=True):
    __tablename__ = "agreement"
    __table_args__ = (one_current("uq_agreement_current", "reference"),)

    reference: str = Field(index=True)
    terminated_at: datetime | None = None
    termination_reason: str | None = Field(default=None, sa_type=Text)
    closed_at: datetime | None = None
    announced_state: str = Field(sa_type=String)
    """The last state told to others. Nothing is decided by it: states follow from dates."""


class AgreementVersionRow(Recorded, table=True):
    """What was drafted from one approved snapshot; effective at max(start, last signature)."""

    __tablename__ = "agreement_version"

    agreement_id: UUID = Field(index=True)
    number: str  # "v1.0"
    sequence: int  # order of drafting; of two in effect the later one governs
    application_id: UUID
    kind: str = Field(sa_type=String)  # new, amendment, renewal, extension
    title: str
    valid_from: date
    valid_to: date
    snapshot_hash: str
    document_hash: str
    document: str = Field(sa_type=Text)  # canonical JSON, what the parties sign


class AgreementPartyRow(Row, table=True):
    __tablename__ = "agreement_party"

    agreement_version_id: UUID = Field(primary_key=True, foreign_key="agreement_version.id")
    ods: str = Field(primary_key=True)
    capacity: str = Field(primary_key=True, sa_type=String)  # controller, processor, body
    legal_name: str
    position: int  # in the document


class AgreementLineRow(Row, table=True):
    """One row of Annex B; `content` is the line of the snapshot (spec section 4) whole."""

    __tablename__ = "agreement_line"
    __table_args__ = (
        Index(
            "ix_agreement_line_key",
            "agreement_version_id",
            "purpose",
            "data_set",
            "classification",
        ),
    )

    agreement_version_id: UUID = Field(primary_key=True, foreign_key="agreement_version.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    purpose: str
    data_set: str
    classification: str
    content: dict[str, object] = Field(sa_column=Column(JSON, nullable=False))


class SignatureRow(Recorded, table=True):
    """Over the hash of one version's document."""

    __tablename__ = "signature"
    __table_args__ = (
        Index("uq_signature_party", "agreement_version_id", "party", "capacity", unique=True),
    )

    agreement_version_id: UUID = Field(foreign_key="agreement_version.id")
    party: str
    capacity: str = Field(sa_type=String)  # party, body
    document_hash: str
    name_of_role: str
    signed_at: datetime


class RenewalRow(Versioned, table=True):
    """A renewal handed in before the end keeps the agreement in LAPSED_HOLD (ruling 8)."""

    __tablename__ = "renewal"
    __table_args__ = (
        one_current("uq_renewal_current", "agreement_id", "application_id", "submitted_at"),
    )

    agreement_id: UUID = Field(index=True)
    application_id: UUID
    submitted_at: datetime
    dropped_at: datetime | None = None  # declined or withdrawn


class SpecialConditionRow(Versioned, table=True):
    """Overdue when the day after `due` begins and it is not fulfilled."""

    __tablename__ = "special_condition"
    __table_args__ = (
        one_current("uq_special_condition_current", "agreement_version_id", "condition"),
    )

    agreement_id: UUID = Field(index=True)
    agreement_version_id: UUID = Field(index=True)
    condition: str  # its id in the document
    text: str = Field(sa_type=Text)
    due: date | None = None
    owner: str
    fulfilled_at: datetime | None = None
    evidence: str | None = Field(default=None, sa_type=Text)


class TaskRow(Versioned, table=True):
    """Something that somebody has to do about an agreement, such as amend it (L05)."""

    __tablename__ = "task"

    agreement_id: UUID = Field(index=True)
    kind: str = Field(sa_type=String)
    subject: str  # what it is about: a relationship's reference
    raised_at: datetime
    done_at: datetime | None = None


# Relationships


# Assurance, registrations, legal bases, publications


class AssuranceRow(Versioned, table=True):
    """Evidence of one party's security (domain 2.6); judged by domain.assurance."""

    __tablename__ = "assurance"
    __table_args__ = (one_current("uq_assurance_current", "organisation", "kind", "reference"),)

    organisation: str = Field(index=True)
    kind: str = Field(sa_type=String)  # DSPT, SLSP, ISO27001
    reference: str  # DSPT: the edition "22/23", or "" where none is published
    status: str = Field(sa_type=String)
    published_on: date | None = None
    expires_on: date | None = None
    seen_on: date  # date of the snapshot, or of the letter
    reviewed_by_body: bool = False
    plan_accepted: bool = False
    plan_until: date | None = None
    locations_covered: bool = False  # ISO 27001: the scope covers the locations


class IcoRegistrationRow(Versioned, table=True):
    __tablename__ = "ico_registration"
    __table_args__ = (one_current("uq_ico_registration_current", "organisation", "number"),)

    organisation: str = Field(index=True)
    number: str
    name: str
    valid_from: date
    valid_to: date  # paid until, inclusive
    former: list[dict[str, str]] = Field(sa_column=Column(JSON, nullable=False))


class Section251ApprovalRow(Versioned, table=True):
    """`controllers` null: not limited to named ones (ruling 5). `former`: intervals before."""

    __tablename__ = "section_251_approval"
    __table_args__ = (one_current("uq_section_251_approval_current", "reference"),)

    reference: str = Field(index=True)  # "CAG 7-07(a)/2013"
    purposes: list[str] = Field(sa_column=Column(JSON, nullable=False))
    controllers: list[str] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    valid_from: date
    valid_to: date
    former: list[dict[str, str]] = Field(sa_column=Column(JSON, nullable=False))
    review_on: date | None = None
    conditions: list[str] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    withdrawn_on: date | None = None
    reason: str | None = None


class PublicationRow(Versioned, table=True):
    """A data set's period was published on that day (SHMI, CSDS, GPW)."""

    __tablename__ = "publication"
    __table_args__ = (one_current("uq_publication_current", "data_set", "period"),)

    data_set: str
    period: str
    published_on: date


class SubmissionRightRow(Versioned, table=True):
    """`submitter` may send the records of `provider`; two people stand for it (ruling 24)."""

    __tablename__ = "submission_right"

    batch: UUID = Field(index=True)
    submitter: str = Field(index=True)
    provider: str
    valid_from: date
    valid_to: date | None = None
    evidence: str = Field(sa_type=Text)
    state: str = Field(sa_type=String)  # waiting, confirmed, taken_back
    proposed_by: str  # subject of the token
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = Field(default=None, sa_type=Text)


# Breaches and holds


class BreachRow(Versioned, table=True):
    __tablename__ = "breach"
    __table_args__ = (one_current("uq_breach_current", "reference"),)

    reference: str = Field(index=True)
    agreement_id: UUID = Field(index=True)
    lines: list[int] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    agreement: str  # its reference
    channel: str = Field(sa_type=String)  # api, telephone, email, audit, system
    activity_stopped: str = Field(sa_type=String)  # yes, no, not_known
    activity_stopped_at: datetime | None = None
    description: str = Field(sa_type=Text)
    discovered_at: datetime
    reported_at: datetime
    reporter_organisation: str
    receipt_reference: str | None = None
    receipt_at: datetime | None = None
    receipt_alerted_at: datetime | None = None
    dspt_incident: str | None = None
    ico_required: str = Field(sa_type=String)  # yes, no, not_known: the reporter's own duty
    ico_notified_at: datetime | None = None
    finding: str | None = Field(default=None, sa_type=String)
    finding_at: datetime | None = None
    actions: list[str] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    contracts: list[str] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    facts: str | None = Field(default=None, sa_type=Text)
    facts_at: datetime | None = None
    records_affected: int | None = None
    cause: str | None = Field(default=None, sa_type=String)  # None: somebody reported it
    outcome: str | None = Field(default=None, sa_type=Text)
    lesson: str | None = Field(default=None, sa_type=Text)
    closed_at: datetime | None = None


class HoldRow(Versioned, table=True):
    """Open from `set_at` until `lifted_at`. `whole`: every line, of later versions too."""

    __tablename__ = "hold"

    agreement_id: UUID = Field(index=True)
    breach_id: UUID | None = None
    whole: bool
    reason: str = Field(sa_type=Text)
    set_at: datetime
    set_by: str  # subject of the token
    lifted_at: datetime | None = None


class HoldLineRow(Row, table=True):
    """A held line by its key, so that no amendment escapes by another numbering."""

    __tablename__ = "hold_line"

    hold_id: UUID = Field(primary_key=True)
    purpose: str = Field(primary_key=True)
    data_set: str = Field(primary_key=True)
    classification: str = Field(primary_key=True)
    number: int  # as it was called when the hold was set


class HoldLiftRow(Recorded, table=True):
    """One person's reason to lift; two different people lift (ruling 3)."""

    __tablename__ = "hold_lift"
    __table_args__ = (Index("uq_hold_lift_person", "hold_id", "approved_by", unique=True),)

    hold_id: UUID
    approved_by: str
    approved_at: datetime
    reason: str = Field(sa_type=Text)
