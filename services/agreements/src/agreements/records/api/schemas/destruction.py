"""Holdings and certificates of destruction, as they cross the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from agreements.records.api.schemas.shared import (
    Day,
    Incoming,
    Label,
    Outgoing,
    RoleName,
    SealedView,
    Words,
    told,
)
from agreements.records.domain.destruction.certificate import (
    Acceptance,
    Certificate,
    Certified,
    Destruction,
    DestructionState,
    Method,
    Statement,
)
from agreements.records.domain.destruction.ledger import Copy, CopyKind, Due, LedgerLine, Trigger
from agreements.records.use_cases.destruction.ledgers import HoldingsStatement, HoldingWithLedger

COPIES_MAX = 10_000
CopyId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{16}$",
        description="The copy's `id` in the prefilled certificate.",
        examples=["3f0c9a1b2d4e5f60"],
    ),
]


class DueView(Outgoing):
    trigger: Annotated[Trigger, Field(description="Why the file has to be destroyed.")]
    since: Annotated[datetime, Field(description="When that happened.")]
    by: Annotated[date, Field(description="The last day for it, in Europe/London.")]
    back_ups_by: Annotated[
        date, Field(description="The last day on which a back-up of it may age out by itself.")
    ]
    overdue: Annotated[bool, Field(description="Whether that day is over.")]

    @classmethod
    def of(cls, due: Due, at: datetime) -> Self:
        return cls(
            trigger=due.trigger,
            since=due.since,
            by=due.by,
            back_ups_by=due.back_ups_by,
            overdue=due.is_overdue(at),
        )


class CopyView(Outgoing):
    """A file at one holder's place, live or in its back-ups."""

    id: Annotated[str, Field(description="Names the copy in a certificate.")]
    file_id: Annotated[str, Field(description="The released file's id.")]
    holder: Annotated[str, Field(description="The ODS code of the organisation that has it.")]
    place: Annotated[str, Field(description="Where it is, as the agreement names the place.")]
    kind: Annotated[CopyKind, Field(description="`live`, or in a back-up.")]
    certified: Annotated[
        Method | None, Field(description="What was certified of it; null: nothing yet.")
    ] = None

    @classmethod
    def of(cls, copy: Copy, said: Certified | None = None) -> Self:
        return cls(
            id=copy.id,
            file_id=copy.file_id,
            holder=copy.holder,
            place=copy.place,
            kind=copy.kind,
            certified=None if said is None else said.method,
        )


class HeldFileView(Outgoing):
    """A released file: who has it where, and by when it must be destroyed."""

    holding_id: Annotated[UUID, Field(description="The id of the holding.")]
    file_id: Annotated[str, Field(description="The released file's id.")]
    agreement: Annotated[str, Field(description="The agreement under which it was released.")]
    data_set: Annotated[str, Field(description="The data set of its line.")]
    released_at: Annotated[datetime, Field(description="When it was released.")]
    fetched: Annotated[bool, Field(description="Whether a fetch of it was ever permitted.")]
    destroyed_at: Annotated[
        datetime | None, Field(description="When its destruction was accepted; null: it was not.")
    ]
    due: Annotated[
        DueView | None, Field(description="Null: it may be held, or nobody has it any more.")
    ]
    copies: Annotated[list[CopyView], Field(description="Where it is; none where it is gone.")]

    @classmethod
    def of(cls, line: LedgerLine, agreement: str, at: datetime, **said: Certified) -> Self:
        return cls(
            holding_id=line.file.holding_id,
            file_id=line.file.file_id,
            agreement=agreement,
            data_set=line.file.key.data_set,
            released_at=line.file.released_at,
            fetched=line.file.is_fetched,
            destroyed_at=line.file.destroyed_at,
            due=None if line.due is None else DueView.of(line.due, at),
            copies=[CopyView.of(copy, said.get(copy.id)) for copy in line.copies],
        )


class LedgerEntryView(HeldFileView, SealedView):
    is_as_sealed: Annotated[
        bool, Field(description="Whether this service wrote and sealed the holding as it is there.")
    ]

    @classmethod
    def shown(cls, one: HoldingWithLedger) -> Self:
        held = HeldFileView.of(one.line, one.holding.agreement, one.at)
        return cls(**held.model_dump(), is_as_sealed=bool(one.holding.is_as_sealed))


class HoldingsStatementView(Outgoing):
    """What is held under all of one's agreements, and what must go by when."""

    as_of: Annotated[datetime, Field(description="When it was read.")]
    files: Annotated[
        list[LedgerEntryView],
        Field(description="What is held still; what must go first is first."),
    ]
    due: Annotated[int, Field(description="How many of them must go.")]
    overdue: Annotated[int, Field(description="How many should be gone.")]
    is_whole: Annotated[
        bool, Field(description="False: there are more. `GET /v1/holdings` has all, in pages.")
    ]
    unreadable: Annotated[
        list[UUID],
        Field(description="Ids of holdings that cannot be read and so are not among the files."),
    ]

    @classmethod
    def of(cls, found: HoldingsStatement) -> Self:
        files = [told(LedgerEntryView.shown)(one) for one in found.held]
        return cls(
            as_of=found.at,
            files=files,
            due=sum(one.due is not None for one in files),
            overdue=sum(one.due is not None and one.due.overdue for one in files),
            is_whole=found.is_whole,
            unreadable=list(found.unreadable),
        )


class CertifyCopy(Incoming):
    """What became of one copy."""

    copy_id: CopyId
    method: Annotated[
        Method,
        Field(
            description="How it was destroyed. `never_fetched`: nobody fetched the file, which is"
            " checked. `ages_out`: a back-up that is overwritten by itself; say by when and why."
        ),
    ]
    destroyed_on: Annotated[
        Day | None, Field(description="The day of its destruction, in Europe/London.")
    ] = None
    ages_out_on: Annotated[
        Day | None, Field(description="The day on which the back-up is gone, at the latest.")
    ] = None
    reason: Annotated[
        Label | None, Field(description="Why the back-up cannot be destroyed now.")
    ] = None

    def told(self) -> Statement:
        return Statement(
            copy=self.copy_id,
            method=self.method,
            destroyed_on=self.destroyed_on,
            ages_out_on=self.ages_out_on,
            reason=self.reason,
        )


class HandInCertificate(Incoming):
    """A certificate of destruction: of all copies, or of a part, which adds up."""

    name_of_role: RoleName
    witness: Annotated[
        Label | None,
        Field(description="The contractor or witness, by role or firm; never a person's name."),
    ] = None
    copies: Annotated[
        list[CertifyCopy],
        Field(min_length=1, max_length=COPIES_MAX, description="Each copy once."),
    ]


class PrefilledCertificate(SealedView):
    """What a certificate has to account for: copies that must go, and nobody has certified."""

    agreement: Annotated[str, Field(description="The agreement's reference.")]
    due_by: Annotated[date | None, Field(description="The earliest day for any of them.")]
    copies: Annotated[list[CopyView], Field(description="Name each by `id` as `copy_id`.")]

    @classmethod
    def of(cls, shown: Destruction) -> Self:
        dues = [line.due.by for line in shown.lines if line.due is not None]
        return cls(
            agreement=shown.reference,
            due_by=min(dues, default=None),
            copies=[CopyView.of(copy) for copy in shown.missing()],
        )


class CertificateView(Outgoing):
    reference: Annotated[str, Field(description="The certificate's reference.")]
    organisation: Annotated[str, Field(description="Who handed it in.")]
    name_of_role: Annotated[str, Field(description="The role of who signed it.")]
    witness: Annotated[str | None, Field(description="The contractor or witness.")]
    handed_in_at: Annotated[datetime, Field(description="When it was handed in.")]
    copies: Annotated[int, Field(description="How many copies it accounts for.")]

    @classmethod
    def of(cls, one: Certificate) -> Self:
        return cls(
            reference=one.reference,
            organisation=one.organisation,
            name_of_role=one.name_of_role,
            witness=one.witness,
            handed_in_at=one.handed_in_at,
            copies=len(one.entries),
        )


class ExceptionView(Outgoing):
    """A back-up that is left to age out."""

    copy_id: Annotated[str, Field(description="The copy's id.")]
    file_id: Annotated[str, Field(description="The released file's id.")]
    holder: Annotated[str, Field(description="The ODS code of the organisation that has it.")]
    ages_out_on: Annotated[date | None, Field(description="By when it is gone.")]
    reason: Annotated[str | None, Field(description="Why it is not destroyed now.")]

    @classmethod
    def of(cls, one: Certified) -> Self:
        return cls(
            copy_id=one.copy,
            file_id=one.file_id,
            holder=one.holder,
            ages_out_on=one.ages_out_on,
            reason=one.reason,
        )


class AcceptanceView(Outgoing):
    accepted_by: Annotated[str, Field(description="The subject that accepted it.")]
    accepted_at: Annotated[datetime, Field(description="When.")]
    reason: Annotated[str, Field(description="Why, in the words of who accepted it.")]
    counts: Annotated[
        bool,
        Field(description="False where another certificate or file came since: it is not of that."),
    ]

    @classmethod
    def of(cls, one: Acceptance, shown: Destruction) -> Self:
        is_over = shown.state is DestructionState.ACCEPTED
        return cls(
            accepted_by=one.accepted_by,
            accepted_at=one.accepted_at,
            reason=one.reason,
            counts=is_over or one.covers == shown.covers,
        )


class DestructionView(SealedView):
    """What recipients hold under an agreement, what of it must go by when, and how far that is."""

    agreement: Annotated[str, Field(description="The agreement's reference.")]
    state: Annotated[DestructionState, Field(description="How it stands.")]
    files: Annotated[list[HeldFileView], Field(description="Every released file.")]
    missing: Annotated[
        list[CopyView], Field(description="Copies that must go, and nobody has certified.")
    ]
    exceptions: Annotated[list[ExceptionView], Field(description="Back-ups that age out.")]
    certificates: Annotated[list[CertificateView], Field(description="In the order of arrival.")]
    acceptances: Annotated[list[AcceptanceView], Field(description="Two people's make it so.")]

    @classmethod
    def of(cls, shown: Destruction) -> Self:
        said = shown.certified()
        return cls(
            agreement=shown.reference,
            state=shown.state,
            files=[
                HeldFileView.of(line, shown.reference, shown.at, **said) for line in shown.lines
            ],
            missing=[CopyView.of(copy) for copy in shown.missing()],
            exceptions=[ExceptionView.of(one) for one in shown.exceptions()],
            certificates=[CertificateView.of(one) for one in shown.certificates],
            acceptances=[AcceptanceView.of(one, shown) for one in shown.acceptances],
        )


class AcceptDestruction(Incoming):
    reason: Annotated[Words, Field(description="What was checked; no data about patients.")]
