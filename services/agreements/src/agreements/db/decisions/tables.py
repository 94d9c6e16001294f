"""Rows of what was decided, permitted, reserved and released. Written by decisions alone.

What is asked for by a column is one; the rest is canonical JSON, written once and read seldom.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, String, Text
from sqlmodel import Field

from agreements.db.tables import Row, metadata


class DecisionRow(Row, table=True):
    """One answer, logged before it was given. A renewal under the same epoch extends it."""

    __tablename__ = "decision"
    __table_args__ = (Index("ix_decision_agreement", "agreement", "id"),)

    id: UUID = Field(primary_key=True)
    at: datetime
    last_at: datetime = Field(index=True)
    """`at`, or the last renewal: no decision is made by a clock that is behind it."""
    epoch: int = Field(sa_type=BigInteger)
    action: str = Field(sa_type=String)  # request, release, fetch
    permitted: bool
    agreement: str
    version: str | None = None
    document_hash: str | None = None
    line: int | None = None
    client_id: str
    organisation: str
    capacity: str | None = None  # controller, processor
    asked_by: str
    """The client that put the question: the one at whose door the data leave."""
    subject: str
    """What it is about: the extract, else the file; what was named, where there is no such file."""
    inputs: str = Field(sa_type=Text)
    """Canonical JSON: the question, and what of the evidence it rests on."""
    outcome: str = Field(sa_type=Text)
    """Canonical JSON: refusals, or grounds and for whom."""
    rules: str
    """Digest of the dated rules that were applied."""
    turns_at: datetime | None = None
    token_digest: str | None = None
    """Of the caller's access token: the same one carries a renewal past its expiry."""
    renews: UUID | None = None
    renewals: int = 0
    seal: str | None = None
    """A mark over the rest but for renewals: a stream goes on by no decision that is not ours."""


class PermitRow(Row, table=True):
    """What one extract may hold; what is later attested is held against it."""

    __tablename__ = "permit"

    id: UUID = Field(primary_key=True)
    decision_id: UUID = Field(unique=True)
    extract_id: str
    agreement: str = Field(index=True)
    purpose: str
    data_set: str
    classification: str
    client_id: str
    organisation: str
    environment_id: UUID
    claims: str = Field(sa_type=Text)
    """Canonical JSON, as it was signed, without who signed it when."""
    issued_at: datetime
    expires_at: datetime
    seal: str | None = Field(default=None, sa_type=Text)
    """A JWS over the rest: a release rests on no permit that this service did not write."""


class EndedExtractRow(Row, table=True):
    """An extract that dissemination said came to nothing. No decision rests on it: it is shown."""

    __tablename__ = "ended_extract"

    extract_id: str = Field(primary_key=True)
    state: str  # failed, withdrawn
    ended_at: datetime


class OptOutTreatmentRow(Row, table=True):
    """One treatment an environment, data set and month, taken by the first permit (ruling 6)."""

    __tablename__ = "opt_out_treatment"

    environment_id: UUID = Field(primary_key=True)
    data_set: str = Field(primary_key=True)
    month: str = Field(primary_key=True)
    treatment: str
    permit_id: UUID
    reserved_at: datetime


class HoldingRow(Row, table=True):
    """A released file, and who holds it; `fetch` names it."""

    __tablename__ = "holding"
    # All that a register has of a file, so that no file's row is read to compare it.
    __table_args__ = (
        Index("ix_holding_register", "environment_id", "data_set", "id", "periods", "row_digest"),
        # Where else people of a data set are named, asked before such a file leaves.
        Index("ix_holding_people", "data_set", "classification", "environment_id"),
    )

    id: UUID = Field(primary_key=True)
    file_id: str = Field(unique=True)
    extract_id: str = Field(index=True)
    permit_id: UUID
    decision_id: UUID = Field(unique=True)
    agreement: str = Field(index=True)
    version: str
    document_hash: str
    line: int
    purpose: str
    data_set: str
    classification: str
    environment_id: UUID
    holder: str
    """The organisation in whose environment the file lands."""
    client_id: str
    organisation: str
    format: str
    bytes: int = Field(sa_type=BigInteger)
    digest: str
    periods: str = Field(sa_type=Text)  # canonical JSON
    file: str = Field(sa_type=Text)
    """Canonical JSON: the attestation's claims."""
    attestation_digest: str
    released_at: datetime
    bridged_agreement: str | None = Field(default=None, index=True)
    """Of a bridging file: the other agreement, whose pseudonyms are in it; None: it is none."""
    row_digest: str | None = None
    """Of the rest of the row; the register that is sealed has this of it."""


FETCHED, VOID = "fetched", "void"
"""Fates, as the decision writes them (`agreements.decision.use_cases.ports.Fate`)."""


class HoldingFateRow(Row, table=True):
    """What became of a holding first, and so for good: fetched, or void."""

    __tablename__ = "holding_fate"

    holding_id: UUID = Field(primary_key=True, foreign_key="holding.id")
    fate: str
    at: datetime


__all__ = [
    "FETCHED",
    "VOID",
    "DecisionRow",
    "EndedExtractRow",
    "HoldingFateRow",
    "HoldingRow",
    "OptOutTreatmentRow",
    "PermitRow",
    "metadata",
]
