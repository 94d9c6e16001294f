"""Breaches, as they cross the wire."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from agreements.records.api.schemas.agreements import HoldPreviewView, HoldView, LineNumbers
from agreements.records.api.schemas.shared import (
    Incoming,
    Instant,
    Label,
    Outgoing,
    SealedView,
    Words,
)
from agreements.records.domain.breach import (
    RECEIPT_OVERDUE,
    BreachState,
    Cause,
    Channel,
    Demand,
    Finding,
    Required,
    Stopped,
)
from agreements.records.use_cases.breaches import BreachPreview, BreachReport, BreachWithHolds
from common.errors import Invalid

ContractReferenceText = Annotated[
    str, Field(pattern=r"^CON-[0-9]{5,6}-[A-Z0-9]{5}$", examples=["CON-123456-A1B2C"])
]
ReportChannel = Literal[Channel.API, Channel.TELEPHONE, Channel.EMAIL, Channel.AUDIT]
"""By which somebody may report; `system` is for what the facts show."""


class ReportBreach(Incoming):
    """A report. The first question is whether the activity has stopped."""

    activity_stopped: Annotated[
        Stopped,
        Field(description="Stop it first. `no` and `not_known` hold the named lines at once."),
    ]
    activity_stopped_at: Instant | None = None
    agreement: Annotated[
        str, Field(pattern=r"^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$", examples=["DARS-NIC-123456-A1B2C"])
    ]
    lines: Annotated[
        LineNumbers | None, Field(description="Null: the whole agreement may be concerned.")
    ] = None
    description: Annotated[Words, Field(description="What happened; no data about patients.")]
    discovered_at: Instant
    channel: Annotated[
        ReportChannel, Field(description="By which way the report came, where staff record it.")
    ] = Channel.API
    dspt_incident: Label | None = None
    ico_required: Required = Required.NOT_KNOWN
    ico_notified_at: Annotated[
        Instant | None, Field(description="Your own duty; nothing here fulfils it for you.")
    ] = None

    @model_validator(mode="after")
    def _stopped_when_it_says_so(self) -> Self:
        if self.activity_stopped_at is not None and self.activity_stopped is not Stopped.YES:
            raise Invalid("activity_stopped_at is for an activity that has stopped")
        return self

    def told(self) -> BreachReport:
        return BreachReport(
            agreement=self.agreement,
            lines=None if self.lines is None else tuple(sorted(set(self.lines))),
            channel=self.channel,
            activity_stopped=self.activity_stopped,
            activity_stopped_at=self.activity_stopped_at,
            description=self.description,
            discovered_at=self.discovered_at,
            dspt_incident=self.dspt_incident,
            ico_required=self.ico_required,
            ico_notified_at=self.ico_notified_at,
        )


class JudgeBreach(Incoming):
    finding: Annotated[Finding, Field(description="Whether it is a breach, and how serious.")]
    actions: Annotated[
        frozenset[Demand],
        Field(
            description="What it demands. `destroy`: the files of its lines have to be destroyed."
            " `end_agreement`: the agreement ends at once. `end_contract`: the framework contracts"
            " in `contracts` end at once, and with them every agreement of their entities stops."
        ),
    ] = frozenset()
    contracts: Annotated[
        frozenset[ContractReferenceText],
        Field(max_length=50, description="Which framework contracts `end_contract` ends."),
    ] = frozenset()

    @model_validator(mode="after")
    def _demands_fit(self) -> Self:
        if self.finding is Finding.NOT_BREACH and self.actions:
            raise Invalid("actions are for what is a breach: with `not_breach` send none")
        if (Demand.END_CONTRACT in self.actions) != bool(self.contracts):
            raise Invalid("contracts names what `end_contract` ends: send both or neither")
        return self


class EstablishFacts(Incoming):
    facts: Annotated[Words, Field(description="What was found to have happened; no patients.")]
    records_affected: Annotated[
        int | None,
        Field(ge=0, le=10_000_000_000, description="How many records; null: not known."),
    ] = None


class CloseBreach(Incoming):
    outcome: Annotated[Words, Field(description="What was done.")]
    lesson: Annotated[Words, Field(description="What is done otherwise from now on.")]


class ReceiptView(Outgoing):
    """Confirms that the report arrived. It neither closes nor excuses anything."""

    reference: str
    at: datetime


class RegisterChangeView(Outgoing):
    """How a line of a public register stands because of a breach."""

    register_name: Annotated[str, Field(description="`agreements` or `contracts`.")]
    entry: Annotated[str, Field(description="The reference of the line.")]
    status: Annotated[str, Field(description="What the register says of it now.")]
    since: Annotated[datetime, Field(description="Since when (UTC).")]


class ContractPreviewView(Outgoing):
    reference: Annotated[str, Field(description="The contract that a finding could end.")]
    organisation: Annotated[str, Field(description="The ODS code of its legal entity.")]
    agreements: Annotated[
        list[str], Field(description="Agreements in force that would be suspended.")
    ]


class BreachPreviewView(SealedView):
    """What a finding would do, before it is made."""

    hold: Annotated[HoldPreviewView, Field(description="What `serious` would hold.")]
    files_to_destroy: Annotated[int, Field(description="Files that `destroy` would make due.")]
    agreement: Annotated[str, Field(description="What `end_agreement` would end.")]
    contracts: Annotated[
        list[ContractPreviewView], Field(description="What `end_contract` could end.")
    ]

    @classmethod
    def of(cls, shown: BreachPreview) -> Self:
        return cls(
            hold=HoldPreviewView.of(shown.hold),
            files_to_destroy=shown.files_to_destroy,
            agreement=shown.agreement,
            contracts=[
                ContractPreviewView(
                    reference=one.reference,
                    organisation=one.organisation,
                    agreements=list(one.agreements),
                )
                for one in shown.contracts
            ],
        )


class BreachView(SealedView):
    id: UUID
    reference: str
    state: BreachState
    agreement: str
    lines: list[int] | None
    channel: Channel
    activity_stopped: Stopped
    activity_stopped_at: datetime | None
    description: str
    discovered_at: datetime
    reported_at: datetime
    receipt: ReceiptView | None
    advice: Annotated[
        str | None, Field(description="What the reporter has to do where no receipt came.")
    ]
    dspt_incident: str | None
    ico_required: Required
    ico_notified_at: datetime | None
    finding: Finding | None
    actions: Annotated[list[Demand], Field(description="What the finding demands.")]
    contracts: Annotated[list[str], Field(description="The contracts that the finding ended.")]
    facts: Annotated[str | None, Field(description="What was found to have happened.")]
    facts_at: Annotated[datetime | None, Field(description="When that was recorded (UTC).")]
    records_affected: Annotated[int | None, Field(description="How many records; null: unknown.")]
    cause: Annotated[
        Cause | None, Field(description="What showed it where nobody reported it; null: a report.")
    ]
    outcome: str | None
    lesson: Annotated[str | None, Field(description="What is done otherwise since.")]
    closed_at: datetime | None
    holds: list[HoldView]
    register_changes: Annotated[
        list[RegisterChangeView], Field(description="What public registers say because of it.")
    ]

    @classmethod
    def of(cls, shown: BreachWithHolds) -> Self:
        b = shown.breach
        receipt = None
        if b.receipt_reference is not None and b.receipt_at is not None:
            receipt = ReceiptView(reference=b.receipt_reference, at=b.receipt_at)
        return cls(
            id=b.id,
            reference=b.reference,
            state=b.state,
            agreement=b.agreement,
            lines=None if b.lines is None else list(b.lines),
            channel=b.channel,
            activity_stopped=b.activity_stopped,
            activity_stopped_at=b.activity_stopped_at,
            description=b.description,
            discovered_at=b.discovered_at,
            reported_at=b.reported_at,
            receipt=receipt,
            advice=RECEIPT_OVERDUE if shown.receipt_overdue else None,
            dspt_incident=b.dspt_incident,
            ico_required=b.ico_required,
            ico_notified_at=b.ico_notified_at,
            finding=b.finding,
            actions=list(b.actions or ()),
            contracts=list(b.contracts or ()),
            facts=b.facts,
            facts_at=b.facts_at,
            records_affected=b.records_affected,
            cause=b.cause,
            outcome=b.outcome,
            lesson=b.lesson,
            closed_at=b.closed_at,
            holds=[HoldView.of(h, shown.at) for h in shown.holds],
            register_changes=[
                RegisterChangeView(
                    register_name=one.register, entry=one.entry, status=one.status, since=one.since
                )
                for one in shown.changes
            ],
        )
