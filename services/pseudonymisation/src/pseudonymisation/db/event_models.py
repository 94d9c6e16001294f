"""What the intake says, as it crosses the wire: the models that the schemas come from."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from common.messaging import schemas
from common.messaging.envelope import Event
from common.messaging.schemas import event_type
from pseudonymisation.intake.domain import events
from pseudonymisation.intake.domain.edition import Edition
from pseudonymisation.intake.domain.opt_out import OptOutList
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.preparations.domain import events as preparation_events

TOPIC = "pseudonymisation.submission"
PREPARATION_TOPIC = "pseudonymisation.preparation"
SOURCE_TOPIC = "pseudonymisation.source"

# The domain's own events are their wire form already: two ids and numbers.
for said in (preparation_events.ExtractPrepared, preparation_events.PreparationFailed):
    event_type(said.type, topic=PREPARATION_TOPIC)(said)


class Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SubmissionData(Said):
    """A file of a provider, for a data set and a month or a range of months."""

    submission_id: UUID
    data_set: str
    period: str
    provider: str
    edition_id: UUID | None
    code: str | None
    rows_accepted: Annotated[
        int,
        Field(
            description="Records that were landed, those that come again in the file among them."
        ),
    ]
    rows_repeated: Annotated[
        int | None,
        Field(
            description="Of `rows_accepted`: records that come again. Of each one is released, so"
            " that `rows_accepted` - `rows_repeated` are different records. Null: not counted then."
        ),
    ] = None
    rows_quarantined: Annotated[int, Field(description="Lines that were set aside.")]


@event_type(events.SubmissionAccepted.type, topic=TOPIC)
class SubmissionAccepted(SubmissionData):
    """A file was landed and is the edition in force of its period."""


@event_type(events.SubmissionRejected.type, topic=TOPIC)
class SubmissionRejected(SubmissionData):
    """A file was refused as a whole; what was there before stays."""


@event_type(events.EditionSuperseded.type, topic=TOPIC)
class EditionSuperseded(Said):
    """A resubmission took the place of an edition."""

    edition_id: UUID
    superseded_by: UUID
    data_set: str
    period: str
    provider: str


@event_type(events.SourceTakenBack.type, topic=SOURCE_TOPIC)
class SourceTakenBack(Said):
    """A list of opt-outs or an edition was taken back after it had been in force.

    What was made with it is void: it is not released, and not fetched any more.
    """

    kind: Literal["opt_out_list", "edition"]
    source_id: UUID
    replaced_by: UUID | None


@event_type(events.EditionUnsafe.type, topic=TOPIC)
class EditionUnsafe(Said):
    """An edition was landed by rules that are not safe any more; nothing of it is given."""

    edition_id: UUID
    data_set: str
    period: str
    provider: str


def of_submission(submission: Submission, event: events.SubmissionDecided) -> Event:
    """Put what happened to a submission into an envelope."""
    kinds: dict[str, type[SubmissionData]] = {
        events.SubmissionAccepted.type: SubmissionAccepted,
        events.SubmissionRejected.type: SubmissionRejected,
    }
    return schemas.event(
        kinds[event.type].model_validate(event.data()),
        subject=f"submissions/{submission.id}",
        time=event.at,
        aggregate_id=submission.id,
        aggregate_version=submission.version,
        state=submission.state.value,
    )


def of_source(source: Edition | OptOutList, event: events.SourceTakenBack) -> Event:
    """Put into an envelope that something was taken back."""
    return schemas.event(
        SourceTakenBack.model_validate(event.data()),
        subject=f"{event.kind}/{source.id}",
        time=event.at,
        aggregate_id=source.id,
        aggregate_version=source.version,
        state=source.standing.state.value,
    )


def of_edition(
    edition: Edition,
    event: events.EditionSuperseded | events.SourceTakenBack | events.EditionUnsafe,
) -> Event:
    """Put what happened to an edition into an envelope."""
    if isinstance(event, events.SourceTakenBack):
        return of_source(edition, event)
    is_unsafe = isinstance(event, events.EditionUnsafe)
    kind = EditionUnsafe if is_unsafe else EditionSuperseded
    return schemas.event(
        kind.model_validate(event.data()),
        subject=f"editions/{edition.id}",
        time=event.at,
        aggregate_id=edition.id,
        aggregate_version=edition.version,
        state="unsafe" if is_unsafe else "superseded",
    )
