"""Rights to submit for another provider, as they cross the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from agreements.records.api.schemas.organisations import LeftOutView
from agreements.records.api.schemas.shared import Code, Day, Incoming, Outgoing, SealedView, Words
from agreements.records.domain.lists.layouts.rights import ListedRight
from agreements.records.domain.parties.codes import CodeState
from agreements.records.domain.parties.submission_right import Basis, ProviderStanding, RightState
from agreements.records.use_cases.submission_rights import RecordedRights, Standings
from common.errors import Invalid


class RecordRight(Incoming):
    """A right that one organisation has to submit another one's records."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "submitter": "RFF",
                    "provider": "RJE",
                    "valid_from": "2018-04-01",
                    "valid_to": "2019-03-31",
                    "evidence": "Hosting agreement of 2018-03-01, clause 4",
                }
            ]
        }
    )

    submitter: Annotated[Code, Field(description="Who submits.")]
    provider: Annotated[Code, Field(description="Whose records these are.")]
    valid_from: Annotated[
        Day, Field(description="First day: of the periods that may be sent, the first day counts.")
    ]
    valid_to: Annotated[Day | None, Field(description="Last day, or null: no end is known.")] = None
    evidence: Annotated[Words, Field(description="Where the agreement of the two can be read.")]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise Invalid("valid_to lies before valid_from")
        return self

    def listed(self) -> ListedRight:
        return ListedRight(**self.model_dump())


class EndRight(Incoming):
    """The end of a right."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"last_day": "2019-03-31"}]})

    last_day: Annotated[Day | None, Field(description="Its last day; by default today.")] = None


class RightView(SealedView):
    """A right, and how it stands."""

    id: Annotated[UUID, Field(description="Of the right.")]
    batch: Annotated[UUID, Field(description="What is confirmed or taken back together.")]
    submitter: Annotated[str, Field(description="Who submits, in normal form.")]
    provider: Annotated[str, Field(description="Whose records these are, in normal form.")]
    valid_from: Annotated[date, Field(description="First day.")]
    valid_to: Annotated[date | None, Field(description="Last day; null: no end is known.")]
    evidence: Annotated[str, Field(description="Where the agreement of the two can be read.")]
    state: Annotated[
        RightState,
        Field(
            description="`waiting`: for a second person, and permits nothing. `confirmed`: holds in"
            " its days. `taken_back`: never held."
        ),
    ]
    proposed_by: Annotated[str, Field(description="The subject who recorded it.")]
    proposed_at: Annotated[datetime, Field(description="When, RFC 3339, in UTC.")]
    decided_by: Annotated[str | None, Field(description="The subject who decided.")]
    decided_at: Annotated[datetime | None, Field(description="When, RFC 3339, in UTC.")]
    reason: Annotated[str | None, Field(description="Of whoever decided.")]


class BatchView(Outgoing):
    """Rights that were recorded together."""

    id: Annotated[UUID, Field(description="Of the batch, for confirmation and withdrawal.")]
    rights: Annotated[list[RightView], Field(description="The rights of the batch.")]
    left_out: Annotated[LeftOutView, Field(description="What of a list was not taken.")]

    @classmethod
    def of(cls, batch: RecordedRights) -> Self:
        return cls.model_validate(batch)


class ProviderStandingView(Outgoing):
    """Whether the submitter may send a provider's records, and why or why not."""

    provider: Annotated[str, Field(description="The provider, as it was asked about.")]
    entity: Annotated[str, Field(description="The provider in normal form.")]
    standing: Annotated[
        CodeState,
        Field(
            description="On the day: `open`, `closed`, `not_yet` open, or `unknown`: in no loaded"
            " list, or a default code."
        ),
    ]
    basis: Annotated[
        Basis | None, Field(description="`own` records, a `right` in force, or null: none.")
    ]
    right: Annotated[UUID | None, Field(description="The right in force, where it is by one.")]
    may_submit: Annotated[bool, Field(description="There is a basis, and the provider is open.")]

    @classmethod
    def of(cls, standing: ProviderStanding) -> Self:
        return cls.model_validate(standing)


class StandingsView(Outgoing):
    """For whom a submitter may send records as at a day."""

    submitter: Annotated[str, Field(description="Who submits, as it was asked about.")]
    entity: Annotated[str, Field(description="The submitter in normal form.")]
    as_at: Annotated[date, Field(description="The day: the first one of the period.")]
    providers: Annotated[
        list[ProviderStandingView],
        Field(
            description="The provider that was asked about; where none was, the submitter itself"
            " and all for whom it has a right in force."
        ),
    ]

    @classmethod
    def of(cls, standings: Standings) -> Self:
        return cls.model_validate(standings)
