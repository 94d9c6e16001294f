"""What happens to submissions and editions, for others to know. Ids and counts only.

`contracts/pseudonymisation/events` is generated from the models here.
"""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from common.events import DomainEvent, event_type

SUBMISSION = "pseudonymisation.submission"
SOURCE = "pseudonymisation.source"


class SourceKind(StrEnum):
    """What files are made with, and can be taken back."""

    OPT_OUT_LIST = "opt_out_list"
    EDITION = "edition"


class SubmissionDecided(DomainEvent):
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


@event_type("pseudonymisation.submission-accepted.v1", topic=SUBMISSION)
class SubmissionAccepted(SubmissionDecided):
    """A file was landed and is the edition in force of its period."""


@event_type("pseudonymisation.submission-rejected.v1", topic=SUBMISSION)
class SubmissionRejected(SubmissionDecided):
    """A file was refused as a whole; what was there before stays."""


@event_type("pseudonymisation.edition-superseded.v1", topic=SUBMISSION)
class EditionSuperseded(DomainEvent):
    """A resubmission took the place of an edition."""

    edition_id: UUID
    superseded_by: UUID
    data_set: str
    period: str
    provider: str


@event_type("pseudonymisation.source-taken-back.v1", topic=SOURCE)
class SourceTakenBack(DomainEvent):
    """A list of opt-outs or an edition was taken back after it had been in force.

    What was made with it is void: it is not released, and not fetched any more. The reply to a
    national check is a list as well; `source_id` is what attestations name.
    """

    # Said at the first person's word, also where a second one has to follow: it only takes away
    # (docs/adr/0032).
    kind: Literal["opt_out_list", "edition"]
    source_id: UUID
    replaced_by: UUID | None


@event_type("pseudonymisation.edition-unsafe.v1", topic=SUBMISSION)
class EditionUnsafe(DomainEvent):
    """An edition was landed by rules that are not safe any more; nothing of it is given."""

    edition_id: UUID
    data_set: str
    period: str
    provider: str
