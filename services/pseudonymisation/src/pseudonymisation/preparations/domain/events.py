"""What preparations tell others. Ids and numbers, never a field's value."""

from uuid import UUID

from common.events import EventData, event_type
from statements.vocabulary import Format

TOPIC = "pseudonymisation.preparation"


class FilePrepared(EventData):
    id: UUID
    format: Format
    rows: int
    bytes: int


@event_type("pseudonymisation.extract-prepared.v1", topic=TOPIC)
class ExtractPrepared(EventData):
    """An extract lies in the release store, attested. Nobody can fetch it yet."""

    preparation_id: UUID
    extract_id: UUID
    files: list[FilePrepared]


@event_type("pseudonymisation.preparation-failed.v1", topic=TOPIC)
class PreparationFailed(EventData):
    """An extract was not prepared, and nothing of it can be fetched. It needs a new permit."""

    preparation_id: UUID
    extract_id: UUID
    code: str
