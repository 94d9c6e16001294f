"""Receipts: what the service vouches for about each signature, in its own name.

The signer's token is nowhere in it: who signed stands there as the subject that the token named.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row
from sqlmodel import Session

from agreements.db.seals.chain import Sealer
from agreements.db.seals.tables import SignatureReceiptRow
from agreements.db.written import add
from agreements.records.domain.contract import Contract
from agreements.records.domain.version import AgreementVersion
from common.audit import Entry
from common.ids import new_id
from common.security.jws import NotGenuine
from common.security.principal import BODY

PARTY, BODYS = "party", "body"
"""In which capacity somebody signs: for the organisation that is named, or for the Body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One signature, under whatever document."""

    document_hash: str
    party: str
    capacity: str
    role: str
    signed_at: datetime

    def claims(self) -> dict[str, str]:
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return own | {"signed_at": self.signed_at.astimezone(UTC).isoformat()}


def of_version(version: AgreementVersion) -> Iterator[Signed]:
    """Return the signatures under a version of an agreement."""
    for signature in version.signatures:
        yield Signed(
            document_hash=signature.document_hash,
            party=signature.party,
            capacity=BODYS if signature.for_body else PARTY,
            role=signature.name_of_role,
            signed_at=signature.signed_at,
        )


def of_contract(contract: Contract) -> Iterator[Signed]:
    """Return the signatures under a framework contract."""
    for party, capacity, role, at in (
        (
            contract.organisation,
            PARTY,
            contract.organisation_signatory,
            contract.organisation_signed_at,
        ),
        (BODY, BODYS, contract.body_signatory, contract.body_signed_at),
    ):
        if at is not None:
            yield Signed(
                document_hash=contract.document_hash,
                party=party,
                capacity=capacity,
                role=role or "",
                signed_at=at,
            )


def give(
    session: Session, sealer: Sealer, signed: Iterable[Signed], *, epoch: int, audit: Entry
) -> None:
    """Keep a receipt of each signature; the audit entry names who gave them."""
    add(
        session,
        SignatureReceiptRow,
        [
            {
                "id": new_id(),
                "epoch": epoch,
                "recorded_at": audit.at,
                "document_hash": one.document_hash,
                "party": one.party,
                "capacity": one.capacity,
                "statement": sealer.receipt(one.claims() | {"sub": audit.subject}, at=audit.at),
            }
            for one in signed
        ],
    )


def without(
    sealer: Sealer, signed: Iterable[Signed], receipts: Mapping[object, Sequence[Row[Any]]]
) -> Iterator[Signed]:
    """Return the signatures that no receipt vouches for. `receipts` are by document."""
    for one in signed:
        given = receipts.get(one.document_hash, ())
        if not any(_vouches(sealer, row.statement, one) for row in given):
            yield one


def _vouches(sealer: Sealer, statement: str, signed: Signed) -> bool:
    try:
        claims = sealer.open_receipt(statement)
    except NotGenuine:
        return False
    return signed.claims().items() <= claims.items()
