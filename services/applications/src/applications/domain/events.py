"""What an application causes. Ids, states and hashes only: nothing personal, no free text."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationEvent:
    type: ClassVar[str]

    application_id: UUID
    reference: str | None
    """None until the first submission."""
    version: str | None
    revision: int
    state: str
    snapshot_hash: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSubmitted(ApplicationEvent):
    type: ClassVar[str] = "applications.application-submitted.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationReturned(ApplicationEvent):
    type: ClassVar[str] = "applications.application-returned.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationApproved(ApplicationEvent):
    type: ClassVar[str] = "applications.application-approved.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationDeclined(ApplicationEvent):
    type: ClassVar[str] = "applications.application-declined.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationWithdrawn(ApplicationEvent):
    type: ClassVar[str] = "applications.application-withdrawn.v1"


EVENTS: tuple[type[ApplicationEvent], ...] = (
    ApplicationSubmitted,
    ApplicationReturned,
    ApplicationApproved,
    ApplicationDeclined,
    ApplicationWithdrawn,
)
