"""What is passed on, and the places that an audit found, as they cross the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from agreements.records.api.schemas.agreements import LineNumbers
from agreements.records.api.schemas.shared import Code, Day, Incoming, Outgoing, SealedView
from agreements.records.domain.breach import Breach, Stopped
from agreements.records.domain.terms.differences import Annex, TermChange
from agreements.records.domain.terms.onward import Ground, OnwardShare
from agreements.records.use_cases.passing.onward import PassedOn

LineNumber = Annotated[
    int, Field(ge=1, le=10_000, strict=True, description="The number of the line, in Annex B.")
]


class LogOnwardShare(Incoming):
    """Data that went on to another organisation."""

    recipient: Annotated[Code, Field(description="Who has them now, by its ODS code.")]
    line: LineNumber
    shared_on: Annotated[Day, Field(description="The day, in Europe/London; not one to come.")]
    activity_stopped: Annotated[
        Stopped,
        Field(
            description="Whether it has stopped. Where no clause names the recipient, `no` and"
            " `not_known` hold the line at once."
        ),
    ]

    def told(self) -> PassedOn:
        return PassedOn(
            recipient=self.recipient,
            line=self.line,
            shared_on=self.shared_on,
            stopped=self.activity_stopped,
        )


class OnwardShareView(SealedView):
    """What went on to whom: a line of the register of what was passed on."""

    id: Annotated[UUID, Field(description="Names the entry.")]
    recipient: Annotated[str, Field(description="The ODS code of who has them now.")]
    line: Annotated[int, Field(description="The number of the line.")]
    level: Annotated[str, Field(description="The classification of the line.")]
    shared_on: Annotated[date, Field(description="The day on which it went on.")]
    logged_at: Annotated[datetime, Field(description="When it was logged.")]
    logged_by: Annotated[str, Field(description="The organisation that logged it.")]
    version: Annotated[str, Field(description="The version of the agreement that was asked.")]
    ground: Annotated[
        Ground | None,
        Field(description="The clause that allows it; null: none does, and it is a breach."),
    ]
    breach_id: Annotated[UUID | None, Field(description="The breach that it is.")]

    @classmethod
    def of(cls, one: OnwardShare) -> Self:
        return cls(
            id=one.id,
            recipient=one.recipient,
            line=one.line,
            level=one.level,
            shared_on=one.shared_on,
            logged_at=one.logged_at,
            logged_by=one.logged_by,
            version=one.version_number,
            ground=one.ground,
            breach_id=one.breach_id,
        )


class MayShareView(Outgoing):
    """Whether data may go on; nothing is logged by asking."""

    allowed: Annotated[bool, Field(description="Whether a clause names the recipient.")]
    ground: Annotated[Ground | None, Field(description="The clause; null: there is none.")]
    text: Annotated[str, Field(description="What to do.")]

    @classmethod
    def of(cls, ground: Ground | None) -> Self:
        if ground is None:
            text = "No clause names the recipient: apply for an amendment before anything goes on."
        else:
            text = "Log it when it has gone on."
        return cls(allowed=ground is not None, ground=ground, text=text)


class SeenPlace(Incoming):
    """A place where an audit found data."""

    postcode: Annotated[
        str,
        Field(
            pattern=r"^[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}$",
            description="The postcode of the building.",
            examples=["SO53 3YA"],
        ),
    ]
    operator: Annotated[Code, Field(description="Who runs it, by its ODS code.")]


class FindPlaces(Incoming):
    """What an audit of a recipient saw."""

    places: Annotated[
        list[SeenPlace], Field(min_length=1, max_length=200, description="Where data are.")
    ]
    lines: Annotated[
        LineNumbers | None, Field(description="Whose data; null: it may be of all.")
    ] = None
    activity_stopped: Annotated[
        Stopped, Field(description="Whether it has stopped at places that are not named.")
    ]


class PlacesView(Outgoing):
    all_named: Annotated[bool, Field(description="Whether the agreement names every place.")]
    breach_id: Annotated[UUID | None, Field(description="The breach that was opened; null: none.")]
    breach_reference: Annotated[str | None, Field(description="Its reference.")]

    @classmethod
    def of(cls, breach: Breach | None) -> Self:
        return cls(
            all_named=breach is None,
            breach_id=None if breach is None else breach.id,
            breach_reference=None if breach is None else breach.reference,
        )


class TermChangeView(Outgoing):
    annex: Annotated[Annex, Field(description="The part of the agreement; a letter is an annex.")]
    sentence: Annotated[str, Field(description="What the later version says otherwise.")]


class VersionComparison(SealedView):
    """What differs between two versions, in sentences."""

    former: Annotated[str, Field(description="The version that it is compared with.")]
    later: Annotated[str, Field(description="The version that is compared.")]
    differences: Annotated[list[TermChangeView], Field(description="None: they say the same.")]

    @classmethod
    def of(cls, former: str, later: str, said: tuple[TermChange, ...]) -> Self:
        shown = [TermChangeView.model_validate(one) for one in said]
        return cls(former=former, later=later, differences=shown)
