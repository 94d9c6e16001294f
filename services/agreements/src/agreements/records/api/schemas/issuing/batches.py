"""Batches of agreements, as they cross the wire."""

import json
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, JsonValue

from agreements.records.api.schemas.shared import (
    Code,
    Day,
    Hash,
    Incoming,
    Outgoing,
    RoleName,
    SealedView,
)
from agreements.records.domain.issuing.batch import (
    AgreementBatch,
    BatchKind,
    BatchState,
    PaperSignature,
    PlannedAgreement,
)
from agreements.records.use_cases.issuing.planning import InForce
from common.security.principal import BODY

IMPORTED_MAX = 200


class SignedElsewhere(Incoming):
    """A signature under the document on paper."""

    party: Annotated[Code, Field(description="For whom; X26 for the Body.")]
    for_body: Annotated[
        bool, Field(description="Whether it is the Body's, which may be a party besides.")
    ] = False
    name_of_role: RoleName
    signed_on: Annotated[Day, Field(description="The day on the document; not one to come.")]

    def read(self) -> PaperSignature:
        return PaperSignature(
            party=BODY if self.for_body else self.party,
            for_body=self.for_body,
            name_of_role=self.name_of_role,
            signed_on=self.signed_on,
        )


class AgreementInForce(Incoming):
    """An agreement that is in force already."""

    snapshot: Annotated[
        dict[str, JsonValue],
        Field(description="What was approved, as `dsfc-snapshot/1` (contracts/)."),
    ]
    signed_document: Annotated[
        Hash, Field(description="Of the document that all signed, as it is kept elsewhere.")
    ]
    signatures: Annotated[
        list[SignedElsewhere],
        Field(min_length=1, max_length=100, description="Of every party, and of the Body."),
    ]


class ImportInForce(Incoming):
    """Agreements that are in force already: all of them are taken, or none."""

    agreements: Annotated[
        list[AgreementInForce],
        Field(min_length=1, max_length=IMPORTED_MAX, description="Each with its own document."),
    ]

    def read(self) -> list[InForce]:
        return [
            InForce(
                snapshot=one.snapshot,
                signed_document=one.signed_document,
                signatures=tuple(s.read() for s in one.signatures),
            )
            for one in self.agreements
        ]


class PlannedView(Outgoing):
    """One agreement of a batch."""

    line: Annotated[int, Field(description="Where the list has it: its line, or its position.")]
    reference: Annotated[str, Field(description="The reference that it has, or will have.")]
    version: Annotated[str, Field(description="Which version of the agreement.")]
    kind: Annotated[
        str,
        Field(
            description="`new`, `renewal` or `amendment`; of what is imported what it says itself."
        ),
    ]
    title: Annotated[str, Field(description="Its title.")]
    controllers: Annotated[list[str], Field(description="ODS codes of its controllers.")]
    start: Annotated[date, Field(description="Its first day, in Europe/London.")]
    end: Annotated[date, Field(description="Its last day, inclusive.")]
    snapshot_hash: Annotated[
        str, Field(description="`sha256:` and the hash of what will be in the document.")
    ]
    snapshot: Annotated[
        dict[str, JsonValue] | None,
        Field(
            description="What will be in the document. Null once it is decided: the agreement's"
            " document has it."
        ),
    ]
    signed_document: Annotated[
        str | None, Field(description="Of what is imported: the hash of the signed document.")
    ]
    without_contract: Annotated[
        bool,
        Field(
            description="No framework contract of its controller is on record for its first day:"
            " it will be SUSPENDED until there is one."
        ),
    ]

    @classmethod
    def of(cls, one: PlannedAgreement) -> Self:
        return cls(
            line=one.line,
            reference=one.reference,
            version=one.version,
            kind=one.kind,
            title=one.title,
            controllers=list(one.controllers),
            start=one.start,
            end=one.end,
            snapshot_hash=one.snapshot_hash,
            snapshot=json.loads(one.snapshot) if one.snapshot else None,
            signed_document=one.signed_document,
            without_contract=one.without_contract,
        )


class BatchSummary(SealedView):
    """A batch and how it stands."""

    id: Annotated[UUID, Field(description="Names the batch.")]
    kind: Annotated[BatchKind, Field(description="Where its agreements come from.")]
    source: Annotated[str, Field(description="The template and its number; else empty.")]
    digest: Annotated[str, Field(description="Of what was sent.")]
    state: Annotated[BatchState, Field(description="`waiting`: for a second person.")]
    agreements: Annotated[int, Field(description="How many agreements it has.")]
    proposed_by: Annotated[str, Field(description="The subject that handed it in.")]
    proposed_at: Annotated[datetime, Field(description="When it was handed in.")]
    decided_by: Annotated[str | None, Field(description="The second person.")]
    decided_at: Annotated[datetime | None, Field(description="When that one decided.")]
    reason: Annotated[str | None, Field(description="Why.")]

    @classmethod
    def of(cls, batch: AgreementBatch) -> Self:
        return cls(**_summary(batch))


class BatchOfAgreementsView(BatchSummary):
    """A batch with every agreement of it."""

    is_dry_run: Annotated[
        bool,
        Field(description="Whether nothing of it was kept; its references are not kept either."),
    ] = False
    planned: Annotated[list[PlannedView], Field(description="In the order of the list.")]

    @classmethod
    def of(cls, batch: AgreementBatch, *, is_dry_run: bool = False) -> Self:
        return cls(
            **_summary(batch),
            is_dry_run=is_dry_run,
            planned=[PlannedView.of(one) for one in batch.planned],
        )


def _summary(batch: AgreementBatch) -> dict[str, object]:
    return {
        "id": batch.id,
        "kind": batch.kind,
        "source": batch.source,
        "digest": batch.digest,
        "state": batch.state,
        "agreements": len(batch.planned),
        "proposed_by": batch.proposed_by,
        "proposed_at": batch.proposed_at,
        "decided_by": batch.decided_by,
        "decided_at": batch.decided_at,
        "reason": batch.reason,
    }
