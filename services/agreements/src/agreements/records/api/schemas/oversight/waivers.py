"""Letters that waive opt-outs, as they cross the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from agreements.records.api.schemas.oversight.directions import DATA_SETS_MAX, DataSetName
from agreements.records.api.schemas.shared import Day, Incoming, Label, Name, SealedView
from agreements.records.domain.oversight.waivers import OptOutWaiver, WaiverState
from common.errors import Invalid
from common.ids import new_id
from statements.vocabulary import Digest, Purpose


class RecordOptOutWaiver(Incoming):
    """A letter of the Confidentiality Advisory Group that waives opt-outs for a purpose."""

    reference: Annotated[Label, Field(description="Of the letter, by which it is found again.")]
    purpose: Annotated[Purpose, Field(description="For whose identifiable data it waives them.")]
    data_sets: Annotated[
        tuple[DataSetName, ...],
        Field(
            max_length=DATA_SETS_MAX,
            description="Of which data sets the letter is; none: of every one.",
        ),
    ] = ()
    dated: Annotated[Day, Field(description="The day of the letter, today at the latest.")]
    valid_from: Annotated[
        Day,
        Field(
            description="The date in the letter from which opt-outs are not upheld: the day of the"
            " letter at the earliest."
        ),
    ]
    valid_to: Annotated[
        Day | None, Field(description="The last day that the letter names; null: it names none.")
    ] = None
    document_digest: Annotated[
        Digest,
        Field(
            description="SHA-256 of the letter as its holder keeps it, so that it is known which"
            " document the second person saw."
        ),
    ]
    source: Annotated[Name, Field(description="Where the letter is kept or published.")]

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.valid_from < self.dated:
            raise Invalid("valid_from lies before the day of the letter")
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise Invalid("valid_to lies before valid_from")
        return self

    def fact(self, *, by: str, at: datetime) -> OptOutWaiver:
        said = self.model_dump() | {"data_sets": tuple(dict.fromkeys(self.data_sets))}
        return OptOutWaiver(
            id=new_id(), **said, state=WaiverState.WAITING, proposed_by=by, proposed_at=at
        )


class OptOutWaiverView(SealedView):
    id: Annotated[UUID, Field(description="Names the record.")]
    reference: Annotated[str, Field(description="Of the letter.")]
    purpose: Annotated[Purpose, Field(description="For whose identifiable data it waives them.")]
    data_sets: Annotated[list[str], Field(description="Of which; none: of every one.")]
    dated: Annotated[date, Field(description="The day of the letter.")]
    valid_from: Annotated[date, Field(description="From which day they are not upheld.")]
    valid_to: Annotated[date | None, Field(description="The last day; null: none is named.")]
    document_digest: Annotated[str, Field(description="SHA-256 of the letter.")]
    source: Annotated[str, Field(description="Where the letter is kept or published.")]
    state: Annotated[
        WaiverState,
        Field(
            description="`waiting`: for a second person, and waives nothing. `confirmed`: it"
            " counts on its days. `taken_back`: opt-outs are upheld."
        ),
    ]
    proposed_at: Annotated[datetime, Field(description="When it was recorded.")]
    decided_at: Annotated[
        datetime | None, Field(description="When it was confirmed or taken back; null: it waits.")
    ]
    reason: Annotated[str | None, Field(description="Why it was; null: it waits.")]
