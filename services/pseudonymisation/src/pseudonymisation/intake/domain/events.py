"""What happens to submissions and editions, for others to hear. Ids and counts only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionDecided:
    """A file was landed, or refused. Subclasses say which."""

    type: ClassVar[str]

    submission_id: UUID
    data_set: str
    period: str
    provider: str
    edition_id: UUID | None
    code: str | None
    rows_accepted: int
    """Records that were landed, those that come again in the file among them."""
    rows_repeated: int | None
    """Of these, records that come again: of each one is released; None: not counted then."""
    rows_quarantined: int
    at: datetime

    def data(self) -> dict[str, JsonValue]:
        return {
            "submission_id": str(self.submission_id),
            "data_set": self.data_set,
            "period": self.period,
            "provider": self.provider,
            "edition_id": None if self.edition_id is None else str(self.edition_id),
            "code": self.code,
            "rows_accepted": self.rows_accepted,
            "rows_repeated": self.rows_repeated,
            "rows_quarantined": self.rows_quarantined,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionAccepted(SubmissionDecided):
    type: ClassVar[str] = "pseudonymisation.submission-accepted.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRejected(SubmissionDecided):
    type: ClassVar[str] = "pseudonymisation.submission-rejected.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionSuperseded:
    type: ClassVar[str] = "pseudonymisation.edition-superseded.v1"

    edition_id: UUID
    superseded_by: UUID
    data_set: str
    period: str
    provider: str
    at: datetime

    def data(self) -> dict[str, JsonValue]:
        return {
            "edition_id": str(self.edition_id),
            "superseded_by": str(self.superseded_by),
            "data_set": self.data_set,
            "period": self.period,
            "provider": self.provider,
        }


class SourceKind(StrEnum):
    """What files are made with, and can be taken back."""

    OPT_OUT_LIST = "opt_out_list"
    EDITION = "edition"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTakenBack:
    """What was in force is taken back: what was made with it is void (docs/adr/0032).

    Said at the first person's word, also where a second one has to follow: it only takes away.
    """

    type: ClassVar[str] = "pseudonymisation.source-taken-back.v1"

    kind: SourceKind
    source_id: UUID
    replaced_by: UUID | None
    """What is in force in its place, or will be."""
    at: datetime

    def data(self) -> dict[str, JsonValue]:
        return {
            "kind": self.kind.value,
            "source_id": str(self.source_id),
            "replaced_by": None if self.replaced_by is None else str(self.replaced_by),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionUnsafe:
    type: ClassVar[str] = "pseudonymisation.edition-unsafe.v1"

    edition_id: UUID
    data_set: str
    period: str
    provider: str
    at: datetime

    def data(self) -> dict[str, JsonValue]:
        return {
            "edition_id": str(self.edition_id),
            "data_set": self.data_set,
            "period": self.period,
            "provider": self.provider,
        }
