"""Rows of the seals, and of the receipts of signatures (docs/adr/0024)."""

from sqlalchemy import BigInteger, String, Text
from sqlmodel import Field

from agreements.db.tables import Recorded, Row, metadata


class LinkRow(Row):
    """One link of a chain: what a change left behind, signed, never changed."""

    number: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    epoch: int = Field(index=True, sa_type=BigInteger)
    changes: str = Field(sa_type=Text)
    """Canonical JSON: each register that changed, and the digest of its rows since."""
    statement: str = Field(sa_type=Text)
    """A JWS over the number, the epoch, the digest of `changes` and that of the link before."""


class SealRow(LinkRow, table=True):
    """The chain over facts."""

    __tablename__ = "seal"


class DecisionSealRow(LinkRow, table=True):
    """The chain over what decisions wrote (docs/adr/0034). `epoch` only counts its links."""

    __tablename__ = "decision_seal"


class SignatureReceiptRow(Recorded, table=True):
    """What the service vouches for about one signature, under an agreement or a contract."""

    __tablename__ = "signature_receipt"

    document_hash: str = Field(index=True)
    party: str
    capacity: str = Field(sa_type=String)  # party, body
    statement: str = Field(sa_type=Text)  # a JWS; the signer's own token is nowhere in it


__all__ = ["DecisionSealRow", "LinkRow", "SealRow", "SignatureReceiptRow", "metadata"]
