"""Agreements, holds and holdings, as they cross the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, JsonValue

from agreements.records.api.schemas.shared import Incoming, Outgoing, SealedView, Words
from agreements.records.domain.destruction.recorded import RecordedHolding
from agreements.records.domain.hold import Hold
from agreements.records.domain.task import TaskKind
from agreements.records.domain.terms.agreement_life import AgreementState
from agreements.records.domain.version import (
    AgreementVersion,
    Capacity,
    Condition,
    Party,
    Signature,
)
from agreements.records.use_cases.agreements import AgreementWithState, HoldPreview

LineNumbers = Annotated[
    list[Annotated[int, Field(ge=1, le=10_000, strict=True)]], Field(min_length=1, max_length=200)
]


class PartyView(Outgoing):
    ods: str
    legal_name: str


class SignatureView(Outgoing):
    party: str
    for_body: bool
    name_of_role: str
    signed_at: datetime


class VersionView(Outgoing):
    version: str
    kind: str
    start: date
    end: date
    document_hash: str
    snapshot_hash: str
    signatures: list[SignatureView]
    missing_signatures: list[str]
    effective_from: datetime | None

    @classmethod
    def of(cls, version: AgreementVersion) -> Self:
        return cls(
            version=version.number,
            kind=version.kind,
            start=version.valid_from,
            end=version.valid_to,
            document_hash=version.document_hash,
            snapshot_hash=version.snapshot_hash,
            signatures=[_signature(s) for s in version.signatures],
            missing_signatures=list(version.missing_signatures()),
            effective_from=version.effective_from(),
        )


class LiftView(Outgoing):
    approved_by: str
    approved_at: datetime
    reason: str


class HoldView(Outgoing):
    id: UUID
    breach_id: UUID | None
    whole: Annotated[bool, Field(description="Every line, of later versions too.")]
    lines: list[int]
    reason: str
    set_at: datetime
    set_by: Annotated[str, Field(description="The subject that set it; `agreements` for itself.")]
    held_seconds: Annotated[
        int, Field(description="How long it has held, or held until it was lifted; seconds.")
    ]
    lifted_at: datetime | None
    lift_approvals: list[LiftView]

    @classmethod
    def of(cls, hold: Hold, at: datetime) -> Self:
        return cls(
            id=hold.id,
            breach_id=hold.breach_id,
            whole=hold.whole,
            lines=[line.number for line in hold.lines],
            reason=hold.reason,
            set_at=hold.set_at,
            set_by=hold.set_by,
            held_seconds=int(hold.held_for(at).total_seconds()),
            lifted_at=hold.lifted_at,
            lift_approvals=[LiftView.model_validate(lift) for lift in hold.lifts],
        )


class ConditionView(Outgoing):
    id: str
    text: str
    due: date | None
    owner: str
    fulfilled_at: datetime | None
    overdue: bool

    @classmethod
    def of(cls, condition: Condition, at: datetime) -> Self:
        return cls(
            id=condition.condition,
            text=condition.text,
            due=condition.due,
            owner=condition.owner,
            fulfilled_at=condition.fulfilled_at,
            overdue=condition.is_overdue(at),
        )


class TaskView(Outgoing):
    kind: TaskKind
    subject: str
    raised_at: datetime


class AgreementSummary(SealedView):
    reference: str
    version: Annotated[
        str, Field(description="The one that governs now, or else the latest drafted.")
    ]
    kind: str
    title: str
    state: AgreementState
    start: date
    end: date
    application_id: UUID
    document_hash: str
    snapshot_hash: str
    controllers: list[PartyView]
    processors: list[PartyView]
    lines_held: list[int]

    @classmethod
    def of(cls, shown: AgreementWithState) -> Self:
        return cls.model_validate(_summary(shown))


class AgreementView(AgreementSummary):
    """An agreement whole: what the version shown says, and how it stands."""

    territory: str | None
    commercial: bool | None
    sub_licence: bool | None
    lines: Annotated[
        list[dict[str, JsonValue]], Field(description="Annex B, as the approved snapshot has it.")
    ]
    linkage: list[JsonValue]
    locations: list[JsonValue]
    sections: Annotated[dict[str, JsonValue], Field(description="The 20 Standards' answers.")]
    conditions: list[ConditionView]
    imported: Annotated[
        dict[str, JsonValue] | None,
        Field(
            description="Of a version that was in force before it was handed in here: the"
            " `document_hash` of what was signed elsewhere, and the day of the last signature"
            " (`signed_on`). Null: it was signed here."
        ),
    ]
    issued_from: Annotated[
        dict[str, JsonValue] | None,
        Field(
            description="Of a version that was issued from a template: its name (`template`), its"
            " `number` and the `snapshot_hash` of its content. Null: it was not."
        ),
    ]
    controllers_today: Annotated[
        list[str],
        Field(
            description="Who stands in for the controllers today: each itself, or the successors to"
            " whom its standing passed by a transfer instrument. They may amend it.",
            examples=[["QF7"]],
        ),
    ]
    may_be_amended: Annotated[
        bool,
        Field(
            description="Whether an application may still amend, renew or extend it: not once it"
            " was ended, or all that was released under it is destroyed."
        ),
    ]
    versions: list[VersionView]
    holds: list[HoldView]
    tasks: list[TaskView]

    @classmethod
    def of(cls, shown: AgreementWithState) -> Self:
        content = shown.version.snapshot()
        return cls.model_validate(
            {
                **_summary(shown),
                "territory": content.get("territory"),
                "commercial": content.get("commercial"),
                "sub_licence": content.get("sub_licence"),
                "lines": content.get("lines", []),
                "linkage": content.get("linkage", []),
                "locations": content.get("locations", []),
                "sections": content.get("sections", {}),
                "conditions": [ConditionView.of(c, shown.at) for c in shown.version.conditions],
                "imported": content.get("imported"),
                "issued_from": content.get("issued_from"),
                "controllers_today": list(shown.controllers_today),
                "may_be_amended": shown.agreement.is_under_way,
                "versions": [VersionView.of(v) for v in shown.agreement.versions],
                "holds": [HoldView.of(h, shown.at) for h in shown.agreement.holds],
                "tasks": [TaskView.model_validate(t) for t in shown.tasks],
            }
        )


def _summary(shown: AgreementWithState) -> dict[str, object]:
    version = shown.version
    return {
        "reference": shown.agreement.reference,
        "version": version.number,
        "kind": version.kind,
        "title": version.title,
        "state": shown.state,
        "start": version.valid_from,
        "end": version.valid_to,
        "application_id": version.application_id,
        "document_hash": version.document_hash,
        "snapshot_hash": version.snapshot_hash,
        "controllers": _parties(version, Capacity.CONTROLLER),
        "processors": _parties(version, Capacity.PROCESSOR),
        "lines_held": list(shown.agreement.lines_held(shown.at)),
    }


def _parties(version: AgreementVersion, capacity: Capacity) -> list[Party]:
    return [party for party in version.parties if party.capacity is capacity]


def _signature(signature: Signature) -> SignatureView:
    return SignatureView.model_validate(signature)


class SetHold(Incoming):
    lines: Annotated[
        LineNumbers | None, Field(description="Null: the whole agreement, later versions too.")
    ] = None
    reason: Words


class HoldPreviewView(Outgoing):
    """What a hold would stop."""

    lines: list[int]
    flows: Annotated[int, Field(description="Files released under these lines.")]
    under_way: Annotated[
        int, Field(description="Preparations and downloads that are running; none that failed.")
    ]
    text: Annotated[str, Field(examples=["14 flows, 3 under way"])]
    not_as_sealed: Annotated[
        list[str],
        Field(
            description="Tables whose rows about the agreement are not those that were sealed; the"
            " counts may then be wrong. A hold can be set all the same."
        ),
    ]

    @classmethod
    def of(cls, preview: HoldPreview) -> Self:
        flows = preview.flows
        return cls(
            lines=list(preview.lines),
            flows=flows,
            under_way=preview.under_way,
            text=f"{flows} flow{'s' * (flows != 1)}, {preview.under_way} under way",
            not_as_sealed=list(preview.not_as_sealed),
        )


class Fulfilment(Incoming):
    evidence: Words


class HoldingView(Outgoing):
    id: UUID
    file_id: str
    extract_id: str
    holder: str
    line: int
    data_set: str
    periods: list[str]
    format: str
    bytes: int
    digest: str
    released_at: datetime
    is_as_sealed: Annotated[
        bool,
        Field(
            description="Whether this service wrote and sealed the row as it is there. One that is"
            " not is shown, and opens nothing; `dsfc audit verify` names it."
        ),
    ]

    @classmethod
    def of(cls, holding: RecordedHolding) -> Self:
        return cls(
            id=holding.id,
            file_id=holding.file_id,
            extract_id=holding.extract_id,
            holder=holding.holder,
            line=holding.line,
            data_set=holding.key.data_set,
            periods=list(holding.periods),
            format=holding.file_format,
            bytes=holding.bytes,
            digest=holding.digest,
            released_at=holding.released_at,
            is_as_sealed=bool(holding.is_as_sealed),
        )
