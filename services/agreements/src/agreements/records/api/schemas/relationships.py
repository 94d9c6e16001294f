"""Commissioning relationships, as they cross the wire."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, JsonValue, StrictBool, model_validator

from agreements.records.api.schemas.shared import Code, Day, Incoming, Label, Outgoing, SealedView
from agreements.records.domain.parties.domain_transfer import DomainTransferState
from agreements.records.domain.parties.relationship import ChangeKind
from agreements.records.domain.parties.relationship_life import RelationshipState
from agreements.records.use_cases.passing.csu_change import CsuChange, Lack, PreviewedTransfer
from agreements.records.use_cases.relationships import RelationshipRequest, RelationshipWithState
from common.errors import Invalid
from common.texts import Scanned
from common.web.replacement import StandingView

ServiceContract = Annotated[
    Label, Field(description="Reference of the signed contract for data processing services.")
]


class RequestRelationship(Incoming):
    change_kind: ChangeKind = ChangeKind.NEW
    commissioner: Code
    area_team: Code | None = None
    dscro: Annotated[
        str,
        Field(
            pattern=r"^[a-z-]{4,40}$|^0C[A-Z]$",
            description="One of the ten offices by name, or one of the six codes in use.",
            examples=["yorkshire", "0CM"],
        ),
    ]
    csu: Code | None = None
    processors: Annotated[tuple[Code, ...], Field(max_length=50)] = ()
    service: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9][a-z0-9-]{0,59}$",
            description="What the commissioner is supported in.",
            examples=["commissioning"],
        ),
        Scanned(code=True),
    ]
    effective_from: Day
    effective_to: Day | None = None
    service_contract_reference: ServiceContract | None = None
    contract_signed_on: Day | None = None
    changes: Annotated[
        UUID | None,
        Field(
            description="The relationship in operation whose place it takes, changed as"
            " `change_kind` says and in nothing else; it ends the day before, once this one is"
            " activated. Null: it changes none."
        ),
    ] = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.effective_to is not None and self.effective_to < self.effective_from:
            raise Invalid("it ends before it starts")
        return self

    def asked(self) -> RelationshipRequest:
        return RelationshipRequest(
            change_kind=self.change_kind,
            commissioner=self.commissioner,
            area_team=self.area_team,
            dscro=self.dscro,
            csu=self.csu,
            processors=tuple(dict.fromkeys(self.processors)),
            service=self.service,
            valid_from=self.effective_from,
            valid_to=self.effective_to,
            service_contract_reference=self.service_contract_reference,
            contract_signed_on=self.contract_signed_on,
            changes=self.changes,
        )


class VerifyContract(Incoming):
    service_contract_reference: ServiceContract | None = None
    contract_signed_on: Day | None = None


class Consent(Incoming):
    organisation: Code
    given: Annotated[StrictBool, Field(description="False withdraws it.")] = True


class EndRelationship(Incoming):
    last_day: Annotated[Day | None, Field(description="Inclusive; null: today.")] = None


class ConsentView(Outgoing):
    organisation: str
    given_at: datetime
    withdrawn_at: datetime | None


class RelationshipView(SealedView):
    id: UUID
    reference: str
    state: RelationshipState
    change_kind: ChangeKind
    commissioner: str
    commissioner_type: str
    area_team: str | None
    dscro: str
    csu: str | None
    processors: list[str]
    service: str
    effective_from: date
    effective_to: date | None
    service_contract_reference: str | None
    contract_signed_on: date | None
    changes: Annotated[UUID | None, Field(description="The relationship whose place it takes.")]
    activated_at: datetime | None
    consents: list[ConsentView]
    consents_missing: Annotated[
        list[str], Field(description="Without these it is not published; it may be active.")
    ]

    @classmethod
    def of(cls, shown: RelationshipWithState) -> Self:
        r = shown.relationship
        return cls(
            id=r.id,
            reference=r.reference,
            state=shown.state,
            change_kind=r.change_kind,
            commissioner=r.commissioner,
            commissioner_type=r.commissioner_type,
            area_team=r.area_team,
            dscro=r.dscro,
            csu=r.csu,
            processors=list(r.processors),
            service=r.service,
            effective_from=r.valid_from,
            effective_to=r.valid_to,
            service_contract_reference=r.service_contract_reference,
            contract_signed_on=r.contract_signed_on,
            changes=r.changes,
            activated_at=r.activated_at,
            consents=[ConsentView.model_validate(c) for c in r.consents],
            consents_missing=list(r.consents_missing()),
        )


class EditionView(SealedView):
    """One published spreadsheet of relationships; it never changes."""

    number: int | None
    published_at: datetime | None
    digest: str | None
    state: Annotated[
        Literal["published", "taken_back"] | None,
        Field(
            description="`taken_back`: what it said is shown no more. Null while nothing was"
            " published.",
            examples=["published"],
        ),
    ]
    items: list[dict[str, JsonValue]]


class PublishedView(EditionView):
    """What came of publishing: an edition, or one that waits for a second person."""

    import_id: Annotated[
        UUID | None,
        Field(description="By which it is confirmed or taken back; null where it is older."),
    ]
    standing: Annotated[
        StandingView | None,
        Field(description="`waiting`: it says much that was not said; null where it is older."),
    ]


class LackingView(Outgoing):
    """One thing that is missing before a change of CSU is whole."""

    lack: Annotated[Lack, Field(description="What it is.")]
    reference: Annotated[
        str, Field(description="The relationship, agreement or kind of environment; or empty.")
    ]
    said: Annotated[str, Field(description="The same in a sentence, with the next step.")]


class PreviewedTransferView(Outgoing):
    """A transfer of pseudonym domains to the new CSU."""

    agreement: Annotated[str, Field(description="The agreement's reference.")]
    id: Annotated[UUID, Field(description="Names the transfer.")]
    state: Annotated[DomainTransferState, Field(description="How it stands.")]
    effective_from: Annotated[date, Field(description="The first day on which they may go on.")]

    @classmethod
    def of(cls, one: PreviewedTransfer) -> Self:
        return cls(
            agreement=one.agreement,
            id=one.transfer.id,
            state=one.transfer.state,
            effective_from=one.transfer.valid_from,
        )


class CsuChangeView(Outgoing):
    """What a change of CSU comes to on its first day, and what is missing yet."""

    ending: Annotated[
        list[str], Field(description="Relationships with the former CSU that are in operation.")
    ]
    beginning: Annotated[list[str], Field(description="Relationships with the new one.")]
    agreements: Annotated[
        list[str],
        Field(description="About the commissioner, in which the former CSU is a processor."),
    ]
    files: Annotated[
        int, Field(description="Files that the former CSU holds under them: to be destroyed.")
    ]
    domains: Annotated[
        int,
        Field(
            description="Pseudonym domains of the former CSU's environments. The new CSU has other"
            " ones, and its tokens are other tokens, unless `transfers` say that they go on."
        ),
    ]
    transfers: Annotated[
        list[PreviewedTransferView],
        Field(description="By which domains go on with the new CSU; empty: they begin anew."),
    ]
    lacking: Annotated[
        list[LackingView],
        Field(description="Empty: no day is without a CSU, and none has two."),
    ]
    text: Annotated[
        str,
        Field(
            description="The counts in words.",
            examples=["ends 1 relationship, amends 2 agreements, 3 files to be destroyed"],
        ),
    ]
    not_as_sealed: Annotated[
        list[str],
        Field(
            description="Tables whose rows about it are not those that were sealed; the preview may"
            " then be wrong."
        ),
    ]

    @classmethod
    def of(cls, found: CsuChange) -> Self:
        ends, amends = len(found.ending), len(found.agreements)
        return cls(
            ending=list(found.ending),
            beginning=list(found.beginning),
            agreements=list(found.agreements),
            files=found.files,
            domains=found.domains,
            transfers=[PreviewedTransferView.of(one) for one in found.transfers],
            lacking=[LackingView.model_validate(one) for one in found.lacking],
            text=f"ends {ends} relationship{'s' * (ends != 1)}, amends {amends}"
            f" agreement{'s' * (amends != 1)}, {found.files} file{'s' * (found.files != 1)} to be"
            " destroyed",
            not_as_sealed=list(found.not_as_sealed),
        )
